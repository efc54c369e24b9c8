"""Progress of a method: counts the images that it embeds."""

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.decision import DECISIONS
from lpel_serving.methods.both_ways import BothWays, ask_both_ways
from lpel_serving.methods.catalogue.description import any_of, needs_of
from lpel_serving.methods.each_once import EachOnce
from lpel_serving.methods.method import FacePair, Method, is_control
from lpel_serving.methods.networks import Networks, with_embed
from lpel_serving.support.arrays import Floats, SignedMap
from lpel_serving.support.progress import Advance, Progress


@contextmanager
def counted(
    method: Method, images: Mapping[str, int], progress: Progress, *, portion: int
) -> Generator[Method]:
    """Count what a method embeds, while the context is open.

    Parameters
    ----------
    method
        Any method, also of another package: the calls of its networks are counted.
    images
        The number of images that it embeds while the context is open, by decision; see
        `lpel_serving.engine.inventory.MethodEntry`.
    progress
        Opened at the first call of the method; never if it embeds nothing.
    portion
        Upper bound of the images embedded between two reports.

    Yields
    ------
    Method
        A method that gives the same maps, byte for byte; `method` itself if it embeds nothing.
    """
    if not any(images.values()):
        yield method
        return
    with ExitStack() as stack:

        def begin(decision: str) -> Advance:
            total = images.get(decision, 0)
            return _up_to(total, stack.enter_context(progress("explaining", total)))

        followed = _Counted(method, begin, portion)
        yield followed
        followed.finish()


def _up_to(total: int, advance: Advance) -> Advance:
    """Cap progress at a total, so that a few images more than expected do not show."""
    left = total

    def capped(done: int) -> None:
        nonlocal left
        step = min(done, left)
        left -= step
        if step:
            advance(step)

    return capped


class _Counted:
    """See `counted`."""

    def __init__(self, method: Method, begin: Callable[[str], Advance], portion: int) -> None:
        self.control = is_control(method)
        self.needs = needs_of(method)
        self.any_of = any_of(method)
        self.counted = method
        self._begin = begin
        self._portion = portion
        self._advance: Advance | None = None

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Explain a pair, as the method does."""
        return self.counted(pair, EachOnce(self._reporting(pair, networks)), rng)

    def both_ways(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> BothWays:
        """Explain a pair both ways, as the method does."""
        return ask_both_ways(self.counted, pair, self._reporting(pair, networks), rng)

    def finish(self) -> None:
        """Report the images that were expected and not embedded."""
        if self._advance is not None:
            self._advance(sys.maxsize)

    def _reporting(self, pair: FacePair, networks: Networks) -> Networks:
        if self._advance is None:
            self._advance = self._begin(DECISIONS[pair.similar])
        return _reporting(networks, self._advance, self._portion)


def _reporting(networks: Networks, advance: Advance, portion: int) -> Networks:
    """Networks that embed in portions, and report each."""

    def embed(crops: NDArray[np.uint8]) -> Floats:
        done: list[Floats] = []
        for start in range(0, max(1, len(crops)), portion):
            part = crops[start : start + portion]
            done.append(networks.embed(part))
            advance(len(part))
        return np.concatenate(done)

    return with_embed(networks, embed)
