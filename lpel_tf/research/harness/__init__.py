"""The harness that every experiment starts from: people, trained decoders, pairs.

`people` cuts out and embeds photographs and holds out some people, `decoders` trains on the others,
`pairs` draws pairs of the people held out on which the network decided rightly, and `shipped` has
the photographs and the network that the shipped decoders were made with.
"""
