"""Listing photographs, and pairing them."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.images.datasets.faces import Face, list_faces
from lpel_serving.images.datasets.pairs import Pair, draw_pairs, possible_pairs, sample_pairs
from lpel_serving.images.datasets.pairs_list import read_pairs
from lpel_serving.support.errors import PairsError
from support.strategies import few, seeds


def touch(folder, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_folders_of_identities_are_listed_in_order(tmp_path):
    touch(tmp_path, "B/2.png", "B/1.JPG", "A/x.jpeg", "A/y.webp", "C/z.bmp", "C/w.ppm", "C/v.pgm")
    assert list_faces(tmp_path) == tuple(
        Face(tmp_path / name, name[0])
        for name in ("A/x.jpeg", "A/y.webp", "B/1.JPG", "B/2.png", "C/v.pgm", "C/w.ppm", "C/z.bmp")
    )


def test_what_is_no_photograph_is_left_out(tmp_path):
    touch(tmp_path, "A/1.jpg", "A/.2.jpg", "A/3.txt", "A/Thumbs.db", "A/deep/4.jpg", "5.jpg")
    assert list_faces(tmp_path) == (Face(tmp_path / "A/1.jpg", "A"),)


def test_a_folder_named_like_a_photograph_is_left_out(tmp_path):
    touch(tmp_path, "A/1.jpg", "A/2.jpg/3.txt")
    assert list_faces(tmp_path) == (Face(tmp_path / "A/1.jpg", "A"),)


def test_hidden_folders_are_left_out(tmp_path):
    touch(tmp_path, "A/1.jpg", ".ipynb_checkpoints/1.jpg")
    assert list_faces(tmp_path) == (Face(tmp_path / "A/1.jpg", "A"),)


def test_a_flat_folder_is_listed_with_its_identity_file(tmp_path):
    touch(tmp_path / "flat", "000001.jpg", "000002.jpg", "extra.jpg")
    listing = tmp_path / "identity.txt"
    listing.write_text("000002.jpg 2880\n\n000001.jpg  Ann Lee \n000003.jpg 1\n")
    assert list_faces(tmp_path / "flat", listing) == (
        Face(tmp_path / "flat/000002.jpg", "2880"),
        Face(tmp_path / "flat/000001.jpg", "Ann Lee"),
    )


@pytest.mark.parametrize("line", ["000001.jpg", "../000001.jpg 1", "a/b.jpg 1", "/x.jpg 1", "x,1"])
def test_an_identity_file_of_another_form_is_refused_by_line(tmp_path, line):
    touch(tmp_path, "000001.jpg")
    listing = tmp_path / "identity.txt"
    listing.write_text(f"000001.jpg 1\n{line}\n")
    with pytest.raises(PairsError, match=r"identity\.txt, line 2: expected"):
        list_faces(tmp_path, listing)


def test_an_identity_file_that_cannot_be_read_is_refused(tmp_path):
    touch(tmp_path, "000001.jpg")
    with pytest.raises(PairsError, match=r"none\.txt cannot be read"):
        list_faces(tmp_path, tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"000001.jpg Ren\xe9\n")
    with pytest.raises(PairsError, match=r"latin\.txt cannot be read"):
        list_faces(tmp_path, tmp_path / "latin.txt")


def test_a_name_too_long_for_a_file_is_no_crash(tmp_path):
    touch(tmp_path, "000001.jpg")
    listing = tmp_path / "identity.txt"
    listing.write_text(f"000001.jpg 1\n{'a' * 300}.jpg 1\n")
    assert list_faces(tmp_path, listing) == (Face(tmp_path / "000001.jpg", "1"),)


def test_a_missing_or_empty_folder_is_refused(tmp_path):
    with pytest.raises(PairsError, match="is not a folder"):
        list_faces(tmp_path / "none")
    touch(tmp_path, "file.jpg")
    with pytest.raises(PairsError, match="is not a folder"):
        list_faces(tmp_path / "file.jpg")
    with pytest.raises(PairsError, match=r"holds no photographs: expected identity/image\.jpg"):
        list_faces(tmp_path)
    (tmp_path / "identity.txt").write_text("")
    with pytest.raises(PairsError, match="holds no photographs"):
        list_faces(tmp_path, tmp_path / "identity.txt")


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


IDENTITIES = [
    name for name, count in [("a", 5), ("b", 3), ("c", 1), ("d", 2)] for _ in range(count)
]


@few
@given(seeds, st.integers(1, 28))
def test_drawn_pairs_are_distinct_balanced_and_true(seed, n):
    drawn = draw_pairs(IDENTITIES, n, np.random.default_rng(seed))
    assert len(drawn) == n
    assert len({frozenset((a, b)) for a, b, _ in drawn}) == n
    assert sum(same for _, _, same in drawn) == (n + 1) // 2
    for a, b, same in drawn:
        assert a != b
        assert (IDENTITIES[a] == IDENTITIES[b]) is same


def test_the_seed_decides_which_pairs_are_drawn():
    def draw(seed: int) -> list[tuple[int, int, bool]]:
        return draw_pairs(IDENTITIES, 10, np.random.default_rng(seed))

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_every_person_with_several_photographs_is_equally_likely():
    rng = np.random.default_rng(0)
    drawn = [draw_pairs(IDENTITIES, 1, rng)[0][0] for _ in range(3000)]
    shares = [np.mean([IDENTITIES[place] == name for place in drawn]) for name in "abcd"]
    np.testing.assert_allclose(shares, [1 / 3, 1 / 3, 0, 1 / 3], atol=0.04)


COLLECTIONS = ["", "a", "aa", "ab", "aab", "aabb", "aaa", "abcd", "aaab", "aabbc"]


@pytest.mark.parametrize("identities", COLLECTIONS)
def test_as_many_pairs_can_be_drawn_as_there_are_and_no_more(identities):
    pairs = list(combinations(identities, 2))
    same = sum(a == b for a, b in pairs)
    different = len(pairs) - same
    assert possible_pairs(identities) == 2 * min(same, different)
    for n in range(-1, len(pairs) + 3):
        if n >= 1 and (n + 1) // 2 <= same and n // 2 <= different:
            assert len(draw_pairs(identities, n, np.random.default_rng(n))) == n
        else:
            with pytest.raises(PairsError, match=f"asked for {n} pairs"):
                draw_pairs(identities, n, np.random.default_rng(0))


def test_sampled_pairs_are_photographs(tmp_path):
    touch(tmp_path, "A/1.jpg", "A/2.jpg", "B/1.jpg", "B/2.jpg")
    faces = list_faces(tmp_path)
    for pair in sample_pairs(faces, 4, np.random.default_rng(0)):
        assert pair.reference.is_file()
        assert pair.test.is_file()
        assert (pair.reference.parent == pair.test.parent) is pair.same
