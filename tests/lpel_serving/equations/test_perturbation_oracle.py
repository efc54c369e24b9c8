"""Perturbation against the literal Eq. 4.5."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.perturbation import perturb
from lpel_serving.equations.relevance import relevance
from oracles import equations
from support.embeddings import KINDS, close, embeddings
from support.strategies import few, seeds

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("kind", KINDS)
@few
@given(st.integers(1, 32), seeds, st.sampled_from([0.01, 0.3, 1.0, 20.0]))
def test_perturb_is_equation_4_5(kind, dimension, seed, p):
    h_r, h_t = embeddings(kind, dimension, seed)
    r = relevance(h_r, h_t, similar=False)
    close(perturb(h_t, r, p), equations.perturbed(h_t.tolist(), r.tolist(), p))
