"""Folders, identity files and lists of pairs as the world writes them: what is used of them."""

import io
import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from lpel_serving.images.datasets.faces import Face, find_faces
from lpel_serving.images.datasets.image_folder import find_images
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.pairs_list import find_pairs, read_pairs
from lpel_serving.images.datasets.passed_over import Unusable, count_passed_over
from lpel_serving.images.reading import FORMATS, is_image, read_pixels
from lpel_serving.support.errors import ImageError, PairsError, ParameterError
from support.images import pixels

OTHERS = {
    "a text": b"BMW and others, P5 among them",
    "a page of errors": b"<html>404</html>",
    "nothing": b"",
    "a bitmap's first letters": b"BM",
    "a graymap's first letters": b"P5 is a kind of image",
    "a thumbnail store": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 80,
}


def encoded(kind, size=16):
    file = io.BytesIO()
    Image.fromarray(pixels(1, size)).save(file, format=kind)
    return file.getvalue()


def write(folder, *names, data=None):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded("PNG") if data is None else data)
    return folder


def why(passed, folder):
    return {os.path.relpath(one.name, folder): one.why for one in passed}


# --- images by content ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*FORMATS, "GIF", "TIFF", "ICO"])
def test_a_file_is_an_image_by_content_if_its_pixels_can_be_read(tmp_path, kind):
    path = tmp_path / "face.jfif"
    path.write_bytes(encoded(kind))
    assert is_image(path) is (kind in FORMATS)
    if is_image(path):
        assert read_pixels(path).shape == (16, 16, 3)
    else:
        with pytest.raises(ImageError, match="not an image"):
            read_pixels(path)


@pytest.mark.parametrize("content", OTHERS.values(), ids=list(OTHERS))
def test_what_is_no_image_is_none_by_content_either(tmp_path, content):
    path = tmp_path / "face"
    path.write_bytes(content)
    assert not is_image(path)
    with pytest.raises(ImageError):
        read_pixels(path)


def test_an_image_too_large_to_be_decoded_is_one_all_the_same(tmp_path):
    path = tmp_path / "wide"
    path.write_bytes(b"P5 40000 40000 255\n")
    assert is_image(path)


def test_a_folder_is_looked_into_at_any_depth(tmp_path):
    write(tmp_path, "b/deep/er/x", "b/y.JPG", "a.webp")
    write(tmp_path, "b/.z.png", ".git/c.png", "notes.txt", "b/d", data=b"no image")
    found = find_images(tmp_path)
    assert found.images == tuple(tmp_path / name for name in ("a.webp", "b/deep/er/x", "b/y.JPG"))
    assert why(found.passed_over, tmp_path) == {
        ".git": "hidden",
        "b/.z.png": "hidden",
        "b/d": "not_an_image",
        "notes.txt": "not_an_image",
    }


def test_a_file_that_promises_an_image_is_taken_for_one_unopened(tmp_path):
    write(tmp_path, "promise.png", data=b"and no image")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    assert find_images(tmp_path).images == (tmp_path / "gone.jpg", tmp_path / "promise.png")


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path):
    write(tmp_path, "else/x.png", "folder/a.png")
    (tmp_path / "folder" / "b").symlink_to(tmp_path / "else")
    (tmp_path / "folder" / "round").symlink_to(tmp_path)
    (tmp_path / "folder" / "itself").symlink_to(tmp_path / "folder")
    found = find_images(tmp_path / "folder")
    assert found.images == tuple(tmp_path / "folder" / name for name in ("a.png", "b/x.png"))
    assert why(found.passed_over, tmp_path / "folder") == {
        "itself": "circular",
        "round": "circular",
    }


def test_a_pipe_is_never_opened(tmp_path):
    write(tmp_path, "a.png")
    for name in ("pipe", "pipe.png"):
        os.mkfifo(tmp_path / name)
    found = find_images(tmp_path)
    assert found.images == (tmp_path / "a.png",)
    assert why(found.passed_over, tmp_path) == {"pipe": "not_an_image", "pipe.png": "not_an_image"}


def test_photographs_that_lie_in_no_persons_folder_are_counted(tmp_path):
    write(tmp_path, "A/1.png", "A/deep/2.png", "3.png", "B/scan")
    found = find_faces(tmp_path)
    assert found.faces == (Face(tmp_path / "A/1.png", "A"), Face(tmp_path / "B/scan", "B"))
    assert why(found.passed_over, tmp_path) == {"3.png": "misplaced", "A/deep/2.png": "misplaced"}


