"""Batch jobs: millions of pairs, on one machine or on many, each row written exactly once.

The way of a row, and the module that takes it each step::

    list -> rows -> plan -> embeddings -> pair table -> maps, curves -> result table -> shard
    |               |       |             |             |               |               |
    input.lists     plan    stages.       stages.       stages.         output.         output.
                            embedding     pair_table    explaining      result_table    commits

Between the steps it waits in the folder of the job (`store`): rows by shard, every distinct image
once, under a number, and what became of it. `run` goes this way from the beginning, or from where
it stopped, to the end; `job` says which job a folder holds, `results` reads what is committed.
"""
