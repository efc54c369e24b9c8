"""The README's programs, run as they stand."""

import re
from pathlib import Path

import pytest
from PIL import Image

from lpel_export.bundle.writer import write_with_explainer
from lpel_export.explainer import build_explainer
from lpel_serving import Explainer, find_method
from lpel_serving.bundle.loading import load_bundle
from support.images import write_people

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESEARCHER, ENGINEER, SERVICE = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def beside_the_demo(demo_folder, real_crops, tmp_path, monkeypatch):
    (tmp_path / "demo-output").symlink_to(demo_folder)
    for name, crop in zip(("reference.png", "test.png"), real_crops, strict=False):
        Image.fromarray(crop).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)


def test_a_keras_user_trains_a_decoder_for_her_own_network(tmp_path, monkeypatch):
    import keras

    from lpel_serving import list_faces
    from lpel_tf import Recipe, example_crops, from_keras, train_bundle

    model = keras.Sequential(
        [
            keras.Input((64, 64, 3)),
            keras.layers.Conv2D(4, 5, strides=4, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_people(tmp_path / "photographs", people=10, each=4, size=64)
    names = {
        "Explainer": Explainer,
        "Path": Path,
        "Recipe": Recipe,
        "example_crops": example_crops,
        "faces": list_faces(Path("photographs")),
        "from_keras": from_keras,
        "model": model,
        "train_bundle": train_bundle,
    }
    exec(RESEARCHER, names)  # noqa: S102 (our own README)
    assert names["pair"].forward.heat_map.shape == (40, 40)


@pytest.mark.weights
def test_an_engineer_explains_a_pair(beside_the_demo, capsys):
    names: dict = {}
    exec(ENGINEER, names)  # noqa: S102
    assert "pixels marked" in capsys.readouterr().out
    assert -1 <= names["pair"].similarity <= 1


@pytest.mark.weights
def test_a_service_explains_with_plain_onnxruntime(demo_folder, real_crops, tmp_path, monkeypatch):
    bundle = load_bundle(demo_folder / "bundle")
    write_with_explainer(tmp_path / "demo-output/bundle", bundle, build_explainer(bundle))
    for name, crop in zip(("reference.png", "test.png"), real_crops, strict=False):
        Image.fromarray(crop).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(SERVICE, names)  # noqa: S102
    explainer = Explainer.load("demo-output/bundle", crop="none")
    pair = explainer.explain("reference.png", "test.png", method=find_method("surrogate"))
    assert names["similar"].tolist() == [pair.similar]
    assert names["heat_map"].tobytes() == pair.forward.heat_map.tobytes()


@pytest.mark.parametrize("target", ["demo", "test", "lint"])
def test_the_commands_that_the_readme_names_exist(target):
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
