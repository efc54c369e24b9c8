"""Measures rounds of a surrogate's table: photographs with coalitions of superpixels replaced."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.store.sqlite import Field, Row
from lpel_serving.equations.comparison import COSINE, Comparison
from lpel_serving.equations.fill import Fill
from lpel_serving.images.held import content_of
from lpel_serving.methods.measured.replacement import replace_superpixels
from lpel_serving.methods.measured.stream import EmbeddingJob, embed_jobs
from lpel_serving.support.arrays import Coalitions, Floats, Pixels
from lpel_serving.support.progress import Progress, silent
from lpel_tf.data.store import open_array_store
from lpel_tf.surrogates.drawing import draw_complements
from lpel_tf.surrogates.photographs import Photographs
from lpel_tf.surrogates.table import SurrogateTable
from lpel_tf.surrogates.table_settings import SurrogateTableSettings

_BLOCK = 16

Draw = Callable[[int, np.random.Generator], Coalitions]
"""Draws the coalitions of a photograph, which is named by its place: bool, shape (F, M, K)."""


@dataclass(frozen=True, eq=False)
class Round:
    """What every photograph is measured with once.

    Attributes
    ----------
    donors
        The place of each one's donor, shape (N,).
    draw
        Its coalitions.
    number
        Of the round, from 0: what is random is drawn anew in each.
    """

    donors: NDArray[np.int64]
    draw: Draw
    number: int = 0


def at_random(settings: SurrogateTableSettings) -> Draw:
    """Draw random coalitions, each with its complement: see `draw_complements`."""
    pairs = settings.coalitions // (2 * len(settings.names))
    return lambda place, rng: np.stack(  # noqa: ARG005 - the same of every photograph
        [draw_complements(rng, pairs, settings.side) for _ in settings.names]
    )


def measure_round(
    embedder: Embedder,
    photographs: Photographs,
    asked: Round,
    settings: SurrogateTableSettings,
    store_path: Path,
    *,
    comparison: Comparison = COSINE,
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
    asked
        The round.
    settings
        The definition.
    store_path
        Where the results are kept, by the digests of photograph and donor; one file for one
        network, crop, definition, scale and round.
    comparison
        Whose scaled embeddings are kept.
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
    digests = photographs.digests
    donor_of: list[int] = asked.donors.tolist()
    rows: list[Row] = []
    store = open_array_store(store_path, {"coalitions": fields})
    with closing(store), progress("replacing superpixels (photographs)", len(digests)) as advance:
        for start in range(0, len(digests), _BLOCK):
            block = range(start, min(start + _BLOCK, len(digests)))
            keys = [digests[i] + digests[donor_of[i]] for i in block]
            known = store.get(keys)
            missing = {key: i for key, i in zip(keys, block, strict=True) if key not in known}
            if missing:
                computed = _compute(
                    embedder, photographs, asked, missing, settings, comparison.scale
                )
                store.put(computed)
                known |= computed
            rows += [known[key] for key in keys]
            advance(len(block))
    packed, masked = (
        np.array([row[name] for row in rows], one.dtype).reshape(len(rows), *one.shape)
        for name, one in fields.items()
    )
    return SurrogateTable(
        comparison.scale(photographs.embeddings),
        photographs.local,
        tuple(face.identity for face in photographs.faces),
        np.arange(len(photographs)),
        asked.donors,
        np.unpackbits(packed, axis=-1, count=settings.side**2).astype(np.bool_),
        masked,
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
    asked: Round,
    missing: dict[bytes, int],
    settings: SurrogateTableSettings,
    scale: Callable[[Floats], Floats],
) -> dict[bytes, Row]:
    def crop(i: int) -> Pixels:
        source = photographs.faces[i].source
        return embedder.read(content_of(source), str(source))

    def jobs() -> Iterator[EmbeddingJob[tuple[bytes, NDArray[np.bool_]]]]:
        for key, i in missing.items():
            digest = np.frombuffer(photographs.digests[i], np.uint32)
            # Of the first round as before there were others: its tables are kept for long.
            which = [asked.number] if asked.number else []
            rng, noise = np.random.default_rng([settings.seed, *which, *digest]).spawn(2)
            replaced = asked.draw(i, rng)
            donor = crop(int(asked.donors[i]))
            images = _masked_images(crop(i), donor, replaced, settings.fills, noise)
            yield EmbeddingJob((key, replaced), images, settings.coalitions)

    rows: dict[bytes, Row] = {}
    for (key, replaced), embeddings in embed_jobs(embedder.embed, jobs()):
        masked = scale(embeddings).reshape(*replaced.shape[:2], -1).astype(np.float16)
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
