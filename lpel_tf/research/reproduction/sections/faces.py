"""Figures 5.8 and 5.9: the faces, and what decoders make of their embeddings."""

import numpy as np

from lpel_serving.equations.decision import Decisions
from lpel_serving.images.held import as_image
from lpel_serving.report.figures import png
from lpel_serving.report.pictures import displayable
from lpel_tf.data.split import Split
from lpel_tf.decoders.decoder import mean_squared_error
from lpel_tf.decoders.least_squares import mean_face
from lpel_tf.research.figures import gallery_figure
from lpel_tf.research.harness.decoders import ADAMAX, LEAST_SQUARES, Setting
from lpel_tf.research.measures.reconstruction.fidelity import Fidelity, measure_fidelity
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.section import Finding, Picture, Section, Table, between

_THESIS_LOSS = 0.0295
_SHOWN = 8

_UNSEEN = {"identity": "people", "image": "images"}


def run(laboratory: Laboratory) -> Section:
    """Show faces and reconstructions, and measure how faithful the decoders are."""
    settings = [s for s in (laboratory.main, laboratory.loose) if s is not None]
    losses = {setting.crop: _losses(setting) for setting in settings}
    faithful = _fidelity(laboratory)
    main, record = losses[laboratory.main.crop], laboratory.main.compared.record
    measure = "cosine" if record.kind == "cosine" else record.measure
    sizes = laboratory.main.split
    return Section(
        key="faces",
        title="Faces and their reconstructions",
        counterpart="figures 5.8 and 5.9, section 5.2.2",
        findings=(
            Finding(
                f"The decoder's loss on unseen images is {_THESIS_LOSS}.",
                f"{main[ADAMAX]:.4f} as the thesis trains it, {main[LEAST_SQUARES]:.4f} at the "
                f"least-squares optimum, {main['mean face']:.4f} for always the mean face. The "
                "photographs are others, so that the losses cannot be compared as such.",
                "not comparable",
            ),
            _fidelity_finding(laboratory, faithful),
        ),
        tables=(
            Table(
                f"Mean squared error on {_UNSEEN[sizes.by]} not trained on, pixels in [0, 1]",
                ("crop", *main),
                tuple((crop, *(f"{v:.4f}" for v in row.values())) for crop, row in losses.items()),
            ),
        ),
        pictures=(_faces(laboratory), _reconstructions(laboratory)),
        notes=(
            _divided(sizes),
            (
                "Between a face and its reconstruction, at the size of the reconstruction, the "
                "structural similarity (SSIM, Wang et al. 2004; 1 is best) is "
                f"{between(laboratory.interval(faithful.structural_similarity))}."
            ),
        ),
        data={
            "losses": losses,
            "thesis_loss": _THESIS_LOSS,
            f"fidelity_{measure}": _own(laboratory, faithful),
            "fidelity_pixel_error": faithful.pixel_error.tolist(),
            "fidelity_structural_similarity": faithful.structural_similarity.tolist(),
        },
    )


def _divided(split: Split) -> str:
    """Say how many photographs are on which side, and what is on one side alone."""
    train, test = split.train, split.test
    people, others = len(set(train.identities)), len(set(test.identities))
    if split.by == "image":
        return (
            f"{len(train)} images of {people} classes for training, {len(test)} others for the "
            "test; no image is on two sides."
        )
    return (
        f"{len(train)} photographs of {people} people for training, {len(test)} of {others} others "
        "for the test; nobody is on two sides."
    )


def _losses(setting: Setting) -> dict[str, float]:
    test = setting.split.test
    mean = mean_face(setting.split.train).astype(np.float32)
    losses = {"mean face": mean_squared_error(mean, test.targets)}
    for name, decoder in setting.decoders.items():
        losses[name] = mean_squared_error(decoder.weights(test.embeddings), test.targets)
    return losses


def _own(laboratory: Laboratory, faithful: Fidelity) -> list[float]:
    """Similarities of reconstructions on the scale that the network itself compares by."""
    own_of = laboratory.main.compared.record.own_of
    return [own_of(one) for one in faithful.similarity.tolist()]


def _fidelity_finding(laboratory: Laboratory, faithful: Fidelity) -> Finding:
    main = laboratory.main
    record, threshold = main.compared.record, laboratory.similarity_threshold(main)
    similarities = faithful.similarity.astype(np.float32)
    recognised = float(np.mean(Decisions(similarities, threshold).similar))
    by = "cosine of" if record.kind == "cosine" else "of"
    return Finding(
        "The reconstructions do not represent details well, which is no problem.",
        f"Between an original and its reconstruction the network sees a {record.measure} of "
        f"{between(laboratory.interval(_own(laboratory, faithful)))} ({by} h and f(g(h)), "
        f"{ADAMAX}), and calls {recognised:.0%} of {len(similarities)} of them similar; the mean "
        f"squared error of their pixels is "
        f"{between(laboratory.interval(faithful.pixel_error), 4)}. What the network knows a face "
        "by is kept in that share of the reconstructions.",
        "holds" if recognised > 0.9 else "holds in part" if recognised > 0.5 else "does not hold",
    )


def _fidelity(laboratory: Laboratory) -> Fidelity:
    setting = laboratory.main
    rng = np.random.default_rng((laboratory.seed, 59))
    order: list[int] = rng.permutation(len(setting.test_photographs)).tolist()
    chosen = order[: laboratory.sizes.probes]
    crops = (setting.embedder.read(as_image(setting.test_photographs[i].source)) for i in chosen)
    return measure_fidelity(setting.engine(), crops, setting.split.test.embeddings[chosen])


def _faces(laboratory: Laboratory) -> Picture:
    setting = laboratory.main
    test, photographs = setting.split.test, setting.test_photographs
    step = max(1, len(photographs) // 12)
    shown = [
        laboratory.shown(setting.embedder.read(as_image(photographs[i].source)), test.embeddings[i])
        for i in range(0, len(photographs), step)
    ][:12]
    figure = gallery_figure([shown[start : start + 6] for start in range(0, len(shown), 6)])
    what = "reconstructed" if laboratory.hide_photographs else "as they are cut out"
    return Picture("faces", f"Some of the test faces, {what} (figure 5.8).", png(figure))


def _reconstructions(laboratory: Laboratory) -> Picture:
    setting = laboratory.main
    test, photographs = setting.split.test, setting.test_photographs
    step = max(1, len(photographs) // _SHOWN)
    places = list(range(0, len(photographs), step))[:_SHOWN]
    originals = [setting.embedder.read(as_image(photographs[i].source)) for i in places]
    rows = [originals] if not laboratory.hide_photographs else []
    labels = ["original"] if not laboratory.hide_photographs else []
    for name, decoder in setting.decoders.items():
        rows.append([displayable(image) for image in decoder.decode(test.embeddings[places])])
        labels.append(name)
    figure = gallery_figure(rows, labels=labels)
    return Picture("reconstructions", "Reconstructions by each decoder (figure 5.9).", png(figure))
