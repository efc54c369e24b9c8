"""Faithfulness correlation: whether what a method predicts of unseen coalitions is what they do.

`effects` measures what random coalitions do to the similarity, `predictions` has what a method says
of them, `scores` correlates both (Bhatt et al. 2020, Evaluating and aggregating feature-based model
explanations, IJCAI), `measured` fits maps to other coalitions of the same fill, the yardstick, and
`share` says how much of what can be known of the pair alone a method knows.
"""
