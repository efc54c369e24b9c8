"""Whether an explanation can be believed: quality curves, controls, checks.

`study` puts a method to a question: `photograph_pairs` chooses the pairs, `plan` lists the images
that all orders need, `assessment` measures the similarities, `judgement` says what they show.
`accuracy`, `sanity`, `stability` and `fidelity` ask in other ways.
"""
