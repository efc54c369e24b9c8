"""The settings that determine a job's results, apart from its rows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from lpel_serving.engine.explainer import Explainer
from lpel_serving.methods.catalogue.parameters import parameters_of
from lpel_serving.methods.catalogue.registry import default_name, find_method
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.many import explains_many
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.support.errors import ParameterError

MANY_ROWS, FEW_ROWS = 10_000, 100
"""Rows in a shard: some seconds' work where embeddings are enough, some minutes' where not."""
_PIXELS = 4_000_000
"""Bytes of all maps of one role in a shard, so that they fit into memory."""
_USUAL_SIDE, _SIDES = 40, 256
_MOST_FOUND = 10_000


@dataclass(frozen=True)
class BatchSettings:
    """How pairs are explained.

    Attributes
    ----------
    method
        The name of a method; when None the best that explains from embeddings alone, since local
        features, which surrogates need, would take a second pass for each image of each shard.
    map_side
        Side of the maps of the method ``responses``: when None that of its superpixels, as many as
        it has attributions; `lpel explain` enlarges them to 40.
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
        if self.map_side is not None and self.method not in (None, "responses"):
            raise ParameterError(
                f"the method {self.method} makes maps of a size of its own: leave the map's side "
                "out."
            )

    def unused(self, *, search: bool) -> tuple[str, ...]:
        """Name the settings that do not affect the results, in a search or elsewhere."""
        return (*(() if self.curves else ("draws", "every")), *(() if search else ("top",)))

    def resolved(self, *, responds: bool) -> "BatchSettings":
        """Name the method: never a surrogate's, unless it was asked for.

        Parameters
        ----------
        responds
            Whether the bundle has a response decoder.
        """
        return replace(self, method=self.method or default_name(responds=responds))

    def make_method(self) -> Method:
        """Make the method of settings that are resolved."""
        method = find_method(self.method or default_name(responds=False), **self.parameters)
        own_grid = isinstance(method, Responses) and "size" not in self.parameters
        return Responses(self.map_side or 1) if own_grid else method

    @property
    def needs_images(self) -> bool:
        """Whether explaining pairs needs the images themselves again."""
        return self.curves or not explains_many(self.make_method())

    @property
    def rows_in_shard(self) -> int:
        """Rows that are explained as one piece of work."""
        if self.needs_images:
            return FEW_ROWS
        method = self.make_method()
        side = method.size if isinstance(method, Responses) else _USUAL_SIDE
        rows = min(MANY_ROWS, max(FEW_ROWS, _PIXELS // side**2))
        return rows - rows % FEW_ROWS or rows

    def described(self) -> dict[str, Any]:
        """Everything that determines the results, as JSON-serialisable values."""
        return asdict(self) | {"parameters": parameters_of(self.make_method())}


def map_shape(method: Method, explainer: Explainer) -> tuple[int, int]:
    """Find the shape of a method's maps, by explaining noise."""
    rng = np.random.default_rng(0)
    record = explainer.manifest.embedder
    one, other = rng.integers(0, 256, (2, *[record.image_size] * 2, 3), dtype=np.uint8)
    h_r, h_t = rng.normal(size=(2, record.dimension)).astype(np.float32)
    try:
        height, width = method(FacePair(one, other, h_r, h_t, similar=True), explainer, rng).shape
    except ParameterError:  # perhaps it explains dissimilar pairs alone
        height, width = method(FacePair(one, other, h_r, h_t, similar=False), explainer, rng).shape
    return height, width
