"""Batch jobs: millions of pairs, on one machine or on many, each row written exactly once.

rows -> plan -> embedding -> explaining -> committed shards
(every distinct image once)
"""
