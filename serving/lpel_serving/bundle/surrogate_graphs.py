"""The two graphs of a surrogate, as they lie in a bundle."""

from collections.abc import Mapping
from dataclasses import dataclass

from lpel_serving.bundle.manifest import SIMULATION_FILE, SURROGATE_FILE, Manifest
from lpel_serving.support.errors import BundleError


@dataclass(frozen=True)
class SurrogateGraphs:
    """Two serialised ONNX models: see `lpel_serving.bundle.manifest.SurrogateRecord`.

    Attributes
    ----------
    surrogate
        From an image to what replacing its superpixels does; run once for an image.
    simulation
        From that and coalitions to masked embeddings.
    """

    surrogate: bytes
    simulation: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """Both by their names in a bundle."""
        return {SURROGATE_FILE: self.surrogate, SIMULATION_FILE: self.simulation}


def graphs_of(manifest: Manifest, contents: Mapping[str, bytes]) -> SurrogateGraphs | None:
    """Take the graphs out of a bundle's files; None if its manifest has no surrogate."""
    if manifest.surrogate is None:
        return None
    return SurrogateGraphs(contents[SURROGATE_FILE], contents[SIMULATION_FILE])


def refuse_one_graph(manifest: Manifest) -> None:
    """Raise `BundleError` if a bundle's surrogate is one graph, as surrogates once were."""
    files = manifest.files
    if manifest.surrogate is not None and SURROGATE_FILE in files and SIMULATION_FILE not in files:
        raise BundleError(
            f"the bundle's surrogate is one graph, {SURROGATE_FILE}, as former versions made it; "
            f"expected {SIMULATION_FILE} beside it: train the bundle again, or export it again."
        )
