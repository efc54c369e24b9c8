"""Commands that read folders take the largest face, and say how many photographs show several."""

import json

import numpy as np
import pytest
import typer

from lpel_serving import Explainer
from lpel_serving.commands.assess import assess
from lpel_serving.commands.calibrate import calibrate
from lpel_serving.commands.verify import verify
from lpel_serving.engine.crowds import count_crowds, crowds, crowds_in_words
from support import bright, tiny
from support.bright import ONE, TWO, BrightSquares

PEOPLE, EACH, CROWDED = 8, 6, 5
SAID = "5 photographs show several faces: the largest was taken.\n"
NAME = "photographs_with_several_faces"


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    bright.install(tmp_path / "plugins", monkeypatch)
    return tiny.write_bundle(tmp_path / "bundle", crop=bright.NAME)


@pytest.fixture
def faces(tmp_path):
    """Photographs of eight people; on the first of five of them there is somebody else."""
    for person in range(PEOPLE):
        (home := tmp_path / "faces" / f"P{person}").mkdir(parents=True)
        for number in range(1, EACH + 1):
            squares = [(100 * person + number, 16 + number, 4, 6)]
            if number == 1 and person < CROWDED:
                squares.append((1000 + person, 8, 50, 20))
            picture = bright.photograph(*squares)
            bright.save(home / f"{home.name}_{number:04d}.jpg", picture)
    return tmp_path / "faces"


def printed(capsys, command, **options):
    """What a command prints as JSON, and in words."""
    app = typer.Typer()
    app.command()(command)
    given = [part for name, value in options.items() for part in (f"--{name}", str(value))]

    def run(*more):
        typer.main.get_command(app)([*given, *more], standalone_mode=False)
        return capsys.readouterr().out

    return json.loads(run("--json")), run()


def test_each_photograph_counts_once_and_is_cut_as_before(tiny_bundle):
    embedder = Explainer.load(tiny_bundle, crop=BrightSquares()).embedder
    assert crowds(embedder) is None
    expected = embedder.read(TWO)
    count_crowds(embedder)
    assert crowds(embedder) == 0
    for image in (ONE, TWO, TWO):
        crop = embedder.read(image)
    np.testing.assert_array_equal(crop, expected)
    assert crowds(embedder) == 1
    assert embedder.cut(TWO, face=1).found.taken == 1


def test_where_no_face_is_looked_for_none_is_counted(tiny_bundle):
    embedder = Explainer.load(tiny_bundle).embedder
    count_crowds(embedder)
    assert crowds(embedder) is None


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        (None, ""),
        (0, ""),
        (1, "1 photograph shows several faces: the largest was taken."),
        (2000, "2,000 photographs show several faces: the largest was taken."),
    ],
)
def test_the_count_of_faces_in_words(several, expected):
    assert crowds_in_words(several) == expected


def test_verify_counts_photographs_of_several_faces(bundle, faces, capsys):
    pairs = faces.parent / "pairs.txt"
    same = [f"P{p}\t{n}\t{n + 1}\n" for p in range(PEOPLE) for n in range(1, EACH)]
    other = [f"P{p}\t{n}\tP{(p + 1) % PEOPLE}\t{n}\n" for p in range(PEOPLE) for n in (1, 2)]
    pairs.write_text("".join(same + other))
    document, words = printed(capsys, verify, bundle=bundle, faces=faces, pairs=pairs)
    assert document[NAME] == CROWDED
    assert SAID in words


def test_calibrate_counts_photographs_of_several_faces(bundle, faces, capsys):
    options = {"bundle": bundle, "faces": faces, "n": 200}
    document, words = printed(capsys, calibrate, **options, out=faces.parent / "calibrated")
    assert document[NAME] == CROWDED
    assert SAID in words


def test_assess_counts_photographs_of_several_faces(bundle, faces, capsys):
    options = {"bundle": bundle, "faces": faces, "n": 2, "draws": 1, "superpixel": 4}
    document, words = printed(capsys, assess, **options, curve="similar")
    assert document[NAME] is not None
    assert ("several faces" in words) == bool(document[NAME])
