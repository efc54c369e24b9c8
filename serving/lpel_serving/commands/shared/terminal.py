"""Output to terminals whose encoding lacks some of our characters."""

import codecs
import io
import sys

_INSTEAD = {
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{PLUS-MINUS SIGN}": "+-",
}
_NAME = "lpel-terminal"


def write_on_any_terminal() -> None:
    """Prevent `UnicodeEncodeError` on standard output and error, whatever their encoding."""
    codecs.register_error(_NAME, _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None if closed; a caller's may be anything
            stream.reconfigure(errors=_NAME)


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """Write a character that cannot be encoded as its like, or as Python would in a string.

    Bytes of a file's name that are no text, as on disk, stay the bytes that they are.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character, end = error.object[error.start], error.start + 1
    if "\udc80" <= character <= "\udcff":
        return character.encode("utf-8", "surrogateescape"), end
    escaped = character.encode("ascii", "backslashreplace").decode("ascii")
    return _INSTEAD.get(character, escaped), end
