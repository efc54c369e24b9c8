"""Figure 5.17: the k closest features perturbed at random, as EMSNN does."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.mask import mask
from lpel_serving.methods.decoded.emsnn import Emsnn
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.method import Method
from lpel_serving.methods.networks import AssembledNetworks
from lpel_serving.report.figures import highlight, png
from lpel_serving.report.pictures import displayable
from lpel_tf.research.figures import gallery_figure
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.likeness import Likeness, likeness
from lpel_tf.research.reproduction.section import Finding, Picture, Section, Table, above, below

_FEW, _MANY = 20, 100
_SHOWN = 4


def run(laboratory: Laboratory) -> Section:
    """Compare the maps of few and of many features, of draws and of their limit."""
    many = min(_MANY, laboratory.main.embedder.record.dimension)
    few = min(_FEW, many)
    engine = laboratory.main.engine()
    theirs = laboratory.main.networks(engine.embed, laboratory.emsnn_decoder.decode)
    maps = {
        "few": _maps(laboratory, Emsnn(few), engine),
        "many": _maps(laboratory, Emsnn(many), engine),
        "again": _maps(laboratory, Emsnn(many), engine, seed=1),
        "limit": _maps(laboratory, Emsnn(many, None), engine),
        "lpel": _maps(laboratory, Lpel(), engine),
        "whole": _maps(laboratory, Emsnn(many), theirs),
    }
    compared = {
        f"k = {few} and k = {many}": ("few", "many"),
        f"k = {many}, other draws": ("many", "again"),
        f"k = {many}, 50 draws and infinitely many": ("many", "limit"),
        f"k = {many} and LPEL": ("many", "lpel"),
        f"k = {few} and LPEL": ("few", "lpel"),
        f"k = {many}, the decoder and EMSNN's own": ("many", "whole"),
    }
    seed = laboratory.seed
    numbers = {name: likeness(maps[a], maps[b], seed) for name, (a, b) in compared.items()}
    k, draws = numbers[f"k = {few} and k = {many}"], numbers[f"k = {many}, other draws"]
    return Section(
        key="top-k",
        title="The top k features, perturbed at random",
        counterpart="figure 5.17, section 5.5.3",
        findings=_findings(few, many, k, draws),
        tables=(
            Table(
                "How alike two maps are",
                ("maps", "Spearman", "IoU"),
                tuple(one.row(name) for name, one in numbers.items()),
            ),
        ),
        pictures=(_draw(laboratory, maps, few, many),),
        notes=(
            (
                f"{len(laboratory.similar_pairs)} similar pairs. Embeddings have "
                f"{laboratory.main.embedder.record.dimension} features here and 512 in the thesis."
            ),
        ),
        data={name: one.data() for name, one in numbers.items()},
    )


def _findings(few: int, many: int, k: Likeness, draws: Likeness) -> tuple[Finding, ...]:
    return (
        Finding(
            f"The explanations differ widely between k = {few} and k = {many}.",
            f"Between the two: {k.words()}.",
            below(k.iou, 0.5, 0.8),
        ),
        Finding(
            "Above a certain number of draws, such as 50, the results do not change.",
            f"Two runs of 50 draws: {draws.words()}.",
            above(draws.iou, 0.9, 0.5),
        ),
    )


def _maps(
    laboratory: Laboratory, method: Method, engine: AssembledNetworks, seed: int = 0
) -> list[NDArray[np.float32]]:
    pairs = laboratory.similar_pairs
    return [
        method(pairs[i], engine, np.random.default_rng((laboratory.seed, i, seed)))
        for i in range(len(pairs))
    ]


def _draw(
    laboratory: Laboratory, maps: dict[str, list[NDArray[np.float32]]], few: int, many: int
) -> Picture:
    pairs, decode = laboratory.similar_pairs, laboratory.main.engine().decode
    rows: list[list[NDArray[np.generic]]] = []
    for i in range(min(_SHOWN, len(pairs))):
        picture = displayable(decode(pairs.h_t[[i]])[0])
        heats = [maps[name][i] for name in ("few", "many", "lpel")]
        rows.append(
            [picture, *[p for heat in heats for p in (highlight(picture, mask(heat)), heat)]]
        )
    columns = ("test,\nreconstructed", f"k = {few}", "", f"k = {many}", "", "LPEL", "")
    caption = (
        "The closest features perturbed at random, and by relevance (figure 5.17). Each heat-map "
        "has a scale of its own, from its least to its most."
    )
    return Picture("top-k", caption, png(gallery_figure(rows, columns)))
