"""What the examples are given, and what the engine says of it."""

import copy
import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from lpel_export.explainer import build_explainer
from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.equations.heatmap import normalise
from lpel_serving.equations.mask import DEFAULT_EPSILON
from lpel_serving.equations.relevance import relevance
from lpel_serving.methods import find_method

ROLES = ("reference", "test")
NEAR = 1e-4
"""How near every engine must come."""


@dataclass(frozen=True)
class Scene:
    """A bundle and six pairs of crops, uint8, shape (12, S, S, 3); files of both in a folder."""

    bundle: Path
    crops: np.ndarray
    folder: Path

    @cached_property
    def engine(self) -> Explainer:
        return Explainer.load(self.bundle, crop="none")  # they are cut out already

    def file(self, method: str, *, defaults: bool = True) -> Path:
        """The one-file explainer, made when first asked for."""
        path = self.folder / f"{method}{'' if defaults else '-told'}" / "explainer.onnx"
        if not path.exists():
            path.parent.mkdir()
            model = build_explainer(load_bundle(self.bundle), method, defaults=defaults)
            path.write_bytes(model)
        return path

    def pictures(self, pairs: int) -> list[Path]:
        """PNGs of the first pairs: reference, test, reference, test and so on."""
        paths = [self.folder / f"{place:02d}.png" for place in range(2 * pairs)]
        for path, crop in zip(paths, self.crops, strict=False):
            if not path.exists():
                Image.fromarray(crop).save(path)
        return paths

    def expected(
        self,
        method: str,
        pairs: int,
        threshold: float | None = None,
        epsilon: float = DEFAULT_EPSILON,
    ) -> dict[str, np.ndarray]:
        """Every output of the file as `Explainer` has it, by name."""
        engine = self.engine if threshold is None else at_threshold(self.engine, threshold)
        crops = self.crops[: 2 * pairs]
        found = engine.explain_pairs(
            list(zip(crops[::2], crops[1::2], strict=True)),
            method=find_method(method),
            epsilon=epsilon,
        )
        rows = [outputs_of(pair) for pair in found]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def at_threshold(engine: Explainer, value: float) -> Explainer:
    """The same engine, deciding at another threshold."""
    other = copy.copy(engine)
    threshold = dataclasses.replace(engine.manifest.threshold, value=value)
    other.manifest = dataclasses.replace(engine.manifest, threshold=threshold)
    return other


def outputs_of(pair) -> dict[str, np.ndarray]:
    h_r, h_t = pair.reference_embedding, pair.test_embedding
    outputs = {
        "similarity": np.float32(pair.similarity),
        "similar": np.bool_(pair.similar),
        "relevance": relevance(h_r, h_t, pair.similar),
        "reference_embedding": h_r,
        "test_embedding": h_t,
    }
    for role, explanation in zip(ROLES, (pair.swapped, pair.forward), strict=True):
        outputs |= {
            f"{role}_heat_map": explanation.heat_map,
            f"{role}_mask": explanation.mask,
            f"{role}_reconstruction": explanation.reconstruction,
        }
    return outputs


def assert_same_bytes(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name


def assert_near(
    found: dict[str, np.ndarray],
    expected: dict[str, np.ndarray],
    epsilon: float = DEFAULT_EPSILON,
    within: float = NEAR,
) -> None:
    """Compare every output: numbers to a tolerance, decisions and masks exactly.

    A mask may differ where the scaled heat-map is as near to epsilon as the tolerance. Values
    beyond 1, such as LPEL's heat-maps have, may differ by a tenth of the tolerance of themselves.
    """
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        if array.dtype != np.bool_:
            np.testing.assert_allclose(
                found[name], array, rtol=within / 10, atol=within, err_msg=name
            )
    np.testing.assert_array_equal(found["similar"], expected["similar"])
    for role in ROLES:
        scaled = np.stack([normalise(one) for one in expected[f"{role}_heat_map"]])
        clear = np.abs(scaled - np.float32(epsilon)) > within
        mask = f"{role}_mask"
        np.testing.assert_array_equal(found[mask][clear], expected[mask][clear], err_msg=mask)


def from_json(written: dict[str, dict[str, list]]) -> dict[str, np.ndarray]:
    """Arrays of what the programs in JavaScript write: by name, {"dims", "data"}."""
    arrays = {}
    for name, entry in written.items():
        kind = np.bool_ if name == "similar" or name.endswith("_mask") else np.float32
        arrays[name] = np.array(entry["data"]).astype(kind).reshape(entry["dims"])
    return arrays
