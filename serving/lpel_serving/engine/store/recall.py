"""Looks up stored results of photographs, and computes and stores the missing ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.store.embedding_store import EmbeddingStore
from lpel_serving.engine.store.keys import content_digest
from lpel_serving.images.crops import CutFace
from lpel_serving.images.datasets.passed_over import Unusable, note
from lpel_serving.images.held import Photograph, content_of
from lpel_serving.support.errors import ImageError, NoFaceError

T = TypeVar("T")


def recall(
    embedder: Embedder,
    photographs: Sequence[Photograph],
    store: EmbeddingStore[T],
    compute: Callable[[Mapping[bytes, CutFace]], Mapping[bytes, T]],
    *,
    unusable: Unusable | None = None,
) -> list[T | None]:
    """Look up results of photographs; missing ones are computed and stored.

    Parameters
    ----------
    embedder
        Reads photographs and cuts faces out.
    photographs
        Files, or images in memory; those of equal content are computed once.
    store
        The store of results, by `lpel_serving.engine.store.keys.content_digest`.
    compute
        From crops to results, by the digests of their photographs.
    unusable
        Collects photographs that cannot be used.

    Returns
    -------
    list
        One for each photograph, None where the crop finds no face or it cannot be used.

    Raises
    ------
    ImageError
        If a photograph cannot be used and `unusable` is None; it is named.
    """
    known: dict[bytes, T] = {}
    crops: dict[bytes, CutFace] = {}

    def key_of(photograph: Photograph) -> bytes:
        content = content_of(photograph)  # released before the next one is read: files may be large
        key = content_digest(content)
        if key in crops or key in known:
            return key
        known.update(store.get([key]))
        if key not in known:
            crops[key] = embedder.cut(content, str(photograph))
        return key

    keys = [_unless_unusable(key_of, one, unusable) for one in photographs]
    if crops:
        computed = compute(crops)
        store.put(computed)
        known.update(computed)
    return [None if key is None else known.get(key) for key in keys]


def _unless_unusable(
    key_of: Callable[[Photograph], bytes], photograph: Photograph, unusable: Unusable | None
) -> bytes | None:
    try:
        return key_of(photograph)
    except NoFaceError:
        return None
    except ImageError as error:
        note(unusable, photograph, error)
        return None
