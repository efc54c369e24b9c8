"""Measures what a surrogate learns: embeddings of photographs with coalitions replaced."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.store.sqlite import Field, Row
from lpel_serving.equations.fill import Fill
from lpel_serving.equations.similarity import unit
from lpel_serving.methods.measured.replacement import replace_superpixels
from lpel_serving.methods.measured.stream import EmbeddingJob, embed_jobs
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress, silent
from lpel_tf.data.store import open_array_store
from lpel_tf.surrogates.drawing import draw_complements
from lpel_tf.surrogates.photographs import Photographs
from lpel_tf.surrogates.table_settings import SurrogateTableSettings

_BLOCK = 16


@dataclass(frozen=True, eq=False)
class SurrogateTable:
    """Photographs with coalitions of superpixels replaced by each of F fills.

    Attributes
    ----------
    embeddings
        Of the whole images, unit length, float32, shape (N, D).
    local
        Their reduced local features, float16, shape (N, K, C).
    donors
        The place in this table of each photograph's donor, shape (N,).
    coalitions
        Which superpixels were replaced, bool, shape (N, F, M, K).
    masked
        Unit embeddings of the masked images, float16, shape (N, F, M, D).
    identities
        Who each is, N of them.
    """

    embeddings: NDArray[np.float32]
    local: NDArray[np.float16]
    donors: NDArray[np.int64]
    coalitions: NDArray[np.bool_]
    masked: NDArray[np.float16]
    identities: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.identities)

    def select(self, chosen: NDArray[np.bool_]) -> "SurrogateTable":
        """Keep the photographs that a mask of shape (N,) chooses, which has to choose donors too.

        Raises
        ------
        ParameterError
            If a photograph is chosen without its donor.
        """
        if not chosen[self.donors[chosen]].all():
            raise ParameterError("a part of a table holds every photograph's donor; one is left.")
        places = np.cumsum(chosen) - 1
        return SurrogateTable(
            self.embeddings[chosen],
            self.local[chosen],
            places[self.donors[chosen]],
            self.coalitions[chosen],
            self.masked[chosen],
            tuple(who for who, keep in zip(self.identities, chosen, strict=True) if keep),
        )


def measure_table(
    embedder: Embedder,
    photographs: Photographs,
    donors: NDArray[np.int64],
    settings: SurrogateTableSettings,
    store_path: Path,
    *,
    progress: Progress = silent,
) -> SurrogateTable:
    """Replace coalitions in photographs, those that the store does not hold with their donor.

    This is the long part of training: ``coalitions`` embeddings a photograph. It goes on where it
    was interrupted.

    Parameters
    ----------
    embedder
        The network ``f`` with its crop, which embeds the masked images.
    photographs
        The photographs.
    donors
        The place of each one's donor, shape (N,).
    settings
        The definition.
    store_path
        Where the results are kept, by the digests of photograph and donor; one file for one
        network, crop and definition.
    progress
        Reports how far it is.

    Raises
    ------
    ImageError
        If a photograph cannot be used; it is named.
    CacheError
        If the store cannot be used.
    """
    fields = _fields(settings, embedder.record.dimension)
    digests, donor_of = photographs.digests, [int(place) for place in donors]
    rows: list[Row] = []
    store = open_array_store(store_path, {"coalitions": fields})
    with closing(store), progress("replacing superpixels (photographs)", len(digests)) as advance:
        for start in range(0, len(digests), _BLOCK):
            block = range(start, min(start + _BLOCK, len(digests)))
            keys = [digests[i] + digests[donor_of[i]] for i in block]
            known = store.get(keys)
            missing = {key: i for key, i in zip(keys, block, strict=True) if key not in known}
            if missing:
                computed = _compute(embedder, photographs, donor_of, missing, settings)
                store.put(computed)
                known |= computed
            rows += [known[key] for key in keys]
            advance(len(block))
    packed, masked = (
        np.array([row[name] for row in rows], one.dtype).reshape(len(rows), *one.shape)
        for name, one in fields.items()
    )
    return SurrogateTable(
        photographs.embeddings,
        photographs.local,
        donors,
        np.unpackbits(packed, axis=-1, count=settings.side**2).astype(np.bool_),
        masked,
        tuple(face.identity for face in photographs.faces),
    )


def _fields(settings: SurrogateTableSettings, dimension: int) -> dict[str, Field]:
    shape = (len(settings.names), settings.coalitions // len(settings.names))
    return {
        "coalitions": Field(np.uint8, (*shape, -(-(settings.side**2) // 8))),
        "masked": Field(np.float16, (*shape, dimension)),
    }


def _compute(
    embedder: Embedder,
    photographs: Photographs,
    donors: Sequence[int],
    missing: dict[bytes, int],
    settings: SurrogateTableSettings,
) -> dict[bytes, Row]:
    def crop(i: int) -> Pixels:
        return embedder.read(photographs.faces[i].path)

    def jobs() -> Iterator[EmbeddingJob[tuple[bytes, NDArray[np.bool_]]]]:
        for key, i in missing.items():
            digest = np.frombuffer(photographs.digests[i], np.uint32)
            rng, noise = np.random.default_rng([settings.seed, *digest]).spawn(2)
            pairs = settings.coalitions // (2 * len(settings.names))
            drawn = [draw_complements(rng, pairs, settings.side) for _ in settings.names]
            replaced = np.stack(drawn)
            images = _masked_images(crop(i), crop(donors[i]), replaced, settings.fills, noise)
            yield EmbeddingJob((key, replaced), images, settings.coalitions)

    rows: dict[bytes, Row] = {}
    for (key, replaced), embeddings in embed_jobs(embedder.embed, jobs()):
        masked = unit(embeddings).reshape(*replaced.shape[:2], -1).astype(np.float16)
        rows[key] = {"coalitions": np.packbits(replaced, axis=-1), "masked": masked}
    return rows


def _masked_images(
    image: Pixels,
    donor: Pixels,
    replaced: NDArray[np.bool_],
    fills: Sequence[Fill],
    noise: np.random.Generator,
) -> Iterator[Pixels]:
    """Yield the image with coalitions, shape (F, M, K), replaced by each fill and by the donor."""
    for fill, coalitions in zip((*fills, None), replaced, strict=True):
        new = donor if fill is None else fill(image, noise)
        for chosen in coalitions:
            if fill is not None and fill.random:
                new = fill(image, noise)
            yield replace_superpixels(image, new, chosen)
