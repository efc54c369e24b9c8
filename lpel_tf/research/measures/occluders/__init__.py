"""Occluders drawn onto faces, where no average of other pairs can know of them.

`drawing` draws glasses, a hand, a mask or a scarf with known pixels, `shapes` has their outlines,
`game` asks methods for their maps without and with it, and `scores` says how far a map moves there.
"""