def test_a_folder_without_photographs_says_what_it_holds(tmp_path):
    write(tmp_path, "1.png", "2.png")
    write(tmp_path, "notes.txt", data=b"no image")
    with pytest.raises(PairsError, match=r"1 no image by content, 2 in no person's own folder\.$"):
        find_faces(tmp_path)


# --- identity files -------------------------------------------------------------------------------


def identified(folder, text):
    listing = folder.parent / "identity.txt"
    listing.write_bytes(text.encode() if isinstance(text, str) else text)
    found = find_faces(folder, listing)
    return {face.path.name: face.identity for face in found.faces}, found.passed_over


@pytest.mark.parametrize(
    ("line", "name", "identity"),
    [
        ("my photo 1.jpg 2880", "my photo 1.jpg", "2880"),
        ("my photo 1.jpg  Ann Lee", "my photo 1.jpg", "Ann Lee"),
        ("my photo 1.jpg\tAnn Lee", "my photo 1.jpg", "Ann Lee"),
        ("1.jpg Ann 1.jpg 3", "1.jpg", "Ann 1.jpg 3"),
        ("1.jpg 2.jpg 3", "1.jpg 2.jpg", "3"),
        ("1.jpg\t2.jpg 3", "1.jpg", "2.jpg 3"),
        ("scan of Ann 7", "scan of Ann", "7"),
        (" 1.jpg 7 ", "1.jpg", "7"),
        ("Zoë.jpg Zoë", "Zoë.jpg", "Zoë"),
    ],
)
def test_a_name_with_blanks_is_the_longest_that_is_there(tmp_path, line, name, identity):
    folder = tmp_path / "flat"
    write(folder, "my photo 1.jpg", "1.jpg", "1.jpg 2.jpg", "scan of Ann")
    write(folder, unicodedata.normalize("NFD", "Zoë.jpg"))
    used, _ = identified(folder, line)
    assert used == {unicodedata.normalize("NFD", name): identity}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_marks_and_ends_of_lines_are_no_part_of_a_name(tmp_path, mark, end):
    folder = write(tmp_path / "flat", "1.png", "2.png")
    used, passed = identified(folder, mark + end.join(["1.png 7", "2.png 8"]) + end)
    assert used == {"1.png": "7", "2.png": "8"}
    assert passed == ()


def test_lines_and_files_that_are_not_used_are_counted(tmp_path):
    folder = write(tmp_path / "flat", "1.png", "2.png", "3.png", ".4.png")
    used, passed = identified(folder, "1.png 7\n1.png 7\n1.png  7\nmy gone 5.png 7\n2.png 8\n")
    assert used == {"1.png": "7", "2.png": "8"}
    assert sorted((Path(one.name).name, one.why) for one in passed) == [
        (".4.png", "hidden"),
        ("1.png", "listed_twice"),
        ("1.png", "listed_twice"),
        ("3.png", "not_listed"),
        ("my gone 5.png", "absent"),
    ]


def test_an_identity_file_in_its_own_folder_is_no_photograph_of_it(tmp_path):
    write(tmp_path, "1.png")
    (tmp_path / "identity.txt").write_text("1.png 7\n")
    assert find_faces(tmp_path, tmp_path / "identity.txt").passed_over == ()


def test_one_photograph_of_two_people_is_refused_by_both_lines(tmp_path):
    folder = write(tmp_path / "flat", "1.png", "2.png")
    with pytest.raises(PairsError, match=r"lines 1 and 3: 1\.png is given to '7' and to '8'"):
        identified(folder, "1.png 7\n2.png 7\n1.png 8\n")


@pytest.mark.parametrize("line", ["my photo 1.jpg", "my photo 9.jpg"])
def test_a_name_with_blanks_and_no_identity_is_refused(tmp_path, line):
    folder = write(tmp_path / "flat", "my photo 1.jpg")
    with pytest.raises(PairsError, match=r"line 1: expected `image\.jpg identity`"):
        identified(folder, line)


# --- lists of pairs -------------------------------------------------------------------------------


def found_pairs(folder, text, unusable=None):
    path = folder / "pairs.txt"
    path.write_bytes(text.encode())
    return find_pairs(path, folder, unusable)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_with_blanks_and_accents_are_found(tmp_path, mark, end, form):
    on_disk = [unicodedata.normalize("NFD", f"Zoë Ann/Zoë Ann_{i:04d}.jpg") for i in (1, 2)]
    write(tmp_path, *on_disk, "Bo/Bo_0003.jpg")
    lines = unicodedata.normalize(form, "Zoë Ann\t1\t2"), "Bo\t3\tZoë Ann\t2", "Bo 3  Bo  3"
    found = found_pairs(tmp_path, mark + end.join(["10\t300", *lines[:2], ""]))
    assert found.pairs == (
        Pair(tmp_path / on_disk[0], tmp_path / on_disk[1], same=True),
        Pair(tmp_path / "Bo/Bo_0003.jpg", tmp_path / on_disk[1], same=False),
    )
    assert found.header == "10\t300"


