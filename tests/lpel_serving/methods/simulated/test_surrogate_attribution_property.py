"""What holds for the maps of any pair, by attribution and by order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.methods.both_ways import ask_both_ways
from lpel_serving.methods.simulated.surrogate_attribution import SurrogateAttribution
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder
from support.simulated import SIDE, K, TinyNetworks, tiny_pair

pytestmark = pytest.mark.property
few = settings(max_examples=25, deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)
FILLS = st.sampled_from(["normal", "mean", "blur"])
METHODS = st.sampled_from(["attribution", "order"])


def method_of(kind: str, fill: str):
    if kind == "order":
        return SurrogateOrder(fill)
    return SurrogateAttribution(fill, 2, SIDE)


@few
@given(METHODS, FILLS, st.tuples(SEEDS, SEEDS), st.booleans())
def test_maps_sum_to_the_whole_change_and_agree_both_ways(kind, fill, seeds, similar):
    pair, method = tiny_pair(similar, seeds), method_of(kind, fill)
    found = ask_both_ways(method, pair, TinyNetworks(), np.random.default_rng(0))
    exchanged = ask_both_ways(method, pair.swapped, TinyNetworks(), np.random.default_rng(1))
    assert found.forward.tobytes() == exchanged.swapped.tobytes()
    assert found.swapped.tobytes() == exchanged.forward.tobytes()
    everything = np.ones((1, K), bool)
    for one, values in ((pair, found.forward), (pair.swapped, found.swapped)):
        hiding = ("test" if similar else "both", fill)
        rng = np.random.default_rng(2)
        (change,) = method.predict(one, TinyNetworks(), everything, *hiding, rng)
        assert values.sum() == pytest.approx(change, abs=2e-5)
