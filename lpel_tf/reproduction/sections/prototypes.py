"""Figure 5.16: a prototype in place of the reference image."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.figures import displayable, gallery_figure, highlight, png
from lpel_serving.mask import mask
from lpel_serving.prototype import large_classes, prototype
from lpel_tf.reproduction.laboratory import Laboratory
from lpel_tf.reproduction.likeness import likeness, lpel_maps
from lpel_tf.reproduction.section import Finding, Picture, Section, Table

_SHOWN = 3


def run(laboratory: Laboratory) -> Section:
    """Explain test images against another image of their class, and against its prototype."""
    everyone = laboratory.main.everyone
    triples = _triples(everyone.identities, laboratory)
    test, other, stranger = (everyone.embeddings[column] for column in triples.T)
    classes = large_classes(everyone.identities)
    centres = np.stack(
        [prototype(everyone.embeddings[classes[everyone.identities[t]]]) for t in triples[:, 0]]
    )
    engine, seed = laboratory.main.engine(), laboratory.seed
    maps = {
        "another image": lpel_maps(engine, other, test, similar=True),
        "the prototype": lpel_maps(engine, centres, test, similar=True),
    }
    of_stranger = lpel_maps(engine, stranger, test, similar=True)
    by_prototype = likeness(maps["another image"], maps["the prototype"], seed)
    by_stranger = likeness(maps["another image"], of_stranger, seed)
    return Section(
        key="prototypes",
        title="A prototype as the reference",
        counterpart="figure 5.16",
        findings=(
            Finding(
                "Masks and heat-maps are almost the same with a prototype as with another image of "
                "the class.",
                f"Prototype and image: {by_prototype.words()}. A stranger and the image, explained "
                f"as if similar: {by_stranger.words()}. What the maps share does not come from the "
                "class alone.",
                "holds" if by_prototype.iou.low > 0.8 else "holds in part",
            ),
        ),
        tables=(
            Table(
                "Likeness to the map with another image of the class as the reference",
                ("reference", "Spearman", "IoU"),
                (by_prototype.row("the prototype"), by_stranger.row("a stranger")),
            ),
        ),
        pictures=(_draw(laboratory, triples, centres, maps),),
        notes=(
            (
                f"{len(triples)} test images, of {len(classes)} people with at least five other "
                "photographs, whether or not the decoder was trained on them."
            ),
        ),
        data={"prototype": by_prototype.data(), "stranger": by_stranger.data()},
    )


def _triples(identities: tuple[str, ...], laboratory: Laboratory) -> NDArray[np.int64]:
    """Draw a test image, another of its class, and one of somebody else, shape (n, 3)."""
    rng = np.random.default_rng((laboratory.seed, 516))
    classes = list(large_classes(identities).values())
    chosen: list[tuple[int, int, int]] = []
    names = np.array(identities)
    order: list[int] = rng.permutation(len(classes)).tolist()
    for place in order[: laboratory.sizes.pairs]:
        members = classes[place]
        two: list[int] = rng.permutation(len(members))[:2].tolist()
        test, other = (members[i] for i in two)
        strangers = np.flatnonzero(names != identities[test])
        chosen.append((test, other, int(strangers[rng.integers(len(strangers))])))
    return np.array(chosen, np.int64).reshape(-1, 3)


def _draw(
    laboratory: Laboratory,
    triples: NDArray[np.int64],
    centres: NDArray[np.float32],
    maps: dict[str, NDArray[np.float32]],
) -> Picture:
    embeddings = laboratory.main.everyone.embeddings
    decode = laboratory.main.engine().decode
    rows: list[list[NDArray[np.generic]]] = []
    labels: list[str] = []
    for i, (test, other, _) in enumerate(triples[:_SHOWN]):
        picture = displayable(decode(embeddings[[test]])[0])
        for name, reference in (
            ("another image", embeddings[other]),
            ("the prototype", centres[i]),
        ):
            heat = maps[name][i]
            shown = displayable(decode(reference[np.newaxis])[0])
            rows.append([shown, picture, highlight(picture, mask(heat)), heat])
            labels.append(name)
    columns = ("reference,\nreconstructed", "test,\nreconstructed", "highlighted", "heat-map")
    figure = gallery_figure(rows, columns, labels)
    caption = "The same test images against another image and against the prototype (figure 5.16)."
    return Picture("prototypes", caption, png(figure))
