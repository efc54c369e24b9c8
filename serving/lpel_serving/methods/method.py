"""The protocol of explanation methods, from a pair to a signed map, and what they may declare."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, Pixels, SignedMap

Need = Literal["images", "decoder", "responses", "surrogate"]
"""The networks that a method runs: the embedder, on altered images; the decoder; the response
decoder; the surrogate, with the local features that it needs."""


@dataclass(frozen=True, eq=False)
class FacePair:
    """The input of a method: the test is explained in comparison with the reference.

    Attributes
    ----------
    reference, test
        The crops that were embedded, uint8, shape (S, S, 3).
    h_r, h_t
        Their embeddings, float32, shape (D,).
    similar
        The decision to be explained.
    """

    reference: Pixels
    test: Pixels
    h_r: Floats
    h_t: Floats
    similar: bool

    @property
    def swapped(self) -> "FacePair":
        """The same pair with the roles exchanged."""
        return FacePair(self.test, self.reference, self.h_t, self.h_r, self.similar)


class Method(Protocol):
    """Computes an attribution map: which pixels of the test image the decision rests on.

    A control, whose maps do not depend on the pair, declares it: see `is_control`.
    """

    def __call__(
        self, pair: FacePair, networks: Networks, rng: np.random.Generator, /
    ) -> SignedMap:
        """Explain a pair.

        Parameters
        ----------
        pair
            To be explained.
        networks
            The networks to run, as often as the method needs.
        rng
            The source of any randomness.

        Returns
        -------
        NDArray[np.float32]
            Shape (H, W): positive where a pixel speaks for the decision, negative where it speaks
            against it; only the order of the values is used.
        """
        ...


def capability(method: Method, name: str) -> Callable[..., Any] | None:
    """Look up an optional capability of a method.

    Parameters
    ----------
    method
        Any method. A subclass of a class with the capability that computes maps of its own does not
        have it: the inherited capability would give the maps of the base class.
    name
        ``both_ways``: see `lpel_serving.methods.both_ways.ExplainsBothWays`; ``many``: see
        `lpel_serving.methods.many.ExplainsMany`; ``predict``: see
        `lpel_serving.methods.predicts.PredictsCoalitions`.

    Returns
    -------
    Callable | None
        None where it has no such capability.
    """
    for kind in type(method).__mro__:
        if name in vars(kind):
            return getattr(method, name)
        if "__call__" in vars(kind):
            break
    return None


def is_control(method: Method) -> bool:
    """Whether a method is a control: its map does not depend on the pair.

    Parameters
    ----------
    method
        Its class has ``control: ClassVar[bool] = True`` if it is one. A method that declares
        nothing, perhaps of another package, counts as explaining the pair.
    """
    return bool(getattr(method, "control", False))


def title_of(method: Method, name: str) -> str:
    """The title of a method for lay readers.

    Parameters
    ----------
    method
        Its class has ``title: ClassVar[str]``, a few plain words that say what its maps show.
    name
        Used where a method has no title.
    """
    return str(getattr(method, "title", name))
