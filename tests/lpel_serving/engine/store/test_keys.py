"""The keys of faces: by content, place and crop, no two alike."""

import hashlib

from lpel_serving.engine.store.keys import content_digest, face_key, split_key

DIGEST = content_digest(b"face")


def test_a_photograph_is_known_by_its_sha_256():
    assert hashlib.sha256(b"face").digest() == DIGEST
    assert face_key(DIGEST) == DIGEST  # as it stands in the files of earlier versions


def test_a_key_says_which_face_it_is_of():
    for face in (0, 1, 2, 300):
        assert split_key(face_key(DIGEST, face)) == (DIGEST, face)


def test_no_two_faces_have_one_key():
    keys = {face_key(DIGEST, face, crop) for face in (0, 1, 2) for crop in ("", "0.4", "0.48")}
    assert len(keys) == 9
