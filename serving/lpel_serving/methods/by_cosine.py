"""Methods that divide a cosine among pixels, and refuse networks that compare otherwise."""

from lpel_serving.equations.comparison import ComparisonKind
from lpel_serving.methods.networks import Networks
from lpel_serving.support.errors import ParameterError


def check_by_cosine(networks: Networks, method: str) -> None:
    """Raise `ParameterError` unless the network compares cosines."""
    kind = networks.comparison.kind
    if kind != "cosine":
        raise ParameterError(not_by(method, kind))


def not_by(method: str, kind: ComparisonKind) -> str:
    """Say that a method explains cosines alone."""
    return (
        f"the method {method} divides the cosine of two embeddings among pixels, and this network "
        f"compares by {kind}: choose another method, such as surrogate, responses or coalitions."
    )
