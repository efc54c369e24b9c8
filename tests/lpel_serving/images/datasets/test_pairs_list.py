"""Lists of pairs in LFW's format."""

import pytest

from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.pairs_list import read_pairs
from lpel_serving.support.errors import PairsError
from support.images import touch


@pytest.fixture
def lfw(tmp_path):
    """A folder with two photographs of Ann and one of Bob_B."""
    touch(tmp_path, "Ann/Ann_0001.jpg", "Ann/Ann_0012.jpg", "Bob_B/Bob_B_0003.jpg")
    return tmp_path


def pairs_in(folder, text: str) -> tuple[Pair, ...]:
    path = folder / "pairs.txt"
    path.write_text(text, encoding="utf-8")
    return read_pairs(path, folder)


@pytest.mark.parametrize("header", ["", "10\t300\n", "2\n"])
@pytest.mark.parametrize("gap", ["\t", " "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_lfw_pairs_are_read_with_and_without_counts(lfw, header, gap, end):
    lines = [gap.join(("Ann", "1", "12")), gap.join(("Ann", "12", "Bob_B", "3"))]
    received = pairs_in(lfw, header + end.join(lines) + end)
    first, second = lfw / "Ann/Ann_0001.jpg", lfw / "Ann/Ann_0012.jpg"
    assert received == (
        Pair(first, second, same=True),
        Pair(second, lfw / "Bob_B/Bob_B_0003.jpg", same=False),
    )


@pytest.mark.parametrize(
    "line", ["Ann 1", "Ann", "Ann 1 12 Bob_B 3", "Ann one two", "Ann 1 Bob_B x", "Ann -1 12", "1 2"]
)
def test_a_line_of_another_form_is_refused_by_number(lfw, line):
    with pytest.raises(PairsError, match=r"pairs\.txt, line 2: expected `name 1 2`"):
        pairs_in(lfw, f"Ann 1 12\n{line}\n")


def test_a_missing_photograph_is_refused_by_line_and_name(lfw):
    with pytest.raises(PairsError, match=r"line 2: there is no .*Ann_0002\.jpg"):
        pairs_in(lfw, "Ann 1 12\nAnn 1 2\n")


@pytest.mark.parametrize("line", ["a" * 300 + " 1 2", "Ann 1 " + "2" * 5000, "Ann\0 1 2"])
def test_a_name_or_number_beyond_reason_is_refused_by_line(lfw, line):
    with pytest.raises(PairsError, match="line 2"):
        pairs_in(lfw, f"Ann 1 12\n{line}\n")


@pytest.mark.parametrize("text", ["", "\n\n", "10 300\n"])
def test_a_file_without_pairs_is_refused(lfw, text):
    with pytest.raises(PairsError, match="lists no pairs"):
        pairs_in(lfw, text)


def test_a_pairs_file_that_cannot_be_read_is_refused(lfw):
    with pytest.raises(PairsError, match=r"none\.txt cannot be read"):
        read_pairs(lfw / "none.txt", lfw)
    (lfw / "latin.txt").write_bytes(b"Ren\xe9 1 2\n")
    with pytest.raises(PairsError, match=r"latin\.txt cannot be read"):
        read_pairs(lfw / "latin.txt", lfw)
