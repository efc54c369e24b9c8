"""Fixtures and options that all tests share."""

from pathlib import Path

import numpy as np
import pytest

from lpel_serving import Explainer
from support import tiny


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--realdata",
        type=Path,
        default=None,
        metavar="DIR",
        help="folder with lfw/, pairsDevTrain.txt and orl/, for the tests marked realdata",
    )
    parser.addoption(
        "--family",
        action="store_true",
        help="run the tests marked family too: all of keras.applications",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for option, needed in {"realdata": "--realdata=DIR", "family": "--family"}.items():
        if not config.getoption(f"--{option}"):
            skip = pytest.mark.skip(reason=f"needs {needed}")
            for item in items:
                if option in item.keywords:
                    item.add_marker(skip)


@pytest.fixture(scope="session")
def realdata(request: pytest.FixtureRequest) -> Path:
    """The folder of real photographs."""
    return request.config.getoption("--realdata").resolve()


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of linear networks: see `support.tiny`. Not to be changed."""
    return tiny.write_bundle(tmp_path_factory.mktemp("tiny") / "bundle")


@pytest.fixture(scope="session")
def tiny_explainer(tiny_bundle: Path) -> Explainer:
    return Explainer.load(tiny_bundle)


@pytest.fixture(scope="session")
def responding_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with a response decoder. Not to be changed."""
    return tiny.write_bundle(tmp_path_factory.mktemp("responding") / "bundle", responds=True)


@pytest.fixture(scope="session")
def responding_explainer(responding_bundle: Path) -> Explainer:
    return Explainer.load(responding_bundle)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `lpel demo` makes with the real weights, fetched once into the user's own cache."""
    from lpel_serving.progress import silent
    from lpel_tf.demo.run import run_demo

    out = tmp_path_factory.mktemp("demo")
    run_demo(out, cache=None, progress=silent)
    return out


@pytest.fixture(scope="session")
def real_crops(demo_folder: Path) -> np.ndarray:
    """Aligned crops of the demo's faces, uint8, shape (12, 160, 160, 3)."""
    crops = []
    for path in sorted(demo_folder.glob("pair-*.npz")):
        with np.load(path) as arrays:
            crops += [arrays["reference_crop"], arrays["test_crop"]]
    return np.stack(crops)
