"""Methods of another package: slow by construction, never to end, picky, broken, and fragile."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.support.errors import ParameterError
from support import slow, tiny, tiny_surrogate

PATIENT, ENDLESS = 300, 200_000
"""Images that they embed to explain a pair one way."""
METHODS = {
    "patient": "Patient",
    "endless": "Endless",
    "picky": "Picky",
    "broken": "Broken",
    "fragile": "Fragile",
    "missing": "NotThere",
}


class Patient:
    """Embeds the test with one pixel changed again and again, in helpings larger than a batch."""

    images = PATIENT
    helping = 100

    def __call__(self, pair, networks, rng):
        for start in range(0, self.images, self.helping):
            count = min(self.helping, self.images - start)
            images = np.repeat(pair.test[np.newaxis], count, axis=0)
            numbers = np.arange(start, start + count)
            images[:, 0, 0] = np.stack([numbers, numbers >> 8, numbers >> 16], axis=1) & 255
            networks.embed(images)
        return pair.test[:, :, 0].astype(np.float32)


class Endless(Patient):
    """Embeds more than any request has the time for."""

    images = ENDLESS
    helping = ENDLESS // 10


class Dazzled(Patient):
    """Embeds one image of a picture such as noise, and has no end with a bright one.

    No estimate that is made on noise foresees that.
    """

    def __call__(self, pair, networks, rng):
        self.images = ENDLESS if pair.test.mean() > 200 else 1
        return super().__call__(pair, networks, rng)


class Picky(Patient):
    """Explains dissimilar pairs alone."""

    images = 0

    def __call__(self, pair, networks, rng):
        if pair.similar:
            raise ParameterError("it is for dissimilar pairs.")
        return super().__call__(pair, networks, rng)


class Broken:
    """Fails wherever it is tried."""

    def __call__(self, pair, networks, rng):
        raise ZeroDivisionError("/home/somebody/secret")


class Fragile(Patient):
    """Fails on pairs that are alike, which the noise of an inventory is not."""

    images = 0

    def __call__(self, pair, networks, rng):
        if cosine_similarity(pair.h_r, pair.h_t) > 0.5:
            raise ZeroDivisionError("/home/somebody/secret")
        return super().__call__(pair, networks, rng)


class Simulating(tiny_surrogate.Simulating):
    """Asks the surrogate alone."""


def install(folder: Path, monkeypatch, methods: Mapping[str, str] = METHODS) -> None:
    """Make them methods, as an installed distribution would."""
    home = folder / "other_methods-1.0.dist-info"
    home.mkdir(parents=True)
    (home / "METADATA").write_text("Metadata-Version: 2.1\nName: other-methods\nVersion: 1.0\n")
    lines = [f"{name} = support.plugins:{kind}\n" for name, kind in methods.items()]
    (home / "entry_points.txt").write_text("[lpel.methods]\n" + "".join(lines))
    monkeypatch.syspath_prepend(folder)


def slow_bundle(folder: Path, milliseconds: float) -> Path:
    """A bundle whose embedder takes so long for an image, and calls few of them similar."""
    threshold = tiny.ThresholdRecord(0.8, {})
    embedder = slow.lasting(milliseconds)
    return tiny.write_bundle(folder, embedder=embedder, responds=True, threshold=threshold)
