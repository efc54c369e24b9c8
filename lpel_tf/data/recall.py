"""Looking up what was computed of photographs before, and computing what was not."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import CutFace
from lpel_serving.images.datasets.faces import Face
from lpel_serving.images.datasets.passed_over import Unusable, note
from lpel_serving.images.reading import read_bytes
from lpel_serving.support.errors import ImageError, NoFaceError

T = TypeVar("T")


class Store(Protocol[T]):
    """Keeps something of each photograph, by the SHA-256 of its file."""

    def get(self, photographs: Sequence[bytes], /) -> dict[bytes, T]:
        """Look photographs up; those that are not stored are left out."""
        ...

    def put(self, rows: Mapping[bytes, T], /) -> None:
        """Store all of them or, if that fails, none."""
        ...


def recall(
    embedder: Embedder,
    faces: Sequence[Face],
    store: Store[T],
    compute: Callable[[Mapping[bytes, CutFace]], Mapping[bytes, T]],
    *,
    unusable: Unusable | None = None,
) -> list[T | None]:
    """Find what is known of photographs; what is not is computed and stored.

    Parameters
    ----------
    embedder
        Reads photographs and cuts faces out.
    faces
        The photographs; of equal ones one is computed.
    store
        Where results are kept.
    compute
        From crops to results, by the SHA-256 of their photographs.
    unusable
        Gathers photographs that cannot be used.

    Returns
    -------
    list
        One for each photograph, None where the crop finds no face or it cannot be used.

    Raises
    ------
    ImageError
        If a photograph cannot be used and there is no `unusable` to gather it; it is named.
    """
    contents = [_content(face.path, unusable) for face in faces]
    keys = [hashlib.sha256(content or b"").digest() for content in contents]
    known = store.get(keys)
    crops: dict[bytes, CutFace] = {}
    for key, content, face in zip(keys, contents, faces, strict=True):
        if content is None or key in known:
            continue
        try:
            crops[key] = embedder.cut(content, str(face.path))
        except NoFaceError:
            continue
        except ImageError as error:
            note(unusable, face.path, error)
    if crops:
        computed = compute(crops)
        store.put(computed)
        known |= computed
    return [known.get(key) for key in keys]


def _content(path: Path, unusable: Unusable | None) -> bytes | None:
    try:
        return read_bytes(path)
    except ImageError as error:
        note(unusable, path, error)
        return None
