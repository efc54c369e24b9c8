"""Min-max normalisation against the literal Eq. 4.3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.normalisation import min_max
from oracles import equations
from support.embeddings import KINDS, close, embeddings
from support.strategies import few, seeds

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("kind", KINDS)
@few
@given(st.integers(1, 32), seeds)
def test_min_max_is_equation_4_3(kind, dimension, seed):
    values = embeddings(kind, dimension, seed)[0]
    close(min_max(values, axes=(-1,)), equations.normalised(values.tolist()))
