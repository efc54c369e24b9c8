"""Any text is read as a list of pairs, or refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.images.datasets.pairs_list import read_pairs
from lpel_serving.support.errors import PairsError
from support.strategies import few

pytestmark = pytest.mark.property


@few
@given(st.lists(st.sampled_from(["Ann", "1", "12", "x/y", "\t", " ", "\n", "٣", "..", "²"])))
def test_any_text_is_read_as_pairs_or_refused(tmp_path_factory, parts):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "any-pairs.txt"
    path.write_text("".join(parts), encoding="utf-8")
    with contextlib.suppress(PairsError):
        read_pairs(path, folder)
