"""The report as one HTML page that loads nothing from elsewhere."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from lpel_serving.images.subject import FACES, Subject
from lpel_tf.research.reproduction.retelling import in_words_of
from lpel_tf.research.reproduction.section import Finding, Picture, Section, Table

MARK = b'<meta name="generator" content="lpel reproduce">'
"""By which a report is known again."""

_OF_FACES = {"pictures": "photographs", "kinds": "people", "two": "two people"}
"""Words of the page itself that are other ones for another subject."""
_HIDDEN = "Photographs are hidden: reconstructions stand in their place."
_SHOWN = "This page shows photographs of {of}: think before you pass it on."
_CLASSES = {
    "holds": "holds",
    "holds in part": "part",
    "does not hold": "fails",
    "not decided": "quiet",
    "not comparable": "quiet",
}


def report(sections: Sequence[Section], about: Mapping[str, Any]) -> str:
    """Write the page as HTML."""
    crops = " and ".join(str(crop) for crop in about["crops"])
    subject = Subject(**about["subject"]) if "subject" in about else FACES
    of = "people" if subject == FACES else subject.many
    said = in_words_of(subject, _HIDDEN if about["photographs_hidden"] else _SHOWN)
    facts = {
        **{name: escape(in_words_of(subject, word)) for name, word in _OF_FACES.items()},
        "photographs": about["photographs"],
        "people": about["people"],
        "embedder": escape(about["embedder"]),
        "crops": escape(crops),
        "rule": _rule(about),
        "seed": about["seed"],
        "pairs": about["sizes"]["pairs"],
        "summary": _summary(sections),
        "contents": "".join(
            f'<li><a href="#{section.key}">{escape(section.title)}</a> '
            f"<small>{escape(section.counterpart or 'not in the thesis')}</small></li>"
            for section in sections
        ),
        "sections": "\n".join(_section(section) for section in sections),
        "hidden": escape(said.format(of=of)),  # its own words last: they are not to be retold
    }
    page = (
        files("lpel_tf.research.reproduction").joinpath("report.html").read_text(encoding="utf-8")
    )
    return Template(page).substitute({name: str(value) for name, value in facts.items()})


def _rule(about: Mapping[str, Any]) -> str:
    """Say of which pairs the network says that they are similar."""
    kind, threshold = about.get("comparison", {"kind": "cosine"})["kind"], about["threshold"]
    if kind == "cosine":
        return f"above\n{threshold:.3f}"
    if kind == "euclidean":
        return f"where\ntheir distance is below {threshold:.3f}"
    return f"where\ntheir score, that of a learned head, exceeds {threshold:.3f}"


def _summary(sections: Sequence[Section]) -> str:
    rows = "".join(
        f'<tr><td><a href="#{section.key}">{escape(finding.claim)}</a></td>'
        f"<td>{_badge(finding)}</td></tr>"
        for section in sections
        for finding in section.findings
    )
    return f"<table class=summary>{rows}</table>"


def _section(section: Section) -> str:
    parts = [
        f'<section id="{section.key}"><h2>{escape(section.title)}</h2>',
        f"<p class=counterpart>{_counterpart(section)}</p>",
        *(_finding(finding) for finding in section.findings),
        *(_picture(picture) for picture in section.pictures),
        *(_table(table) for table in section.tables),
        *(f"<p class=note>{escape(note)}</p>" for note in section.notes),
        "</section>",
    ]
    return "\n".join(parts)


def _counterpart(section: Section) -> str:
    where = escape(section.counterpart)
    return f"In the thesis: {where}." if where else "Not in the thesis."


def _finding(finding: Finding) -> str:
    ours = finding.claim.startswith("(")
    claim = finding.claim.strip("()") if ours else finding.claim
    who = "What must be true" if ours else "The thesis"
    return (
        f"<div class=finding><p><b>{who}:</b> {escape(claim)} {_badge(finding)}</p>"
        f"<p><b>Here:</b> {escape(finding.measured)}</p></div>"
    )


def _badge(finding: Finding) -> str:
    return f'<span class="badge {_CLASSES[finding.verdict]}">{finding.verdict}</span>'


def _picture(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode()
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{escape(picture.caption)}">'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows
    )
    return (
        f"<div class=scroll><table><caption>{escape(table.caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
