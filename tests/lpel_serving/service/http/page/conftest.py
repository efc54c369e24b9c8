"""The page in a real browser, in front of the real service."""

from pathlib import Path

import pytest

from lpel_serving import Explainer
from lpel_serving.images.crops import CentreCrop
from lpel_serving.service.http.settings import Settings
from lpel_serving.service.samples import read_samples
from runtimes.conftest import chromium_browser
from support import tiny
from support.confidence import confidence
from support.page.opening import CROPS, NAMES, SPLITTING, opened
from support.page.serving import RUNTIME, add_explainer, running, write_samples


@pytest.fixture(scope="module")
def chromium():
    # Playwright keeps a loop running in this thread: no test of another module could run its own.
    with chromium_browser() as one:
        yield one


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    """A tiny bundle that has everything. Not to be changed."""
    folder = tmp_path_factory.mktemp("page")
    threshold = tiny.ThresholdRecord(SPLITTING, {})
    made = tiny.write_bundle(
        folder / "made", responds=True, threshold=threshold, confidence=confidence()
    )
    return add_explainer(made, folder / "bundle")


@pytest.fixture(scope="session")
def engine(bundle) -> Explainer:
    return Explainer.load(bundle)


@pytest.fixture(scope="session")
def settings(bundle, tmp_path_factory) -> Settings:
    samples = write_samples(tmp_path_factory.mktemp("samples") / "samples", CROPS, NAMES)
    return Settings(
        bundle,
        crops={"1": CentreCrop(), "0.5": CentreCrop(0.5)},
        samples=read_samples(samples),
        web_runtime=RUNTIME,
    )


@pytest.fixture(scope="session")
def address(settings):
    with running(settings) as found:
        yield found


@pytest.fixture
def page(chromium, address):
    with opened(chromium, address) as one:
        yield one
        assert one.complaints == []


@pytest.fixture
def pictures(tmp_path) -> list[Path]:
    """Files of the crops."""
    from PIL import Image

    paths = [tmp_path / f"{name.lower()}.png" for name in NAMES]
    for path, crop in zip(paths, CROPS, strict=True):
        Image.fromarray(crop).save(path)
    return paths