@pytest.mark.parametrize(
    "name", ["A_0001.png", "A_0001.jpeg", "A_0001.JPG", "A_0001.jfif", "A_0001"]
)
def test_any_type_of_image_is_a_numbered_photograph(tmp_path, name):
    write(tmp_path, f"A/{name}", "A/A_0002.webp")
    write(tmp_path, "A/A_0001.txt", data=b"about it")
    (pair,) = read_pairs(written(tmp_path, "A 1 2"), tmp_path)
    assert pair == Pair(tmp_path / "A" / name, tmp_path / "A/A_0002.webp", same=True)


def written(folder, text):
    path = folder / "pairs.txt"
    path.write_text(text)
    return path


def test_the_jpeg_is_preferred_and_two_others_are_refused_by_name(tmp_path):
    write(tmp_path, "A/A_0001.jpg", "A/A_0001.png", "A/A_0002.jpg")
    (pair,) = found_pairs(tmp_path, "A 1 2").pairs
    assert pair.reference == tmp_path / "A/A_0001.jpg"
    (tmp_path / "A/A_0001.jpg").rename(tmp_path / "A/A_0001.webp")
    with pytest.raises(PairsError, match=r"A_0001\.png and .*A_0001\.webp could both be meant"):
        found_pairs(tmp_path, "A 1 2")


def test_a_damaged_photograph_of_another_type_is_found_and_not_absent(tmp_path):
    write(tmp_path, "A/A_0001.png", data=b"no image")
    write(tmp_path, "A/A_0002.png")
    (pair,) = found_pairs(tmp_path, "A 1 2").pairs
    assert pair.reference == tmp_path / "A/A_0001.png"


@pytest.mark.parametrize(
    ("first", "rest", "header"),
    [
        ("1100", ["A 1 2"], "1100"),
        ("10\t300", ["A 1 2"], "10\t300"),
        ("10 300 6000", ["A 1 2"], "10 300 6000"),
        ("3 1 2", ["A 1 2"], None),  # the folder has 3
        ("3 1 4 2", ["3 1 2"], None),
        ("9 1 2", ["3 1 2"], None),  # a class that is not there, among others
        ("1 2 3 4 5", ["3 1 2"], "1 2 3 4 5"),
    ],
)
def test_a_first_line_of_numbers_is_a_header_unless_it_is_a_pair(tmp_path, first, rest, header):
    write(tmp_path, *[f"{n}/{n}_{i:04d}.png" for n in ("A", "3", "4") for i in (1, 2)])
    found = found_pairs(tmp_path, "\n".join([first, *rest]), Unusable(1))
    assert found.header == header
    named = len(found.pairs) + found.left_out
    assert named == len(rest) + (header is None)


def test_a_pair_of_one_photograph_is_left_out_whatever_it_is_called(tmp_path):
    write(tmp_path, "A/A_0001.png", "A/A_0002.png")
    found = found_pairs(tmp_path, "A 1 1\nA 1 2\nA 2 02\n")
    assert len(found.pairs) == 1
    assert found.left_out == 2
    assert count_passed_over(found.passed_over) == {"with_itself": 2}
    with pytest.raises(PairsError, match="lists no pairs of two photographs"):
        found_pairs(tmp_path, "A 1 1\n")


def test_one_name_is_not_two_people(tmp_path):
    write(tmp_path, "A/A_0001.png", "A/A_0002.png")
    with pytest.raises(PairsError, match="line 1: A is given for both of two people"):
        found_pairs(tmp_path, "A 1 A 2\n")


def test_absent_photographs_are_gathered_with_their_pairs(tmp_path):
    write(tmp_path, "A/A_0001.jpg", "A/A_0002.jpg", "B/B_0001.jpg")
    unusable = Unusable(0.5)
    found = found_pairs(tmp_path, "A 1 2\nA 1 3\nA 3 B 1\nC 1 2\n", unusable)
    assert len(found.pairs) == 1
    assert found.left_out == 3
    assert count_passed_over(unusable.found()) == {"absent": 3}
    assert len(found.photographs) == 6


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ParameterError, match=r"lies in 0\.\.1"):
        Unusable(share)
