"""The documents: their links lead somewhere, and what they name of this repository exists."""

import re
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = {"lpel_serving": "serving", "lpel_export": "export", "lpel_tf": "."}
PATTERNS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "serving/examples/**/*.md",
    "benchmarks/rivals/*.md",
    "lpel_tf/pretrained/*.md",
)
OURS = "|".join(HOME)
NAMES = re.compile(rf"\b(?:{OURS})(?:\.\w+)+")
IMPORTS = re.compile(rf"^from ((?:{OURS})[\w.]*) import (.+)$", flags=re.MULTILINE)
PATHS = re.compile(rf"(?<![\w/.-])(?:{OURS}|benchmarks|docs|export|scripts|serving|tests)/[\w./-]+")
LINKS = re.compile(r"\]\(([^)\s]+)\)")
HEADINGS = re.compile(r"^#+ (.+)$", flags=re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", flags=re.MULTILINE | re.DOTALL)

documents = pytest.mark.parametrize(
    "document",
    [path.relative_to(ROOT).as_posix() for one in PATTERNS for path in sorted(ROOT.glob(one))],
)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found, seen = set(), Counter()
    for heading in HEADINGS.findall(FENCED.sub("", text_of(path))):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def leads_somewhere(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = document.parent / path if path else document
    return target.exists() and (not anchor or anchor in anchors(target))


def exists(name: str) -> bool:
    """Whether a dotted name is a module of ours, or something that a module mentions."""
    parts = name.split(".")
    place = ROOT / HOME[parts[0]] / parts[0]
    for i, part in enumerate(parts[1:], start=1):
        if (place / part).is_dir():
            place /= part
            continue
        module = place / f"{part}.py"
        rest = parts[i + 1 :] if module.exists() else parts[i:]
        source = text_of(module if module.exists() else place / "__init__.py")
        return all(re.search(rf"\b{one}\b", source) for one in rest)
    return True


@documents
def test_links_lead_somewhere(document):
    path = ROOT / document
    links = LINKS.findall(FENCED.sub("", text_of(path)))
    ours = [link for link in links if not re.match(r"\w+:", link)]
    assert [link for link in ours if not leads_somewhere(path, link)] == []


@documents
def test_modules_and_what_is_imported_from_them_exist(document):
    text = text_of(ROOT / document)
    imported = {
        f"{module}.{name.strip()}"
        for module, names in IMPORTS.findall(text)
        for name in names.split(",")
    }
    assert sorted(name for name in {*NAMES.findall(text), *imported} if not exists(name)) == []


@documents
def test_files_and_folders_exist(document):
    named = {path.rstrip("./") for path in PATHS.findall(text_of(ROOT / document))}
    homes = {path: ROOT / HOME.get(path.partition("/")[0], ".") for path in named}
    assert sorted(path for path, home in homes.items() if not (home / path).exists()) == []


@documents
def test_commands_exist(document):
    named = set(re.findall(r"`lpel ([a-z]+)", text_of(ROOT / document)))
    assert named <= {entry.name for entry in entry_points(group="lpel.commands")}


def test_every_command_is_documented():
    listed = re.findall(r"`lpel ([\w-]+)", text_of(ROOT / "docs" / "commands.md"))
    assert set(listed) >= {entry.name for entry in entry_points(group="lpel.commands")}


def test_anchors_are_those_of_github(tmp_path):
    document = tmp_path / "one.md"
    document.write_text(
        "# A `b_c`, *d* & e?\n```\n# none\n```\n## [The thesis's](x.md) part\n# Again\n# Again\n"
    )
    assert anchors(document) == {"a-b_c-d--e", "the-thesiss-part", "again", "again-1"}


@pytest.mark.parametrize("link", ["none.md", "#none", "two.md#none"])
def test_broken_links_are_found(tmp_path, link):
    for name in ("one.md", "two.md"):
        (tmp_path / name).write_text("# Some\n")
    assert leads_somewhere(tmp_path / "one.md", "two.md#some")
    assert not leads_somewhere(tmp_path / "one.md", link)


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("lpel_serving.Explainer", True),
        ("lpel_serving.equations.mask.mask", True),
        ("lpel_serving.equations", True),
        ("lpel_serving.equations.masks", False),
        ("lpel_tf.decoders.training.no_such_function", False),
    ],
)
def test_names_are_looked_up(name, there):
    assert exists(name) == there
