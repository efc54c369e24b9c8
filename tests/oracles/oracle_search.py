"""One to many, member by member: no numpy."""

import math


def cosine(a, b):
    """Eq. 5.1 in double precision; a vector of zeros is like nothing."""
    length = math.hypot(*a) * math.hypot(*b)
    return sum(x * y for x, y in zip(a, b, strict=True)) / length if length else 0.0


def ranked(similarities, top):
    """The places of the largest similarities, one after the other; of equal ones the first."""
    left = list(range(len(similarities)))
    found = []
    while left and len(found) < top:
        best = left[0]
        for place in left:
            if similarities[place] > similarities[best]:
                best = place
        found.append(best)
        left.remove(best)
    return found
