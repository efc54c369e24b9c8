"""The errors of the engine: one family, each also the builtin it is a case of.

A message says what was expected, what was received, and what to do.
"""


class LpelError(Exception):
    """Anything that `lpel_tf`, `lpel_export` or `lpel_serving` raises on purpose.

    Attributes
    ----------
    exit_status
        What `lpel` exits with: 2 for bad input, 1 where a check of its own failed.
    """

    exit_status = 2


class ServingError(LpelError):
    """The family of `lpel_serving`."""


class ImageError(ServingError, ValueError):
    """Something given as a face image is not one that can be used."""


class NoFaceError(ImageError):
    """A crop found no face in an image."""


class FaceChoiceError(ImageError, IndexError):
    """A face was asked for that is not among those found in an image."""


class UnreadableImageError(ImageError):
    """A file is not there, or may not be read, or is too large to be."""


class NotAnImageError(ImageError):
    """The content is of none of the formats that are read, whatever its name."""


class DamagedImageError(ImageError):
    """An image is damaged or truncated."""


class PhotographsError(ServingError, ValueError):
    """Too many of the photographs that a command was given cannot be used."""


class BundleError(ServingError, ValueError):
    """A bundle is incomplete, was altered, or was made for another engine."""


class ProviderError(ServingError, RuntimeError):
    """The execution provider that was asked for is not active."""


class EmbeddingError(ServingError, ValueError):
    """An embedding has the wrong shape or is not finite."""


class NoDirectionError(EmbeddingError):
    """The embedding of a photograph is zero or not finite, so that it cannot be compared."""


class ParameterError(ServingError, ValueError):
    """A parameter lies outside its range."""


class PairsError(ServingError, ValueError):
    """A pairs file, or a folder that pairs are drawn from, cannot be used."""


class OutputError(ServingError, OSError):
    """A result could not be written."""


class MissingExtraError(ServingError, ImportError):
    """An optional part of the installation is missing."""


class WithdrawnError(ServingError, RuntimeError):
    """Work was given up, because nobody waits for it any more or its time was over."""


class BusyError(ServingError, RuntimeError):
    """So much work is waiting already that no more is taken."""
