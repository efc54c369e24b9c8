"""What a comparison is made on, where its parts are kept, and how many passes each part took."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.methods import find_method, methods
from lpel_serving.methods.catalogue.parameters import parameters_of
from lpel_serving.support.files import write_atomically
from lpel_serving.support.progress import Progress
from lpel_tf.research.comparison.setting import Setting
from lpel_tf.research.comparison.sizes import Size
from lpel_tf.research.measures.cost import CountingNetworks
from lpel_tf.support.cache import file_sha256

SEED = 0


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is compared, and where it is kept.

    Attributes
    ----------
    setting
        The networks and the pairs.
    size
        How many pairs each measure is made on.
    work
        Folder of all that is written.
    rivals
        Files of maps that packages in environments of their own made of PAIRS.npz.
    slow
        Whether the methods in `SLOW` take part.
    progress
        Reports how far everything is.
    second
        The networks and the pairs of a second set of people.
    """

    setting: Setting
    size: Size
    work: Path
    rivals: tuple[Path, ...]
    slow: bool
    progress: Progress
    second: Setting | None = None

    @cached_property
    def networks(self) -> CountingNetworks:
        """What embeds altered images: see `lpel_tf.research.comparison.screening`."""
        return CountingNetworks(self.setting.networks)

    @cached_property
    def exact(self) -> CountingNetworks:
        """The bundle's own networks."""
        return CountingNetworks(self.setting.explainer)

    @cached_property
    def parts(self) -> Path:
        """Folder of what is done, named by all that it depends on."""
        files = self.setting.explainer.manifest.files.values()
        made_of: list[Any] = [*(file.sha256 for file in files), self.size, self.slow]
        made_of += [SEED, self.setting.precision, *map(file_sha256, self.rivals)]
        made_of += [(name, parameters_of(find_method(name))) for name in methods()]
        made_of += map(_digest, (self.setting.similar, self.setting.dissimilar))
        return self.work / hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]

    def once(self, name: str, step: Callable[[], Any]) -> Any:
        """Do a step, or read what it gave when it was done, and count its passes."""
        path = self.parts / f"{name}.json"
        if not path.exists():
            embedded, start = self._embedded, time.monotonic()
            result = step()
            cost = {
                "images": self._embedded - embedded,
                "seconds": round(time.monotonic() - start, 1),
            }
            text = json.dumps({"result": result, "cost": cost})
            write_atomically(path, (text + "\n").encode())
        return json.loads(path.read_bytes())["result"]

    def costs(self) -> dict[str, dict[str, float]]:
        """Images embedded, Keras's passes apart, and seconds, of each step that was done."""
        done = sorted(self.parts.glob("*.json"))
        return {path.stem: json.loads(path.read_bytes())["cost"] for path in done}

    @property
    def _embedded(self) -> int:
        return self.networks.embedded + self.exact.embedded


def _digest(pairs: PhotographPairs) -> str:
    """SHA-256 of the embeddings of pairs, in their order."""
    both = hashlib.sha256(pairs.h_r.tobytes())
    both.update(pairs.h_t.tobytes())
    return both.hexdigest()
