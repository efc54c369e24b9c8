"""What folders and lists name and no command uses: said, counted, and named on request."""

import json
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from support.batch import read_results
from support.command import lpel
from support.images import pixels, write_people
from support.tiny_training import lpel_tiny

PEOPLE, EACH = 6, 5
ALL_PAIRS = 2 * PEOPLE * EACH * (EACH - 1) // 2
"""So many pairs that every two photographs of one person are among them."""


def printed(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def complaint(done):
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def cut_short(photograph):
    photograph.write_bytes(photograph.read_bytes()[: photograph.stat().st_size // 2])


@pytest.fixture
def faces(tmp_path):
    return write_people(tmp_path / "faces", PEOPLE, EACH)


@pytest.fixture
def untidy(faces):
    """The same as it comes off a disk: what no picture is, names that say little, one damaged."""
    home = faces / "Person_00"
    Image.open(home / "Person_00_0001.png").convert("RGB").save(home / "new", format="JPEG")
    (home / "new").rename(home / "face.jfif")
    cut_short(home / "Person_00_0002.png")
    (home / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (home / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (faces / "README.txt").write_text("BMW of photographs, by nobody")
    Image.fromarray(pixels(99)).save(faces / "stray.png")
    return faces


def verify(bundle, faces, *more):
    return lpel("verify", "--bundle", bundle, "--faces", faces, *more)


def test_a_folder_is_used_by_content_and_the_rest_is_counted(tiny_bundle, untidy):
    done = verify(tiny_bundle, untidy, "--n", ALL_PAIRS, "--json")
    document = printed(done)
    assert document["passed_over"] == {
        "hidden": 1,
        "not_an_image": 2,
        "misplaced": 1,
        "damaged": 1,
    }
    # Five pictures of the first person, one of them damaged, and face.jfif: ten pairs of fifteen.
    used = document["pairs_same"] + document["pairs_different"]
    assert used + document["pairs_left_out"] == ALL_PAIRS
    assert document["pairs_left_out"] >= 1
    assert document["pairs_without_face"] == 0
    assert (
        "lpel: skipped: 1 hidden, 2 no image by content, 1 in no person's own folder, "
        "1 damaged or truncated (--list-passed-over names them).\n"
    ) in done.stderr
    for name in ("Person_00", "Thumbs", "README", "stray"):
        assert name not in done.stderr + done.stdout, "no file is named unless asked for"


def test_what_is_passed_over_is_named_on_request(tiny_bundle, untidy):
    asked = ("--n", ALL_PAIRS, "--list-passed-over")
    done = verify(tiny_bundle, untidy, *asked, "--json")
    named = {(Path(one["name"]).name, one["why"]) for one in printed(done)["names_passed_over"]}
    assert named == {
        (".DS_Store", "hidden"),
        ("Thumbs.db", "not_an_image"),
        ("README.txt", "not_an_image"),
        ("stray.png", "misplaced"),
        ("Person_00_0002.png", "damaged"),
    }
    for name, _ in named:
        assert name in done.stderr


def test_more_bad_photographs_than_allowed_end_the_command(tiny_bundle, faces):
    asked = ("--n", ALL_PAIRS)
    (faces / "Person_01/Person_01_0003.png").write_bytes(b"<html>404</html>")
    cut_short(faces / "Person_02/Person_02_0001.png")
    (faces / "Person_03/gone.jpg").symlink_to(faces / "nowhere.jpg")
    assert printed(verify(tiny_bundle, faces, *asked, "--json"))["passed_over"] == {
        "not_an_image": 1,
        "unreadable": 1,
        "damaged": 1,
    }
    done = verify(tiny_bundle, faces, *asked, "--most-bad", 0.05)
    said = complaint(done)
    assert (
        "3 of 31 photographs cannot be used (1 no image by content, 1 cannot be read, 1 dam" in said
    )
    assert "the share of 0.05" in said
    named = verify(tiny_bundle, faces, *asked, "--most-bad", 0, "--list-passed-over").stderr
    for name in ("Person_01_0003.png", "Person_02_0001.png", "gone.jpg"):
        assert name in named
    assert complaint(verify(tiny_bundle, faces, "--most-bad", 1.5))


def flat_list(folder, lines, *, encoding="utf-8", end="\n"):
    path = folder / "identity.txt"
    path.write_bytes(end.join([*lines, ""]).encode(encoding))
    return path


def test_an_identity_file_as_the_world_writes_it_gives_the_same_numbers(tiny_bundle, tmp_path):
    names = ["my photo {}.png", "{:06d}.png", "Zoë {}.png", "a.b {}.png"]
    files = [names[i % 4].format(i) for i in range(48)]
    identities = [f"Ann Lee {i % 8}" for i in range(48)]
    for folder in ("flat", "plain"):
        (tmp_path / folder).mkdir()
    for i, name in enumerate(files):
        picture = Image.fromarray(pixels(i % 8) // 2 + pixels(100 + i) // 8)
        picture.save(tmp_path / "plain" / f"{i:02d}.png")
        picture.save(tmp_path / "flat" / unicodedata.normalize("NFD", name))
    plain = flat_list(
        tmp_path / "plain", [f"{i:02d}.png {who}" for i, who in enumerate(identities)]
    )
    lines = [f"{name}{' ' if i % 3 else chr(9)}{identities[i]}" for i, name in enumerate(files)]
    lines += [*lines[:5], "absent one.png 7", ""]
    listed = flat_list(tmp_path / "flat", lines, encoding="utf-8-sig", end="\r\n")
    Image.fromarray(pixels(1)).save(tmp_path / "flat" / "unlisted.png")
    expected = printed(
        verify(tiny_bundle, plain.parent, "--identities", plain, "--n", 240, "--json")
    )
    done = verify(tiny_bundle, listed.parent, "--identities", listed, "--n", 240, "--json")
    received = printed(done)
    assert expected.pop("passed_over") == {}
    assert received.pop("passed_over") == {"not_listed": 1, "absent": 1, "listed_twice": 5}
    assert received == expected


def numbered(folder, classes=range(1, 9), each=4):
    """Classes named by numbers, as PNG."""
    for name in classes:
        (folder / str(name)).mkdir(parents=True)
        for number in range(1, each + 1):
            picture = Image.fromarray(pixels(name) // 2 + pixels(100 * name + number) // 8)
            picture.save(folder / str(name) / f"{name}_{number:04d}.png")
    return folder


NUMBERED = [
    *[f"{c} {a} {b}" for c in range(1, 9) for a, b in ((1, 2), (2, 3), (3, 4))],
    *[f"{c} {a} {c % 8 + 1} {a}" for c in range(1, 9) for a in (1, 2, 3)],
]


def test_the_first_line_of_numbered_classes_is_a_pair(tiny_bundle, tmp_path):
    folder, pairs = numbered(tmp_path / "classes"), tmp_path / "pairs.txt"
    pairs.write_text("\n".join(NUMBERED))
    bare = printed(verify(tiny_bundle, folder, "--pairs", pairs, "--json"))
    assert (bare["pairs_same"], bare["pairs_different"]) == (24, 24)
    assert "header" not in bare
    for header in ("24\t300", "24"):
        pairs.write_text("\n".join([header, *NUMBERED]))
        done = verify(tiny_bundle, folder, "--pairs", pairs, "--json")
        assert printed(done) == bare | {"header": header}
        assert f"the first line of the list, {header!r}, is taken as its header" in done.stderr


def test_a_photograph_is_no_pair_with_itself(tiny_bundle, tmp_path):
    folder, pairs = numbered(tmp_path / "classes"), tmp_path / "pairs.txt"
    pairs.write_text("\n".join(NUMBERED))
    expected = printed(verify(tiny_bundle, folder, "--pairs", pairs, "--json"))
    pairs.write_text("\n".join([*NUMBERED, *(f"{c} 1 1" for c in range(1, 9))]))
    done = verify(tiny_bundle, folder, "--pairs", pairs, "--json")
    assert printed(done) == expected | {"pairs_left_out": 8, "passed_over": {"with_itself": 8}}


def test_pairs_of_absent_and_damaged_photographs_are_left_out_and_counted(tiny_bundle, tmp_path):
    folder, pairs = numbered(tmp_path / "classes"), tmp_path / "pairs.txt"
    pairs.write_text("\n".join([*NUMBERED, "1 1 9"]))
    (folder / "2" / "2_0004.png").write_bytes(b"GIF89a")
    document = printed(verify(tiny_bundle, folder, "--pairs", pairs, "--json"))
    assert document["passed_over"] == {"not_an_image": 1, "absent": 1}
    assert document["pairs_left_out"] == 2
    assert (document["pairs_same"], document["pairs_different"]) == (23, 24)
    said = complaint(verify(tiny_bundle, folder, "--pairs", pairs, "--most-bad", 0.01))
    assert "1 of 33 photographs cannot be used (1 listed and not there)" in said
    assert "line 49: there is no" in said
    said = complaint(verify(tiny_bundle, folder, "--pairs", pairs, "--most-bad", 0.04))
    assert "2 of 33 photographs cannot be used (1 no image by content, 1 listed and not" in said


def test_calibrate_and_assess_leave_a_bad_photograph_out(tiny_bundle, untidy, tmp_path):
    options = ("--bundle", tiny_bundle, "--faces", untidy, "--json")
    fitted = printed(
        lpel("calibrate", *options, "--n", ALL_PAIRS, "--out", tmp_path / "calibrated")
    )
    assert fitted["passed_over"]["damaged"] == 1
    assert fitted["pairs_left_out"] >= 1
    quick = ("--n", 15, "--draws", 1, "--superpixel", 4, "--curve", "similar")
    done = lpel("assess", *options, *quick, "--out", tmp_path / "assessed")
    assessed = printed(done)
    assert assessed["passed_over"]["not_an_image"] == 2
    assert assessed == json.loads((tmp_path / "assessed/assessment.json").read_text())


def test_train_leaves_a_bad_photograph_out_and_says_so(tmp_path):
    faces = write_people(tmp_path / "faces", people=12, each=5, size=24)
    (faces / "Person_03/Person_03_0002.png").write_bytes(b"not one")
    (faces / "Person_05/Person_05_0004.png").rename(faces / "Person_05/scan")
    (faces / "Person_07/notes.txt").write_text("mine")
    options = ("--faces", faces, "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    quick = (
        "--crop",
        "none",
        "--epochs",
        2,
        "--method",
        "responses",
        "--coalitions",
        2,
        "--grid",
        2,
    )
    done = lpel_tiny("train", *options, *quick, "--json")
    document = printed(done)
    assert document["passed_over"] == {"not_an_image": 2}
    assert document["training"]["photographs_unusable"] == 1
    assert document["training"]["photographs_without_face"] == 0
    assert sum(document["training"]["photographs"].values()) == 59
    assert sum(document["responses"]["photographs"].values()) == 59
    assert "Person" not in done.stderr


def test_a_gallery_and_a_list_of_batch_go_by_content_too(responding_bundle, untidy, tmp_path):
    probes = write_people(tmp_path / "probes", people=2, each=1)
    out = tmp_path / "found"
    options = ("--bundle", responding_bundle, "--json")
    done = lpel("batch", probes, out, *options, "--gallery", untidy, "--top", 40)
    document = printed(done)
    assert document["left_out"] == 1
    assert document["passed_over"] == {"hidden": 1, "not_an_image": 2}
    assert "Thumbs" not in done.stderr
    named = {row["reference"] for row in read_results(out)}
    assert {"Person_00/face.jfif", "stray.png"} < named
    assert len(named) == PEOPLE * EACH - 1 + 2
    pairs = tmp_path / "pairs.txt"
    pairs.write_bytes("\ufeff10\t300\rPerson_01\t1\t2\rPerson_01\t1\tPerson_02\t3".encode())
    listed = lpel("batch", pairs, tmp_path / "listed", *options, "--images", untidy)
    assert printed(listed)["header"] == "10\t300"
    rows = read_results(tmp_path / "listed")
    assert [row["test"] for row in rows] == [
        "Person_01/Person_01_0002.png",
        "Person_02/Person_02_0003.png",
    ]
    assert [row["status"] for row in rows] == ["ok", "ok"]


def test_export_calibrates_without_a_bad_photograph(tiny_bundle, untidy, tmp_path):
    small = ("--precision", "float16", "--out", tmp_path / "small")
    document = printed(lpel("export", "--bundle", tiny_bundle, "--faces", untidy, *small, "--json"))
    assert document["passed_over"] == {
        "hidden": 1,
        "not_an_image": 2,
        "misplaced": 1,
        "damaged": 1,
    }


def test_too_few_pairs_are_blamed_on_what_was_left_out(tiny_bundle, untidy):
    for seed in range(20):  # until the damaged photograph is in a pair that is drawn
        done = verify(tiny_bundle, untidy, "--n", 20, "--seed", seed, "--list-passed-over")
        if done.returncode:
            break
    last = complaint(done)
    assert "folds need at least 10 pairs" in last
    assert "pairs were left out: a photograph cannot be used" in last
    assert "Person_00_0002.png" in done.stderr
