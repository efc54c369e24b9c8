"""Sanity and stability: whether maps depend on the networks, and on nothing irrelevant."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.embedder import Embedder
from lpel_serving.faithfulness.deletion_curve import Interval
from lpel_serving.methods.decoded.emsnn import Emsnn
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.method import Method
from lpel_serving.methods.networks import Networks
from lpel_tf.research.harness.decoders import ADAMAX
from lpel_tf.research.measures.randomisation.random_weights import randomise_weights
from lpel_tf.research.measures.randomisation.sanity import sanity
from lpel_tf.research.measures.robustness.stability import stability
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.section import Finding, Section, Table, above, below, between

_SHARES = (0.05, 0.25, 0.5, 1.0)
_SANITY = {
    "decoder": "decoder randomised",
    "decision flipped": "decision flipped",
    **{f"top {share:.0%}": f"embedder randomised, its top {share:.0%}" for share in _SHARES},
}
_STABILITY = {
    "shift": "test image shifted by a pixel",
    "mirror": "test image mirrored, map mirrored back",
    "jpeg": "test image compressed, JPEG quality 50",
    "seed": "another seed",
}


def run(laboratory: Laboratory) -> Section:
    """Break the networks, disturb the images, and correlate the maps."""
    pairs = laboratory.similar_pairs[: laboratory.sizes.probes]
    networks = laboratory.main.engine()
    methods: dict[str, Method] = {
        "LPEL": Lpel(),
        "EMSNN": Emsnn(min(100, laboratory.main.embedder.record.dimension)),
    }
    broken = _randomised(laboratory)
    sane: dict[str, Mapping[str, NDArray[np.float64]]] = {}
    stable: dict[str, Mapping[str, NDArray[np.float64]]] = {}
    for name, method in methods.items():
        rng = np.random.default_rng(laboratory.seed)
        sane[name] = sanity(networks, pairs, method, broken, rng, laboratory.progress)
        rng = np.random.default_rng(laboratory.seed)
        stable[name] = stability(networks, pairs, method, rng, progress=laboratory.progress)
    lpel = {key: laboratory.interval(values) for key, values in sane["LPEL"].items()}
    steady = {key: laboratory.interval(values) for key, values in stable["LPEL"].items()}
    return Section(
        key="checks",
        title="Sanity and stability",
        counterpart="",
        findings=(_sanity_finding(lpel), _stability_finding(steady)),
        tables=(
            _table("Sanity: rank correlation with the map after …", _SANITY, sane, laboratory),
            _table(
                "Stability: rank correlation with the map after …", _STABILITY, stable, laboratory
            ),
        ),
        notes=(
            (
                f"{len(pairs)} similar pairs. For sanity a correlation near 0 is good, for "
                "stability one near 1. The embedder's weights are drawn anew from the output "
                "downwards, and the decoder stays; then the decoder's are, and the embedder "
                "stays. EMSNN explains no dissimilar pairs."
            ),
        ),
        data={
            "sanity": {m: {k: v.tolist() for k, v in of.items()} for m, of in sane.items()},
            "stability": {m: {k: v.tolist() for k, v in of.items()} for m, of in stable.items()},
        },
    )


def _sanity_finding(lpel: Mapping[str, Interval]) -> Finding:
    asked = {
        "with all convolution and matrix weights of the embedder drawn at random": lpel[
            f"top {_SHARES[-1]:.0%}"
        ],
        "with the decoder randomised": lpel["decoder"],
        "with the decision flipped": lpel["decision flipped"],
    }
    verdicts = {below(_strength(one), 0.2, 0.5) for one in asked.values()}
    return Finding(
        "(A map that explains the networks' decision changes when they, or it, are changed.)",
        "Rank correlation of LPEL's map with the original: "
        + "; ".join(f"{how} {between(one)}" for how, one in asked.items())
        + ".",
        "does not hold"
        if "does not hold" in verdicts
        else "holds in part"
        if "holds in part" in verdicts
        else "holds",
    )


def _strength(one: Interval) -> Interval:
    """The interval of a correlation, whichever its sign."""
    if one.mean >= 0:
        return one
    return Interval(-one.mean, -one.high, -one.low)


def _stability_finding(steady: Mapping[str, Interval]) -> Finding:
    worst = min(steady.values(), key=lambda one: one.mean)
    return Finding(
        "(A map should not change with irrelevant changes of the image.)",
        f"Rank correlation of LPEL's map with the original: shifted by a pixel "
        f"{between(steady['shift'])}, mirrored {between(steady['mirror'])}, compressed "
        f"{between(steady['jpeg'])}.",
        above(worst, 0.8, 0.5),
    )


def _table(
    caption: str,
    titles: Mapping[str, str],
    measured: Mapping[str, Mapping[str, NDArray[np.float64]]],
    laboratory: Laboratory,
) -> Table:
    rows = tuple(
        (
            title,
            *(
                between(laboratory.interval(of[key])) if key in of else "none"
                for of in measured.values()
            ),
        )
        for key, title in titles.items()
    )
    return Table(caption, ("", *measured), rows)


def _randomised(laboratory: Laboratory) -> dict[str, Networks]:
    setting, model = laboratory.main, laboratory.embedder
    rng = np.random.default_rng((laboratory.seed, 2018))
    weights = setting.decoders[ADAMAX].weights
    kernel = rng.normal(weights.kernel.mean(), weights.kernel.std(), weights.kernel.shape)
    random_decoder = replace(weights, kernel=kernel.astype(np.float32))
    broken: dict[str, Networks] = {
        "decoder": setting.networks(setting.embedder.embed, random_decoder)
    }
    decode = setting.engine().decode
    for share in _SHARES:
        # Equal generators: a larger share adds to what a smaller one changes.
        drawn = randomise_weights(model.model, share, np.random.default_rng(laboratory.seed))
        embedder = Embedder(drawn, model.record, setting.embedder.crop)
        broken[f"top {share:.0%}"] = setting.networks(embedder.embed, decode)
    return broken
