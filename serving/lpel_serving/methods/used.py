"""The method that explained a pair: name, parameters, mask threshold and seed."""

from dataclasses import dataclass
from typing import Any

from lpel_serving.bundle.origin import MEASURED
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.methods.catalogue.description import Description, describe
from lpel_serving.methods.catalogue.parameters import parameters_of
from lpel_serving.methods.catalogue.registry import find_method, installed_name, methods
from lpel_serving.methods.method import Method, title_of


@dataclass(frozen=True, eq=False)
class MethodUsed:
    """A method as it explained a pair.

    Attributes
    ----------
    method
        The method, with its parameters.
    epsilon
        Threshold of the masks (Eq. 4.7), in [0, 1); None if there was none.
    seed
        Seed of its randomness.
    """

    method: Method
    epsilon: float | None = None
    seed: int = 0

    @property
    def name(self) -> str:
        """Its name for `find_method`; that of its class where it is not installed."""
        return installed_name(type(self.method))

    @property
    def title(self) -> str:
        """Its title: see `lpel_serving.methods.method.title_of`."""
        return title_of(self.method, self.name)

    def describe(self, subject: Subject = FACES, embedder: str = MEASURED) -> Description:
        """Describe it for a bundle: see `lpel_serving.methods.catalogue.description.describe`."""
        return describe(self.name, self.method, subject=subject, embedder=embedder)

    @property
    def is_default(self) -> bool:
        """Whether it is an installed method with the parameters that it has by default."""
        return self.name in methods() and self.method == find_method(self.name)

    @property
    def parameters(self) -> dict[str, Any]:
        """Its own parameters with their values."""
        return parameters_of(self.method)


def method_used(method: Method, *, epsilon: float | None = None, seed: int = 0) -> MethodUsed:
    """Describe the method that explained; the counted method where `counted` wraps it."""
    return MethodUsed(getattr(method, "counted", method), epsilon, seed)
