"""What pictures show, such as faces or digits, in the words that sentences need.

Texts that do not know the bundle are written about faces, and retold where it is of something else.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType

from lpel_serving.support.errors import ParameterError

FACE_REGIONS = "face"
"""The regions of a face in the middle of its crop: see `lpel_serving.equations.regions`."""

_LONGEST = 60
_OF_FACES = re.compile(r"\b(one person|two people|a face|faces|face|person|people)\b")


@dataclass(frozen=True)
class Subject:
    """What a bundle compares.

    Attributes
    ----------
    one
        One of them, with its article: ``a face``.
    many
        Several: ``faces``.
    same
        What two of them share if they belong together: ``one person``.
    different
        What they show otherwise: ``two people``.
    regions
        `FACE_REGIONS` if they are faces in the middle of their crops, whose parts have names; None
        if they have no such parts.

    Raises
    ------
    ParameterError
        If a text is empty, longer than a line of words or of one word where two are needed, or if
        there are no such regions.
    """

    one: str
    many: str
    same: str
    different: str
    regions: str | None = None

    def __post_init__(self) -> None:
        for name, text in self.words.items():
            if not text.isprintable() or text != text.strip() or not 0 < len(text) <= _LONGEST:
                raise ParameterError(
                    f"{name} of a subject: expected a few words, at most {_LONGEST} characters; "
                    f"received {text[: 2 * _LONGEST]!a}."
                )
            if name != "many" and " " not in text:
                raise ParameterError(
                    f"{name} of a subject: expected two words or more, such as "
                    f"{getattr(FACES, name)!r}; received {text!a}."
                )
        if self.regions not in (None, FACE_REGIONS):
            raise ParameterError(
                f"regions of a subject: expected {FACE_REGIONS!r} or none, received "
                f"{str(self.regions)[:_LONGEST]!a}."
            )

    @property
    def words(self) -> dict[str, str]:
        """Its four texts, by their names."""
        return {name: str(text) for name, text in asdict(self).items() if name != "regions"}

    @property
    def of_faces(self) -> bool:
        """Whether its pictures are of faces, of whose parts and people sentences may speak."""
        return self.regions == FACE_REGIONS

    @property
    def thing(self) -> str:
        """One of them without its article: ``face``."""
        return _without_first(self.one)

    @property
    def kind(self) -> str:
        """One of those that are told apart: ``person``."""
        return _without_first(self.same)

    @property
    def kinds(self) -> str:
        """Several of them: ``people``."""
        return _without_first(self.different)

    @property
    def other(self) -> str:
        """`different` right after `same`, where the kind need not be said again: ``two``."""
        return "two" if self.different.startswith("two ") else self.different

    @property
    def group_key(self) -> str:
        """The key under which records count those that are told apart."""
        return "people" if self.of_faces else "classes"

    def retell(self, text: str) -> str:
        """Put a text about faces and people into the words of this subject."""
        words = {
            **{getattr(FACES, name): word for name, word in self.words.items()},
            "face": self.thing,
            "person": self.kind,
            "people": self.kinds,
        }
        return _OF_FACES.sub(lambda found: words[found[0]], text)


def _without_first(words: str) -> str:
    return words.split(" ", 1)[1]


FACES = Subject("a face", "faces", "one person", "two people", FACE_REGIONS)
"""The subject of a bundle that names none."""

SUBJECTS: Mapping[str, Subject] = MappingProxyType(
    {
        "faces": FACES,
        "digits": Subject("a digit", "digits", "one class", "two classes"),
        "signatures": Subject("a signature", "signatures", "one writer", "two writers"),
        "products": Subject("a product", "products", "one product", "two products"),
        "images": Subject("an image", "images", "one class", "two classes"),
    }
)
"""The subjects that have a name."""


def parse_subject(text: str) -> Subject:
    """Look a subject up by its name in `SUBJECTS`, or make one of its words, with commas between.

    Examples
    --------
    >>> parse_subject("digits").one
    'a digit'
    >>> parse_subject("a stamp, stamps, one issue, two issues").kinds
    'issues'

    Raises
    ------
    ParameterError
        If it is neither.
    """
    if text in SUBJECTS:
        return SUBJECTS[text]
    words = [part.strip() for part in text.split(",")]
    if len(words) != len(fields(Subject)) - 1:
        raise ParameterError(
            f"no subject is called {text[:_LONGEST]!a}: expected {', '.join(SUBJECTS)}, or four "
            f"texts with commas between, such as {', '.join(FACES.words.values())!r}."
        )
    return Subject(*words)
