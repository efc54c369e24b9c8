"""Section 5.2.2: verification accuracy of the network at the thesis's threshold."""

import numpy as np

from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.datasets.pairs import draw_pairs, possible_pairs
from lpel_serving.verification.accuracy import Accuracy, accuracy, best_threshold
from lpel_tf.research.harness.decoders import Setting
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.section import Finding, Section, Table

THESIS = Accuracy(same=0.8959, different=0.9122, total=0.9041)


def run(laboratory: Laboratory) -> Section:
    """Compare pairs, half of them of one person."""
    settings = [s for s in (laboratory.main, laboratory.loose) if s is not None]
    measured = {setting.crop: _accuracy(laboratory, setting) for setting in settings}
    n, at, best = measured[laboratory.main.crop]
    rows = [("the thesis, CelebA", "70000", "0.300", *_percent(THESIS))]
    for crop, (pairs, result, best_at) in measured.items():
        rows.append((f"crop {crop}", str(pairs), f"{laboratory.threshold:.3f}", *_percent(result)))
        rows.append(
            (f"crop {crop}, best on these", str(pairs), f"{best_at[0]:.3f}", *_percent(best_at[1]))
        )
    return Section(
        key="verification",
        title="Accuracy of the network",
        counterpart="section 5.2.2",
        findings=(
            Finding(
                "At a threshold of 0.3 the network is right on 0.8959 of the pairs of one person, "
                "0.9122 of those of two, 0.9041 of all.",
                f"{at.same:.4f}, {at.different:.4f} and {at.total:.4f} on {n} pairs at "
                f"{laboratory.threshold:.3f}; {best[1].total:.4f} at {best[0]:.3f}, the best "
                "threshold on these very pairs. Network and photographs are others than the "
                "thesis's.",
                "not comparable",
            ),
        ),
        tables=(
            Table(
                "Share of right decisions",
                ("", "pairs", "threshold", "same", "different", "all"),
                tuple(rows),
            ),
        ),
        data={
            crop: {"pairs": pairs, "at_threshold": vars(result), "best_threshold": best_at[0]}
            for crop, (pairs, result, best_at) in measured.items()
        },
    )


def _accuracy(
    laboratory: Laboratory, setting: Setting
) -> tuple[int, Accuracy, tuple[float, Accuracy]]:
    everyone = setting.everyone
    n = min(laboratory.sizes.comparisons, possible_pairs(everyone.identities))
    rng = np.random.default_rng((laboratory.seed, 522))
    first, second, same = (
        np.array(column) for column in zip(*draw_pairs(everyone.identities, n, rng), strict=True)
    )
    similarities = cosine_similarity(everyone.embeddings[first], everyone.embeddings[second])
    best = best_threshold(similarities, same)
    return (
        n,
        accuracy(similarities, same, laboratory.threshold),
        (best, accuracy(similarities, same, best)),
    )


def _percent(result: Accuracy) -> tuple[str, str, str]:
    return f"{result.same:.4f}", f"{result.different:.4f}", f"{result.total:.4f}"
