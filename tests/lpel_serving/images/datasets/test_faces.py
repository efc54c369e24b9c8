"""Folders of photographs, and whom each shows."""

import pytest

from lpel_serving.images.datasets.faces import Face, list_faces
from lpel_serving.support.errors import PairsError
from support.images import touch


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
