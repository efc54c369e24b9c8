"""What every explanation method is: a pair in, a signed map out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Floats, Pixels, SignedMap
from lpel_serving.support.errors import ParameterError

Need = Literal["images", "decoder", "responses"]
"""What a method asks: the embedder, about images of its own making; the decoder; the response
decoder."""


@dataclass(frozen=True, eq=False)
class FacePair:
    """A pair as a method sees it: the test is to be explained in the light of the reference.

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


class Networks(Protocol):
    """The networks that a method may ask: `Explainer` is one."""

    def embed(self, crops: NDArray[np.uint8], /) -> Floats:
        """Compute ``f``: crops, uint8, shape (N, S, S, 3), to embeddings, shape (N, D)."""
        ...

    def decode(self, embeddings: Floats, /) -> Floats:
        """Compute ``g``: embeddings, shape (N, D), to images, shape (N, H, H, 3)."""
        ...

    def respond(self, embeddings: Floats, /) -> Floats:
        """Tell responses: embeddings, shape (N, D), to vectors of superpixels, (N, K, D).

        The embeddings may be of any length: responses are of the unit embeddings.

        Raises
        ------
        ParameterError
            If there is no response decoder.
        """
        ...


def no_responses(embeddings: Floats) -> Floats:
    """Stand in for a response decoder where there is none.

    Raises
    ------
    ParameterError
        Always.
    """
    raise ParameterError(
        f"there is no response decoder to predict the responses of {len(embeddings)} images: give "
        "one, or choose another method, such as coalitions."
    )


@dataclass(frozen=True, eq=False)
class AssembledNetworks:
    """Networks put together: any embedder with any decoders, each asked as `Networks` says."""

    embed: Callable[[NDArray[np.uint8]], Floats]
    decode: Callable[[Floats], Floats]
    respond: Callable[[Floats], Floats] = no_responses


class Method(Protocol):
    """Says which pixels of the test image the decision on a pair rests on.

    A control, whose maps are there to measure others by, says so: see `is_control`.
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
            To be asked as often as the method needs.
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
    """Look up what a method can do besides explaining a pair in one direction.

    Parameters
    ----------
    method
        Any one. A class that was derived from one with the capability, and gives maps of its own,
        does not have it: what it inherited would give the maps of the other.
    name
        ``both_ways``: see `lpel_serving.methods.both_ways.ExplainsBothWays`; ``many``: see
        `lpel_serving.methods.many.ExplainsMany`.

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
    """Whether a method is a control, whose map knows nothing of the pair that it is asked about.

    Parameters
    ----------
    method
        Its class has ``control: ClassVar[bool] = True`` if it is one. What declares nothing, such
        as the methods of other packages, is taken for a method that explains the pair.
    """
    return bool(getattr(method, "control", False))


def title_of(method: Method, name: str) -> str:
    """What a method is called for readers who do not know its name.

    Parameters
    ----------
    method
        Its class has ``title: ClassVar[str]``, a few plain words that say what its maps show.
    name
        Stands in where a method of another package has no title.
    """
    return str(getattr(method, "title", name))
