"""Rewrites a section, which is about faces and people, in the words of another subject."""

import re
from dataclasses import replace

from lpel_serving.images.subject import FACES, Subject
from lpel_tf.research.reproduction.section import Finding, Section, Table

_MORE = re.compile(r"\b(a stranger's|nobody|no one|photographs|photograph)\b")


def retold(section: Section, subject: Subject) -> Section:
    """Tell a section in the words of its subject; what the thesis says of faces stays as it is.

    Numbers, arrays and the names of files stay too.
    """
    if subject == FACES:
        return section
    return replace(
        section,
        title=in_words_of(subject, section.title),
        findings=tuple(_finding(one, subject) for one in section.findings),
        tables=tuple(_table(one, subject) for one in section.tables),
        pictures=tuple(
            replace(one, caption=in_words_of(subject, one.caption)) for one in section.pictures
        ),
        notes=tuple(in_words_of(subject, note) for note in section.notes),
    )


def in_words_of(subject: Subject, text: str) -> str:
    """Put a text about faces, people and their photographs into the words of a subject.

    Examples
    --------
    >>> from lpel_serving.images.subject import SUBJECTS
    >>> in_words_of(SUBJECTS["digits"], "Faces of two people, in photographs.")
    'Digits of two classes, in images.'
    """
    if subject == FACES or not text:
        return text
    words = {
        "a stranger's": f"another {subject.kind}'s",
        "nobody": "none",
        "no one": "nothing else",
        "photographs": "images",
        "photograph": "image",
    }
    # Only small letters are looked for: a text's first one is put back as it was.
    small = text[0].lower() + text[1:]
    # What is between those words is retold apart from them: no word of the subject's own is.
    parts = _MORE.split(small)
    said = "".join(words.get(part) or subject.retell(part) for part in parts)
    return said[0].upper() + said[1:] if text[0].isupper() else said


def _finding(finding: Finding, subject: Subject) -> Finding:
    ours = finding.claim.startswith("(")
    claim = in_words_of(subject, finding.claim) if ours else finding.claim
    return replace(finding, claim=claim, measured=in_words_of(subject, finding.measured))


def _table(table: Table, subject: Subject) -> Table:
    return Table(
        in_words_of(subject, table.caption),
        tuple(in_words_of(subject, cell) for cell in table.header),
        tuple(tuple(in_words_of(subject, cell) for cell in row) for row in table.rows),
    )
