"""The harness: what every experiment starts from, set up in one place.

`people` cuts out and embeds photographs and keeps some people apart, `decoders` trains on the
others, `pairs` draws pairs of the people apart on which the network decided rightly, and `shipped`
has the photographs and the network that the shipped decoders were made with.
"""
