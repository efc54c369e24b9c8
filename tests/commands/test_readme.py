"""The README's programs, run as they stand."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.images import write_people

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
RESEARCHER, ENGINEER, SERVICE = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def beside_the_demo(demo_folder, real_crops, tmp_path, monkeypatch):
    (tmp_path / "demo-output").symlink_to(demo_folder)
    for name, crop in zip(("reference.png", "test.png"), real_crops, strict=False):
        Image.fromarray(crop).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)


def test_a_keras_user_trains_a_decoder_for_her_own_network(tmp_path, monkeypatch):
    import keras

    from lpel_serving import Explainer
    from lpel_serving.faces import list_faces
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
def test_a_service_runs_the_models_with_plain_onnxruntime(beside_the_demo, real_crops):
    names: dict = {"crops": real_crops[:3]}
    exec(SERVICE, names)  # noqa: S102
    assert names["picture"].shape == (3, 40, 40, 3)
    assert np.isfinite(names["picture"]).all()


@pytest.mark.parametrize("target", ["demo", "test", "lint"])
def test_the_commands_that_the_readme_names_exist(target):
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def test_every_command_of_the_readme_is_installed():
    from importlib.metadata import entry_points

    installed = {entry.name for entry in entry_points(group="lpel.commands")}
    assert set(re.findall(r"\| `lpel (\w+)", README)) == installed
