"""What is usual of the shipped decoders' maps, measured once more on LFW."""

import sys
from pathlib import Path

import pytest

from lpel_serving import Explainer
from lpel_serving.equations.regions import REGIONS
from lpel_serving.images.datasets.faces import find_faces, leave_out

pytestmark = [pytest.mark.realdata, pytest.mark.weights]

SCRIPTS = Path(__file__).parents[2] / "scripts"
EXCLUDED = ("Elton_John", "Madonna")


def test_what_is_usual_is_what_ships(demo_folder, realdata, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    from ship_usual import measure

    explainer = Explainer.load(demo_folder / "bundle")
    shipped = explainer.manifest.usual
    assert "ship_usual.py" in shipped.measured["command"]
    assert shipped.crops == ("0.48", "mtcnn")
    faces = leave_out(find_faces(realdata / "lfw", None).faces, EXCLUDED)
    seed = explainer.manifest.decoder.training["recipe"]["seed"]
    found = measure(explainer, faces, seed, 0, simulates=False)
    for name in ("photographs", "people", "crop", "how"):
        assert found.measured[name] == shipped.measured[name]
    for method in ("responses", "lpel"):
        for decision in ("similar", "dissimilar"):
            now, then = (one.of(method, decision) for one in (found, shipped))
            assert abs(now.pairs - then.pairs) <= 2
            assert now.common == pytest.approx(then.common, abs=0.01)
            for name in REGIONS:
                assert now.for_[name].mean == pytest.approx(then.for_[name].mean, abs=0.003)
                assert now.for_[name].low == pytest.approx(then.for_[name].low, abs=0.01)
                assert now.for_[name].high == pytest.approx(then.for_[name].high, abs=0.01)
    similar, dissimilar = (shipped.of("responses", one) for one in ("similar", "dissimilar"))
    assert 0.6 < similar.common < dissimilar.common < 0.9  # most of a map is no pair's own
    del sys.modules["ship_usual"]
