"""The example for Node.js."""

import json
import shutil
import subprocess

import pytest

from runtimes.conftest import javascript_example, play_alone
from runtimes.scene import assert_near, from_json

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return javascript_example("node", tmp_path_factory.mktemp("node")) / "explain.js"


def play(program, folder, *words):
    return from_json(json.loads(play_alone(["node", program, *words], folder, folder / "home")))


@pytest.mark.parametrize("pairs", [1, 6])
@pytest.mark.parametrize("method", ["surrogate", "responses", "lpel", "lpel-mended"])
def test_node_agrees_on_the_tiny_networks(program, tiny_scene, method, pairs, tmp_path):
    found = play(program, tmp_path, tiny_scene.file(method), *tiny_scene.pictures(pairs))
    assert_near(found, tiny_scene.expected(method, pairs))


@pytest.mark.parametrize("method", ["surrogate", "responses", "lpel"])
def test_node_heeds_what_must_be_fed(program, tiny_scene, method, tmp_path):
    file = tiny_scene.file(method, defaults=False)
    words = (file, *tiny_scene.pictures(6), "threshold=0.9", "epsilon=0.4")
    expected = tiny_scene.expected(method, 6, threshold=0.9, epsilon=0.4)
    assert_near(play(program, tmp_path, *words), expected, epsilon=0.4)


def test_node_says_what_would_be_ignored(program, tiny_scene):
    words = [tiny_scene.file("lpel"), *tiny_scene.pictures(1), "threshold=0.9"]
    command = [shutil.which("node"), program, *map(str, words)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "does not take threshold here" in done.stderr


@pytest.mark.weights
@pytest.mark.parametrize("method", ["surrogate", "responses", "lpel"])
def test_node_agrees_on_facenet(program, real_scene, method, tmp_path):
    found = play(program, tmp_path, real_scene.file(method), *real_scene.pictures(6))
    assert_near(found, real_scene.expected(method, 6))
