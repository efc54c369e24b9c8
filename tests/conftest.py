"""Fixtures and options that all tests share."""

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lpel_serving import Explainer
from support import areas, tiny, tiny_surrogate
from support.once import made_once

LEFT_OUT = pytest.StashKey[dict[str, int]]()
"""How many tests were left out, by what they are and lack: see `support.areas`."""
REFUSED = pytest.StashKey[str]()
"""Why one of several processes refuses to run any."""
LONG = ("network", "realdata", "weights", "slow")
"""Marks of tests that take long, those that take longest first."""


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


def pytest_configure(config: pytest.Config) -> None:
    if is_one_of_several(config):
        run_networks_on_one_thread()
    # In the background Ctrl-C is ignored, also by every program that the tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def run_networks_on_one_thread() -> None:
    """Have onnxruntime take one thread unless more are asked for.

    Its threads wait busily: two processes of two threads each, on two cores, take a third longer
    than two of one.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions

    class OnOneThread(options):
        def __init__(self) -> None:
            super().__init__()
            self.intra_op_num_threads = 1

    onnxruntime.SessionOptions = OnOneThread


@pytest.hookimpl(trylast=True)  # of those that were chosen with -k and -m
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    leave_out(config, items)
    skip_unasked(config, items)
    if is_one_of_several(config):
        longest_first(items)


def is_one_of_several(config: pytest.Config) -> bool:
    """Whether this is one of the processes of pytest-xdist, which have no terminal."""
    return hasattr(config, "workerinput")


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests whose runtime is not here."""
    try:
        left_out = areas.without_runtime(items)
    except pytest.UsageError as error:
        if not is_one_of_several(config):
            raise
        config.stash[REFUSED] = str(error)  # which the process with the terminal raises
        items.clear()
        return
    config.stash[LEFT_OUT] = {line: len(tests) for line, tests in left_out.items()}
    without = {item for tests in left_out.values() for item in tests}
    items[:] = [item for item in items if item not in without]
    if without:
        config.hook.pytest_deselected(items=list(without))


def skip_unasked(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the tests that run only where an option asks for them."""
    for option, needed in {"realdata": "--realdata=DIR", "family": "--family"}.items():
        if not config.getoption(f"--{option}"):
            skip = pytest.mark.skip(reason=f"needs {needed}")
            for item in items:
                if option in item.keywords:
                    item.add_marker(skip)


def longest_first(items: list[pytest.Item]) -> None:
    """Order files by their longest test: several processes then end at about the same time."""
    length: dict[Path, int] = {}
    for item in items:
        place = next((n for n, mark in enumerate(LONG) if mark in item.keywords), len(LONG))
        length[item.path] = min(place, length.get(item.path, place))
    items.sort(key=lambda item: length[item.path])


def pytest_sessionfinish(session: pytest.Session) -> None:
    if is_one_of_several(session.config):
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, {})
        session.config.workeroutput["refused"] = session.config.stash.get(REFUSED, "")


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_testnodedown(node: Any) -> None:
    found = getattr(node, "workeroutput", {})
    if found.get("refused"):
        raise pytest.UsageError(found["refused"])
    node.config.stash[LEFT_OUT] = found.get("left_out", {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    areas.write_left_out(terminalreporter, config.stash.get(LEFT_OUT, {}))


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


@pytest.fixture(scope="session")
def simulating_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with a response decoder and a surrogate. Not to be changed."""
    return tiny_surrogate.write_bundle(tmp_path_factory.mktemp("simulating") / "bundle")


@pytest.fixture(scope="session")
def simulating_explainer(simulating_bundle: Path) -> Explainer:
    return Explainer.load(simulating_bundle)


@pytest.fixture
def bundle(tmp_path: Path, responding_bundle: Path) -> Path:
    """A bundle with a response decoder, which may be changed."""
    return shutil.copytree(responding_bundle, tmp_path / "bundle")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def demo_folder(request: pytest.FixtureRequest) -> Path:
    """What `lpel demo` makes with the real weights, fetched once into the user's own cache.

    Not to be changed: the processes of a run share it.
    """
    from lpel_serving.support.progress import silent
    from lpel_tf.demo.run import run_demo

    return made_once(request, "demo", lambda out: run_demo(out, cache=None, progress=silent))


@pytest.fixture(scope="session")
def real_crops(demo_folder: Path) -> np.ndarray:
    """Aligned crops of the demo's faces, uint8, shape (12, 160, 160, 3)."""
    crops = []
    for path in sorted(demo_folder.glob("pair-*.npz")):
        with np.load(path) as arrays:
            crops += [arrays["reference_crop"], arrays["test_crop"]]
    return np.stack(crops)
