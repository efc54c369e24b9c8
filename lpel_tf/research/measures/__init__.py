"""Measures that compare methods over many pairs, a folder for each family of the literature.

`correlation`
    Is what a method predicts of unseen coalitions what they do, and how much of it is the pair's
    own?
`deletion_insertion`
    Verification accuracy as the highest-ranked pixels go, or alone remain.
`patches`, `landmarks`
    Faces altered where the truth is known: does a map find the patch, or the swapped landmark?
`occluders`
    Glasses, a hand, a mask or a scarf drawn onto a face: does a map move there?
`randomisation`
    Sanity checks: does a map change when the network's weights, or the decision, do?
`robustness`
    Stability: does it stay when what does not matter changes?
`reconstruction`
    How much of a face a decoder gives back.

The deletion curve of superpixels is in the engine: see `lpel_serving.faithfulness`.
"""
