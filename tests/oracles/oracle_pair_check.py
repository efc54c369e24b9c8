"""The faithfulness check of a pair, step by step: replace, embed, compare, one after another."""

from oracles import curves, equations


def one_curve(embed, images, new_images, kind, places, every, superpixel):
    """Similarity at first and after every few superpixels, by the kind of replacement."""
    reference, test = images
    new_reference, new_test = new_images
    points = [equations.cosine_similarity(embed(reference), embed(test))]
    for done, place in enumerate(places, start=1):
        test = curves.replace(
            test, reference if kind == "transplant" else new_test, place, superpixel
        )
        if kind == "both":
            reference = curves.replace(reference, new_reference, place, superpixel)
        if done % every == 0 or done == len(places):
            points.append(equations.cosine_similarity(embed(reference), embed(test)))
    return points


def on_scale(points, kind, similar):
    """As a share of the first, or from 0 to 1, or as what was moved."""
    if similar and kind == "transplant":
        return [abs(value - points[0]) for value in points]
    return curves.as_a_proportion(points) if similar else curves.from_0_to_1(points)


def area(points, replaced):
    """By trapezoids, the last of which may be narrower."""
    total = 0.0
    for i in range(1, len(points)):
        width = (replaced[i] - replaced[i - 1]) / replaced[-1]
        total += (points[i - 1] + points[i]) / 2 * width
    return total


def beaten(own, random, similar):
    """How many random areas are worse: higher if similar, lower if dissimilar."""
    wins = 0
    for other in random:
        if (other > own) if similar else (other < own):
            wins += 1
    return wins
