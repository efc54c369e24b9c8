"""The second stage: the rows of a shard, explained and committed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpel_serving.batch.folder.arrow import Table, read_table
from lpel_serving.batch.folder.places import Places
from lpel_serving.batch.folder.plan import Shard
from lpel_serving.batch.output.columns import Stamp, as_begun, result_schema
from lpel_serving.batch.output.commits import commit, read_commit
from lpel_serving.batch.settings import BatchSettings, map_shape
from lpel_serving.batch.stages.curves import curve_of
from lpel_serving.batch.stages.embedding import Failure
from lpel_serving.batch.stages.lookup import Lookup
from lpel_serving.batch.stages.maps import Pairs, maps_of, read_crops
from lpel_serving.batch.stages.networks import BundleSource
from lpel_serving.batch.stages.pair_table import PairTable, listed_pairs, searched_pairs
from lpel_serving.batch.stages.result_table import Explained, result_table
from lpel_serving.batch.stages.stage import Done, Stopped, Work, give_up_if
from lpel_serving.engine.explainer import Explainer
from lpel_serving.equations.decision import decide_many
from lpel_serving.support.arrays import Pixels


@dataclass(frozen=True)
class Explaining:
    """Explains the rows of a shard.

    Attributes
    ----------
    out
        The folder of the job.
    job
        Its identity.
    networks
        What explains.
    settings
        How to explain.
    shards
        All shards of the job.
    stamp
        What every row says of where it comes from.
    search
        Whether the rows are probes for a gallery.
    apart
        Whether a probe's own image in the gallery is no result for it.
    columns
        With which the job began, and goes on: those that came since are left out. All when None.
    """

    out: Path
    job: str
    networks: BundleSource
    settings: BatchSettings
    shards: tuple[Shard, ...]
    stamp: Stamp
    search: bool
    apart: bool
    columns: tuple[str, ...] | None = None

    def open(self) -> Work:
        """Load the bundle, and find the embeddings."""
        return _Work(self, self.networks.open())


class _Work:
    """Explains shards, with what all of them need at hand."""

    def __init__(self, stage: Explaining, explainer: Explainer) -> None:
        self._stage = stage
        self._explainer = explainer
        self._places = Places(stage.out)
        self._lookup = Lookup(self._places, explainer.manifest.embedder.dimension)
        self._method = stage.settings.make_method()
        self._needs_images = stage.settings.needs_images
        self._map_shape = map_shape(self._method, explainer)
        schema = result_schema(
            self._map_shape,
            curves=stage.settings.curves,
            search=stage.search,
            about={
                "job": stage.job,
                "threshold": explainer.manifest.threshold.value,
                "settings": stage.settings.described(),
            },
        )
        self._schema = as_begun(schema, stage.columns)

    def __call__(self, shard: int, stopped: Stopped) -> Done:
        rows = read_table(self._places.rows(shard))
        inputs = self._stage.shards[shard].inputs
        done = read_commit(self._places, self._stage.job, shard, inputs)
        if done is not None:  # by a worker that was taken for lost
            return Done(shard, len(rows), done.errors)
        pairs, crops = self._paired(rows)
        give_up_if(stopped)
        decided = self._decided(pairs, crops)
        explained = self._explained(decided, stopped)
        result = result_table(pairs, explained, self._lookup, self._schema, self._stage.stamp)
        errors = pairs.errors + len(explained.failures)
        of_search = pairs.left_out, pairs.in_gallery
        commit(self._places, self._stage.job, shard, inputs, result, errors, *of_search)
        return Done(shard, len(rows), errors)

    def _paired(self, rows: Table) -> tuple[PairTable, dict[int, Pixels]]:
        """Bring the pairs, and their images by number where those are looked at."""
        settings = self._stage.settings
        if self._stage.search:
            gallery = read_table(self._places.gallery)
            top, apart = settings.top, self._stage.apart
            pairs = searched_pairs(rows, gallery, self._lookup, top, apart=apart)
        else:
            pairs = listed_pairs(rows, self._lookup)
        if not self._needs_images:
            return pairs, {}
        usable = pairs.usable
        numbers = np.concatenate([pairs.references[usable], pairs.tests[usable]])
        found = read_crops(numbers, self._explainer, self._places)
        failures = {n: one for n, one in found.items() if isinstance(one, Failure)}
        crops = {n: one for n, one in found.items() if not isinstance(one, Failure)}
        return pairs.without(failures), crops

    def _decided(self, table: PairTable, crops: dict[int, Pixels]) -> Pairs:
        """Number the images of usable pairs anew, and decide."""
        usable = table.usable
        both = np.stack([table.references[usable], table.tests[usable]])
        numbers, places = np.unique(both, return_inverse=True)
        references, tests = places.reshape(2, -1)
        embeddings = self._lookup.embeddings(numbers)
        threshold = self._explainer.manifest.threshold.value
        decisions = decide_many(embeddings[references], embeddings[tests], threshold)
        return Pairs(numbers, embeddings, crops, references, tests, decisions)

    def _explained(self, pairs: Pairs, stopped: Stopped) -> Explained:
        settings, manifest = self._stage.settings, self._explainer.manifest
        decisions = pairs.decisions
        explained = Explained.empty(len(decisions), self._map_shape)
        explained.columns |= {
            "similarity": decisions.similarity,
            "margin": decisions.margin.astype(np.float32),
            "similar": decisions.similar,
        }
        if self._explainer.plausibility is not None:
            plausible = self._explainer.plausibility.plausible(pairs.embeddings)
            of_reference, of_test = plausible[pairs.references], plausible[pairs.tests]
            explained.columns |= {"reference_plausible": of_reference, "test_plausible": of_test}
            explained.plausible = of_reference & of_test
        if manifest.confidence is not None:
            confidence = manifest.confidence.calibration.confidences(decisions.similarity)
            explained.columns["confidence"] = np.ma.masked_array(
                confidence.astype(np.float32), ~explained.plausible
            )
        first = 0
        for maps in maps_of(pairs, self._method, self._explainer, settings.seed, stopped):
            first += explained.put(first, maps)
        if settings.curves:
            for pair, heat_map in enumerate(explained.maps["test"]):
                give_up_if(stopped)
                if pair not in explained.failures:
                    faces = pairs.faces(pair)
                    curve = curve_of(faces, heat_map, self._explainer, settings)
                    explained.curves[pair] = curve
        return explained
