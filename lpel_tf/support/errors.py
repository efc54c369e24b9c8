"""The errors of the Keras side: each also derives from the matching built-in exception."""

from lpel_serving.support.errors import LpelError


class KerasSideError(LpelError):
    """The family of `lpel_tf`."""


class UnknownNetworkError(KerasSideError, KeyError):
    """There is no FaceNet with this key."""

    def __str__(self) -> str:
        """Say it without the quotation marks that KeyError adds."""
        return str(self.args[0])


class WeightsUnreachableError(KerasSideError, ConnectionError):
    """The weights could not be downloaded."""


class WeightsAlteredError(KerasSideError, ValueError):
    """The weights differ from their pinned hash, or do not fit the network."""


class TrainingDataError(KerasSideError, ValueError):
    """There is too little to train on, or it does not fit together."""


class CacheError(KerasSideError, OSError):
    """The cache folder cannot be used."""
