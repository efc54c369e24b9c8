"""Figure 5.16: a prototype in place of the reference image."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.decision import decide
from lpel_serving.equations.mask import mask
from lpel_serving.report.figures import highlight, png
from lpel_serving.report.pictures import displayable
from lpel_tf.research.emsnn.prototypes import large_classes, prototype
from lpel_tf.research.figures import gallery_figure
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.likeness import likeness, lpel_maps
from lpel_tf.research.reproduction.section import Finding, Picture, Section, Table, above

IMAGE, PROTOTYPE = "another image", "the prototype"
_SHOWN = 3


def run(laboratory: Laboratory) -> Section:
    """Explain test images against another image of their class, and against its prototype."""
    everyone = laboratory.main.everyone
    triples = _triples(laboratory)
    title, counterpart = "A prototype as the reference", "figure 5.16"
    if len(triples) < 2:
        note = "Too few people have five photographs besides one that the network calls similar."
        return Section("prototypes", title, counterpart, notes=(note,))
    test, other, stranger = (everyone.embeddings[column] for column in triples.T)
    engine, seed = laboratory.main.engine(), laboratory.seed
    whole, others = _prototypes(laboratory, triples)
    references = {
        IMAGE: other,
        PROTOTYPE: whole,
        "the prototype of the others": others,
        "a stranger's image, as if similar": stranger,
    }
    maps = {name: lpel_maps(engine, h_r, test, similar=True) for name, h_r in references.items()}
    numbers = {name: likeness(maps[IMAGE], of, seed) for name, of in maps.items() if name != IMAGE}
    by_prototype, by_stranger = numbers[PROTOTYPE], list(numbers.values())[-1]
    return Section(
        key="prototypes",
        title=title,
        counterpart=counterpart,
        findings=(
            Finding(
                "Masks and heat-maps are almost the same with a prototype as with another image of "
                "the class.",
                f"{by_prototype.words().capitalize()}. With a stranger's image as the reference, "
                f"explained as if similar: {by_stranger.words()}.",
                above(by_prototype.iou, 0.8, 0.5),
            ),
        ),
        tables=(
            Table(
                "Likeness to the map with another image of the class as the reference",
                ("reference", "Spearman", "IoU"),
                tuple(one.row(name) for name, one in numbers.items()),
            ),
        ),
        pictures=(_draw(laboratory, triples, whole, maps),),
        notes=(
            (
                f"{len(triples)} people with at least five photographs besides the test image, "
                "whether or not the decoder was trained on them; test and other image are called "
                "similar. As in the thesis the prototype is the mean of all of a person's images; "
                "that of the others leaves out the two that are compared."
            ),
        ),
        data={name: one.data() for name, one in numbers.items()},
    )


def _prototypes(
    laboratory: Laboratory, triples: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The prototypes of the test images' classes: of all images, and without the two compared."""
    everyone = laboratory.main.everyone
    classes = large_classes(everyone.identities)
    whole: list[NDArray[np.float32]] = []
    others: list[NDArray[np.float32]] = []
    for test, other, _ in triples.tolist():
        members = classes[everyone.identities[test]]
        whole.append(prototype(everyone.embeddings[members]))
        rest = [i for i in members if i not in {test, other}]
        others.append(prototype(everyone.embeddings[rest]))
    return np.stack(whole), np.stack(others)


def _triples(laboratory: Laboratory) -> NDArray[np.int64]:
    """Draw a test image, another of its class, and one of somebody else, shape (n, 3)."""
    main = laboratory.main
    everyone, comparison = main.everyone, main.compared.comparison
    h, threshold = everyone.embeddings, laboratory.similarity_threshold(main)
    rng = np.random.default_rng((laboratory.seed, 516))
    classes = list(large_classes(everyone.identities).values())
    names = np.array(everyone.identities)
    chosen: list[tuple[int, int, int]] = []
    order: list[int] = rng.permutation(len(classes)).tolist()
    for place in order:
        members = classes[place]
        two: list[int] = rng.permutation(len(members))[:2].tolist()
        test, other = (members[i] for i in two)
        if decide(comparison, h[test], h[other], threshold).similar:
            strangers = np.flatnonzero(names != everyone.identities[test])
            chosen.append((test, other, int(strangers[rng.integers(len(strangers))])))
    return np.array(chosen[: laboratory.sizes.pairs], np.int64).reshape(-1, 3)


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
            (IMAGE, embeddings[other]),
            (PROTOTYPE, centres[i]),
        ):
            heat = maps[name][i]
            shown = displayable(decode(reference[np.newaxis])[0])
            rows.append([shown, picture, highlight(picture, mask(heat)), heat])
            labels.append(name)
    columns = ("reference,\nreconstructed", "test,\nreconstructed", "highlighted", "heat-map")
    figure = gallery_figure(rows, columns, labels)
    caption = (
        "The same test images against another image and against the prototype (figure 5.16). Each "
        "heat-map has a scale of its own, from its least to its most."
    )
    return Picture("prototypes", caption, png(figure))
