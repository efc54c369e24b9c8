"""What is usual of maps: measured by `lpel calibrate`, said by `lpel explain`."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from lpel_serving import Explainer
from lpel_serving.bundle.card import usual_lines
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.engine.photographs import embed_photographs
from lpel_serving.engine.usual import measure_usual
from lpel_serving.equations.comparison import COSINE
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.datasets.pairs import sample_pairs
from support.command import lpel
from support.hostile import absent, change
from support.images import pixels, write_people
from support.usual import usual

DRAWN, SEED = 200, 3


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("usual") / "faces", 8, 6)


def test_calibrate_measures_what_is_usual_of_the_photographs(bundle, faces):
    calibrate = ("calibrate", "-b", bundle, "--faces", faces, "--n", DRAWN, "--seed", SEED)
    done = lpel(*calibrate)
    assert done.returncode == 0, done.stderr
    record = load_bundle(bundle).manifest.usual
    for line in usual_lines(record):
        assert line in done.stdout.splitlines()
    explainer = Explainer.load(bundle)
    pairs = sample_pairs(list_faces(faces), DRAWN, np.random.default_rng(SEED))
    paths = list(dict.fromkeys(path for pair in pairs for path in (pair.reference, pair.test)))
    expected = measure_usual(
        explainer,
        embed_photographs(explainer.embedder, COSINE, paths),
        [path.parent.name for path in paths],
        explainer.manifest.threshold.value,
        np.random.default_rng(SEED),
        responds=True,
        crop="none",
        on="the photographs of pairs drawn at random",
    )
    assert record == expected
    assert lpel("bundle", "check", bundle).returncode == 0
    assert "what is usual of maps, by method" in lpel("bundle", "inspect", bundle).stdout
    document = json.loads(lpel("bundle", "inspect", bundle, "--json").stdout)
    assert document["usual"] == asdict(record)
    again = json.loads(lpel(*calibrate, "--json").stdout)
    assert again["usual"] == asdict(record)
    assert again["usual_measured"] is True


def test_too_few_photographs_leave_what_was_known(bundle, tmp_path):
    """Ten photographs give 45 pairs: listed often enough for a confidence, and nothing is usual."""
    change(bundle, "usual", to=asdict(usual()))
    people = write_people(tmp_path / "few", 2, 5)
    for photograph in sorted(people.glob("*/*.png")):
        home = tmp_path / "lfw" / photograph.parent.name
        home.mkdir(parents=True, exist_ok=True)
        number = len(list(home.iterdir())) + 1
        Image.open(photograph).convert("RGB").save(home / f"{home.name}_{number:04d}.jpg")
    one, other = sorted(path.name for path in (tmp_path / "lfw").iterdir())
    same = [f"{who}\t1\t{n}\n" for who in (one, other) for n in (2, 3, 4, 5)]
    different = [f"{one}\t{n}\t{other}\t{m}\n" for n in range(1, 6) for m in range(1, 6)]
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("".join((same + different) * 4))
    calibrate = ("calibrate", "-b", bundle, "--faces", tmp_path / "lfw", "--pairs", pairs)
    done = lpel(*calibrate, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["usual_measured"] is False
    assert document["usual"] == asdict(usual())
    assert load_bundle(bundle).manifest.usual == usual()
    assert "what is usual of maps: it stays as it was" in lpel(*calibrate).stdout
    change(bundle, "usual", to=absent)
    done = lpel(*calibrate)
    assert "what is usual of maps: not measured; that takes" in done.stdout


def test_explain_says_how_much_is_common_and_saves_what_is_usual(bundle, tmp_path):
    change(bundle, "usual", to=asdict(usual()))
    for seed in (900, 901):
        Image.fromarray(pixels(seed)).save(tmp_path / f"{seed}.png")
    explain = ("explain", tmp_path / "900.png", tmp_path / "901.png", "-b", bundle)
    done = lpel(*explain, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "of each such map is common to all faces:" in done.stdout
    saved = json.loads((tmp_path / "out" / "explanation.json").read_text())
    printed = json.loads(lpel(*explain, "--json").stdout)
    for document in (saved, printed):
        known = usual().methods["responses"][document["decision"]]
        assert document["usual"] == {"pairs": known["pairs"], "common": known["common"]}
        for role in ("reference", "test"):
            for one in document["explanations"][role]["regions"]:
                assert one["usual_for"] == known["for"][one["name"]]
    for more in (("--crop", "0.5"), ("--method", "lpel-mended"), ("--method", "lpel", "--p", "1")):
        assert json.loads(lpel(*explain, "--json", *more).stdout)["usual"] is None
    assert "common" not in lpel(*explain, "--method", "centre").stdout
