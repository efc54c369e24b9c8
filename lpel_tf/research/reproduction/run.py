"""The run of chapter 5, section after section, each kept as soon as it is done."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from lpel_serving.images.held import content_of
from lpel_serving.images.subject import FACES
from lpel_serving.support.errors import OutputError
from lpel_serving.support.files import check_folder, write_atomically
from lpel_tf.bundles.comparing import kind_of
from lpel_tf.data.sides import by_itself
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.report import MARK, report
from lpel_tf.research.reproduction.results import load_section, save_section
from lpel_tf.research.reproduction.retelling import retold
from lpel_tf.research.reproduction.section import Section
from lpel_tf.research.reproduction.sections import SECTIONS


@dataclass(frozen=True, eq=False)
class Reproduction:
    """What a run made: its sections, and the page that shows them."""

    sections: tuple[Section, ...]
    page: Path


def reproduce(laboratory: Laboratory, out: Path) -> Reproduction:
    """Run every experiment that is not done yet, and write the report.

    Parameters
    ----------
    laboratory
        Faces, networks and sizes.
    out
        Folder of ``report.html`` and, in ``data``, of everything behind it.

    Raises
    ------
    OutputError
        If the folder holds a report that is not ours, or cannot be written.
    """
    check_output(out)
    data, identity = out / "data", run_identity(laboratory)
    sections: list[Section] = []
    with laboratory.progress("reproducing chapter 5 (sections)", len(SECTIONS)) as advance:
        for key, run in SECTIONS.items():
            section = load_section(data, key, identity)
            if section is None:
                section = retold(run(laboratory), laboratory.subject)
                save_section(section, data, identity)
            sections.append(section)
            advance(1)
    about = describe(laboratory)
    text = json.dumps(about, indent=2, allow_nan=False) + "\n"
    write_atomically(data / "about.json", text.encode())
    page = out / "report.html"
    write_atomically(page, report(sections, about).encode())
    _clear(laboratory.work)
    return Reproduction(tuple(sections), page)


def _clear(work: Path) -> None:
    """Remove what an interrupted run would resume from, and nothing that is not ours."""
    for ours in (*work.glob("decoder-*.npz"), *work.glob("*.partial")):
        ours.unlink()
    with contextlib.suppress(OSError):  # something else is in it
        work.rmdir()


def check_output(out: Path) -> None:
    """Raise `OutputError` if the folder is none, or holds a report that is not one of ours."""
    check_folder(out)
    page = out / "report.html"
    if page.exists() and not (page.is_file() and MARK in page.read_bytes()):
        raise OutputError(f"{out} holds a report.html that is not ours: choose another folder.")


def run_identity(laboratory: Laboratory) -> str:
    """Hash everything that determines the results: network, photographs, sizes, seed, our code."""
    digest = hashlib.sha256(json.dumps(describe(laboratory), sort_keys=True).encode())
    for face in laboratory.photographs:
        digest.update(face.identity.encode() + b"\0")
        digest.update(hashlib.sha256(content_of(face.source)).digest())
    for package in ("lpel_serving", "lpel_export", "lpel_tf"):
        for module in sorted(Path(str(files(package))).rglob("*.py")):
            digest.update(module.read_bytes())
    return digest.hexdigest()


def describe(laboratory: Laboratory) -> Mapping[str, Any]:
    """Say what a run was made of, without naming any file."""
    identities = {face.identity for face in laboratory.photographs}
    return {
        "lpel": version("lpel-tf"),
        "embedder": laboratory.embedder.record.name,
        "embedder_sha256": laboratory.embedder.sha256,
        "photographs": len(laboratory.photographs),
        "people": len(identities),
        "split": laboratory.split or by_itself(identities),
        "crops": list(laboratory.crops),
        "threshold": laboratory.threshold,
        "seed": laboratory.seed,
        "photographs_hidden": laboratory.hide_photographs,
        "sizes": asdict(laboratory.sizes),
        **_unusual(laboratory),
    }


def _unusual(laboratory: Laboratory) -> Mapping[str, Any]:
    """Say how the network compares, and what, where that is not faces by cosine."""
    said: dict[str, Any] = {}
    kind = kind_of(laboratory.comparison)
    if kind != "cosine":
        said["comparison"] = {"kind": kind}
    if kind == "head":
        head = Path(laboratory.comparison).read_bytes()
        said["comparison"]["head_sha256"] = hashlib.sha256(head).hexdigest()
    if laboratory.subject != FACES:
        said["subject"] = asdict(laboratory.subject)
    return said
