"""The settings that determine a job's results, apart from its rows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from lpel_serving.engine.explainer import Explainer
from lpel_serving.methods.catalogue.parameters import parameters_of
from lpel_serving.methods.catalogue.registry import (
    RESPONSES,
    SURROGATE,
    default_name,
    find_method,
)
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.from_features import explains_features
from lpel_serving.methods.many import explains_many
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.simulated.stored import is_of_one_image
from lpel_serving.methods.simulated.surrogate_attribution import SurrogateAttribution
from lpel_serving.support.errors import ParameterError

MANY_ROWS, FEW_ROWS = 10_000, 100
"""Rows in a shard: some seconds' work where embeddings are enough, some minutes' where not."""
_PIXELS = 4_000_000
"""Bytes of all maps of one role in a shard, so that they fit into memory."""
_USUAL_SIDE, _SIDES = 40, 256
_MOST_FOUND = 10_000

Enlarging = Responses | SurrogateAttribution
"""The methods whose maps a job makes as large as it is asked to."""

Source = Literal["embeddings", "simulations", "local features", "images"]
"""What a method explains pairs from: what was kept of each image, or the images, read again."""


@dataclass(frozen=True)
class BatchSettings:
    """How pairs are explained.

    Attributes
    ----------
    method
        The name of a method; when None the best that explains thousands of pairs a second: see
        `resolved`.
    map_side
        Side of the maps of the methods ``responses`` and ``surrogate``: when None that of their
        superpixels, as many as there are attributions; `lpel explain` enlarges them to 40.
    curves
        Whether each pair's own deletion curve is measured beside random ones.
    draws
        Random orderings for each pair.
    every
        Superpixels between two points of a curve.
    seed
        Of all randomness; the same for each pair, whatever its position.
    top
        In a search, how many of the gallery are explained for each probe.
    parameters
        Those of the method that differ from its defaults, as JSON-serialisable values.
    """

    method: str | None = None
    map_side: int | None = None
    curves: bool = False
    draws: int = 10
    every: int = 4
    seed: int = 0
    top: int = 10
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if not 1 <= self.top <= _MOST_FOUND:
            raise ParameterError(
                f"a search finds at least 1 and at most {_MOST_FOUND:,}; received {self.top:,}."
            )
        if self.map_side is not None and "size" in self.parameters:
            raise ParameterError(
                "the side of the maps is given twice, as itself and as the parameter size: give it "
                "once."
            )
        side = self.parameters.get("size", self.map_side)
        if isinstance(side, int) and not 1 <= side <= _SIDES:
            raise ParameterError(
                f"the side of a map lies from 1 to {_SIDES} in a batch job; received {side}."
            )
        if min(self.draws, self.every) < 1:
            raise ParameterError(
                "a curve has at least 1 random order, and steps of at least 1 superpixel; received "
                f"{self.draws} and {self.every}."
            )
        if self.map_side is not None and self.method not in (None, RESPONSES, SURROGATE):
            raise ParameterError(
                f"the method {self.method} makes maps of a size of its own: leave the map's side "
                "out."
            )

    def unused(self, *, search: bool) -> tuple[str, ...]:
        """Name the settings that do not affect the results, in a search or elsewhere."""
        return (*(() if self.curves else ("draws", "every")), *(() if search else ("top",)))

    def resolved(
        self, *, responds: bool, simulates: bool = False, templates: bool = False
    ) -> "BatchSettings":
        """Name the method, if none is named.

        Of a surrogate it is ``surrogate``, whose simulations of a photograph are kept, not the
        slower ``surrogate-order``. Templates have to be simulated anew for each shard, which takes
        a hundred times as long as ``responses``.

        Parameters
        ----------
        responds, simulates
            Whether the bundle has a response decoder, and a surrogate.
        templates
            Whether a list holds embeddings in place of photographs.
        """
        best = SURROGATE if simulates and not (templates and responds) else None
        return replace(self, method=self.method or best or default_name(responds=responds))

    def make_method(self) -> Method:
        """Make the method of settings that are resolved."""
        method = find_method(self.method or default_name(responds=False), **self.parameters)
        if isinstance(method, Enlarging) and "size" not in self.parameters:
            return replace(method, size=self.map_side or 1)
        return method

    @property
    def source(self) -> Source:
        """What pairs are explained from."""
        method = self.make_method()
        if explains_many(method):
            return "embeddings"
        if isinstance(method, SurrogateAttribution) and is_of_one_image(method):
            return "simulations"
        return "local features" if explains_features(method) else "images"

    @property
    def needs_images(self) -> bool:
        """Whether explaining pairs needs the images themselves again."""
        return self.curves or self.source == "images"

    @property
    def rows_in_shard(self) -> int:
        """Rows that are explained as one piece of work."""
        if self.needs_images or self.source == "local features":
            return FEW_ROWS
        method = self.make_method()
        side = method.size if isinstance(method, Enlarging) else _USUAL_SIDE
        rows = min(MANY_ROWS, max(FEW_ROWS, _PIXELS // side**2))
        return rows - rows % FEW_ROWS or rows

    def described(self) -> dict[str, Any]:
        """Everything that determines the results, as JSON-serialisable values."""
        return asdict(self) | {"parameters": parameters_of(self.make_method())}


def map_shape(method: Method, explainer: Explainer) -> tuple[int, int]:
    """Find the shape of a method's maps, by explaining noise."""
    rng = np.random.default_rng(0)
    record = explainer.manifest.embedder
    one, other = rng.integers(0, 256, (2, *record.shape), dtype=np.uint8)
    h_r, h_t = rng.normal(size=(2, record.dimension)).astype(np.float32)
    try:
        height, width = method(FacePair(one, other, h_r, h_t, similar=True), explainer, rng).shape
    except ParameterError:  # perhaps it explains dissimilar pairs alone
        height, width = method(FacePair(one, other, h_r, h_t, similar=False), explainer, rng).shape
    return height, width
