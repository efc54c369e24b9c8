"""The threshold of the equal error rate, at which measures of accuracy decide."""

import numpy as np

from lpel_serving.verification.accuracy import Labels, Scores, count_of_each, half_way


def equal_error_threshold(similarities: Scores, same: Labels) -> float:
    """Threshold at which false accepts and false rejects are as equally frequent as can be.

    Their rates are compared, so that it does not matter which kind of pair is the commoner.

    Parameters
    ----------
    similarities
        Float32, shape (N,), finite.
    same
        Whether each pair is of one person, shape (N,); both kinds are needed.

    Returns
    -------
    float
        Half-way between two neighbouring similarities, in float32. Of two that balance the rates
        equally well, the one with the fewer errors, then the lower. If all are equal, that value.

    Raises
    ------
    ParameterError
        If a kind of pair is absent, a similarity is not finite, or the lengths differ.
    """
    n_same, n_different = count_of_each(similarities, same, "an equal-error threshold")
    order = np.argsort(similarities, kind="stable")
    scores, truth = similarities[order], same[order]
    cut = np.flatnonzero(scores[1:] > scores[:-1])
    if not len(cut):
        return float(scores[0])
    # Both rates over one denominator, so that whole numbers are compared.
    false_rejects = np.cumsum(truth)[cut] * n_different
    false_accepts = (n_different - np.cumsum(~truth)[cut]) * n_same
    gap, errors = np.abs(false_accepts - false_rejects), false_accepts + false_rejects
    best = cut[np.lexsort((errors, gap))[0]]
    return float(half_way(scores[best], scores[best + 1]))
