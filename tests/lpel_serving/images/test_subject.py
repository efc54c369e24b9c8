"""What pictures show, and texts about faces in its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.images.subject import FACE_REGIONS, FACES, SUBJECTS, Subject, parse_subject
from lpel_serving.support.errors import ParameterError

TEXT = (
    "The two faces show one person; a face is no surface. Many people, two people, this person: "
    "their face_key is theirs."
)


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_subject_is_found_by_its_name(name):
    assert parse_subject(name) is SUBJECTS[name]
    assert SUBJECTS[name].of_faces == (name == "faces")


def test_own_words_make_a_subject():
    stamps = parse_subject("a stamp, stamps , one issue,two issues")
    assert stamps == Subject("a stamp", "stamps", "one issue", "two issues")
    assert (stamps.thing, stamps.kind, stamps.kinds, stamps.other) == (
        "stamp",
        "issue",
        "issues",
        "two",
    )
    assert Subject("a rock", "rocks", "the same", "other minerals").other == "other minerals"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("digit", "no subject is called 'digit'"),
        ("", "expected faces, digits, signatures, products, images, or four texts"),
        ("a, b, c", "four texts with commas between"),
        ("stamp, stamps, one issue, two issues", "one of a subject: expected two words"),
        ("a stamp, , one issue, two issues", "many of a subject: expected a few words"),
        ("a stamp, stamps, issue, two issues", "same of a subject: expected two words"),
        (f"a stamp, {'s' * 61}, one issue, two issues", "at most 60 characters"),
        ("a stamp, sta\nmps, one issue, two issues", "many of a subject"),
    ],
)
def test_what_is_no_subject_is_refused_with_what_would_be(text, said):
    with pytest.raises(ParameterError, match=said):
        parse_subject(text)


def test_there_are_no_regions_but_a_faces():
    assert Subject("a portrait", "portraits", "one sitter", "two sitters", FACE_REGIONS).of_faces
    with pytest.raises(ParameterError, match="expected 'face' or none, received 'hand'"):
        Subject("a hand", "hands", "one person", "two people", "hand")


def test_a_text_about_faces_is_retold():
    assert SUBJECTS["signatures"].retell(TEXT) == (
        "The two signatures show one writer; a signature is no surface. Many writers, two "
        "writers, this writer: their face_key is theirs."
    )


@given(st.text())
def test_of_faces_every_text_stays_as_it_is(text):
    assert FACES.retell(text) == text
    assert FACES.retell(TEXT) == TEXT
