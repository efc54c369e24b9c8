"""The exceptions of the engine: each also derives from the matching built-in exception.

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
    """An image cannot be used as a face image."""


class NoFaceError(ImageError):
    """A crop found no face in an image."""


class FaceChoiceError(ImageError, IndexError):
    """The requested face is not among those found in an image."""


class UnreadableImageError(ImageError):
    """A file is missing, unreadable or too large."""


class NotAnImageError(ImageError):
    """The file's content is in no supported image format, whatever its name."""


class DamagedImageError(ImageError):
    """An image is damaged or truncated."""


class PhotographsError(ServingError, ValueError):
    """Too many of the photographs that a command was given cannot be used."""


class ArchiveError(ServingError, ValueError):
    """A NumPy archive of images and labels cannot be used."""


class BundleError(ServingError, ValueError):
    """A bundle is incomplete, was altered, or was made for another engine."""


class ProviderError(ServingError, RuntimeError):
    """The requested execution provider is not active."""


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
    """Work was cancelled: nobody waits for it any more, or the time limit was reached."""


class BusyError(ServingError, RuntimeError):
    """The queue is full: no more work is accepted."""
