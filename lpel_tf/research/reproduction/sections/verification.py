"""Section 5.2.2: verification accuracy of the network at the thesis's threshold."""

from collections.abc import Sequence

import numpy as np

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
    by_cosine = laboratory.main.compared.record.kind == "cosine"
    theirs = "the thesis, CelebA" if by_cosine else "the thesis, CelebA, by cosine"
    rows = [(theirs, "70000", "0.300", *_percent(THESIS))]
    for crop, (pairs, result, best_at) in measured.items():
        rows.append((f"crop {crop}", str(pairs), f"{laboratory.threshold:.3f}", *_percent(result)))
        rows.append(
            (f"crop {crop}, best on these", str(pairs), f"{best_at[0]:.3f}", *_percent(best_at[1]))
        )
    return Section(
        key="verification",
        title="Accuracy of the network",
        counterpart="section 5.2.2",
        findings=(_finding(laboratory, *measured[laboratory.main.crop]),),
        tables=(
            Table(
                "Share of right decisions",
                ("", "pairs", "threshold", "same", "different", "all"),
                tuple(rows),
            ),
        ),
        notes=_notes(settings),
        data={
            crop: {"pairs": pairs, "at_threshold": vars(result), "best_threshold": best_at[0]}
            for crop, (pairs, result, best_at) in measured.items()
        },
    )


def _finding(
    laboratory: Laboratory, pairs: int, at: Accuracy, best: tuple[float, Accuracy]
) -> Finding:
    record = laboratory.main.compared.record
    where = "" if record.kind == "cosine" else f"a {record.measure} of "
    return Finding(
        "At a threshold of 0.3 the network is right on 0.8959 of the pairs of one person, 0.9122 "
        "of those of two, 0.9041 of all.",
        f"{at.same:.4f}, {at.different:.4f} and {at.total:.4f} on {pairs} pairs at {where}"
        f"{laboratory.threshold:.3f}; {best[1].total:.4f} at {best[0]:.3f}, the best threshold on "
        "these very pairs. Network and photographs are others than the thesis's.",
        "not comparable",
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
    compared, h = setting.compared, everyone.embeddings
    similarities = compared.comparison.similarity(h[first], h[second])
    best = best_threshold(similarities, same)
    return (
        n,
        accuracy(similarities, same, laboratory.similarity_threshold(setting)),
        (compared.record.own_of(best), accuracy(similarities, same, best)),
    )


def _notes(settings: Sequence[Setting]) -> tuple[str, ...]:
    """Say what is called similarity, where it is not what the network itself compares."""
    kind = settings[0].compared.record.kind
    if kind == "cosine":
        return ()
    if kind == "head":
        return ("Wherever a similarity is named, it is the score of the learned head, in [0, 1].",)
    spreads = " and ".join(
        f"{setting.compared.record.needed_spread:.4g} for the crop {setting.crop}"
        for setting in settings
    )
    note = (
        "The network compares by distance. Wherever a similarity is named, it is 1 - d² / (2 s²) "
        "of a distance d: 1 for an image with itself, and 0 on average for two drawn at random. "
        "s, the root mean square of the distances of the training's embeddings from their mean, "
        f"is {spreads}."
    )
    return (note,)


def _percent(result: Accuracy) -> tuple[str, str, str]:
    return f"{result.same:.4f}", f"{result.different:.4f}", f"{result.total:.4f}"
