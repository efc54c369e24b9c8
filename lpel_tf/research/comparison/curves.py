"""The deletion and transplant curves of a comparison: an area for each pair, by method."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.assessment import measure_curves
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.judgement import areas
from lpel_serving.methods.measured.replacement import Kind
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.partial import Partial
from lpel_serving.support.progress import Progress
from lpel_tf.research.comparison.summary import Scores

SUBJECT = "responses"
"""Whose map the controls of a curve are derived from."""
EVERY = 8
DRAWS = 3


@dataclass(frozen=True)
class Curve:
    """A curve to be drawn: what is replaced, by what, in pairs of which decision."""

    name: str
    similar: bool
    kind: Kind
    fill: Fill
    lower_is_better: bool

    @property
    def asked(self) -> str:
        """The fill that methods are asked about, if they can be: ``transplant`` for that kind."""
        return "transplant" if self.kind == "transplant" else self.fill.name

    @property
    def settings(self) -> CurveSettings:
        """Its exact definition."""
        return CurveSettings(self.kind, every=EVERY, fill=self.fill, draws=DRAWS)


CURVES = (
    Curve("similar, noise", True, "test", Fill("normal"), True),
    Curve("similar, mean", True, "test", Fill("mean"), True),
    Curve("similar, blur", True, "test", Fill("blur"), True),
    Curve("dissimilar, transplant", False, "transplant", Fill("normal"), False),
    Curve("dissimilar, noise in both", False, "both", Fill("normal"), False),
    Curve("dissimilar, mean in both", False, "both", Fill("mean"), False),
    Curve("dissimilar, blur in both", False, "both", Fill("blur"), False),
)


def curve_areas(
    curve: Curve,
    networks: Networks,
    pairs: Sequence[FacePair],
    methods: Mapping[str, Method],
    seed: int,
    work: Path,
    progress: Progress,
) -> Scores:
    """Area under each method's curve, on the scale of the thesis, for each pair."""
    # The folder belongs to one embedder and one set of pairs, so that names stand for maps.
    made_of = f"{curve} {sorted(methods)} {seed} {len(pairs)}"
    identity = hashlib.sha256(made_of.encode()).hexdigest()
    measured = measure_curves(
        networks,
        pairs,
        (SUBJECT, methods[SUBJECT]),
        curve.settings,
        np.random.default_rng(seed),
        rivals={name: method for name, method in methods.items() if name != SUBJECT},
        partial=Partial(work / f"curve-{identity[:16]}.npz", identity),
        progress=progress,
    )
    return {name: values.tolist() for name, values in areas(measured).items()}
