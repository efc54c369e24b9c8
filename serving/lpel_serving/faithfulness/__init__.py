"""Faithfulness: deletion and transplant curves, controls, and the check of one pair.

`study` runs an assessment: `photograph_pairs` chooses the pairs, `plan` lists the images that all
orders need, `assessment` measures the similarities, `judgement` compares the methods. Other
measures are in `lpel_tf.research.measures`.
"""
