"""Runs the second stage on one shard: explains its rows, makes their table and commits it."""

from dataclasses import dataclass
from pathlib import Path

from lpel_serving.batch.output.commits import commit, read_commit
from lpel_serving.batch.output.result_table import Stamp, as_begun, result_schema, result_table
from lpel_serving.batch.plan import Shard
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.explaining import PairsExplainer
from lpel_serving.batch.stages.keeping import NOTHING, Keeping
from lpel_serving.batch.stages.stage import BundleSource, Done, Stopped, Work
from lpel_serving.batch.store.folder import Places
from lpel_serving.bundle.usual_record import regions_of
from lpel_serving.engine.explainer import Explainer
from lpel_serving.images.crops import DetectingCrop
from lpel_serving.support.arrow import read_table


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
        Whether a probe's own image in the gallery is excluded from its results.
    keeping
        What was kept of the images beside their embeddings.
    columns
        The columns with which the job began; newer ones are left out. All when None.
    """

    out: Path
    job: str
    networks: BundleSource
    settings: BatchSettings
    shards: tuple[Shard, ...]
    stamp: Stamp
    search: bool
    apart: bool
    keeping: Keeping = NOTHING
    columns: tuple[str, ...] | None = None

    def open(self) -> Work:
        """Load the bundle, and find the embeddings."""
        return _Work(self, self.networks.open())


class _Work:
    """Explains and commits shards."""

    def __init__(self, stage: Explaining, explainer: Explainer) -> None:
        self._stage = stage
        self._places = Places(stage.out)
        self._pairs = PairsExplainer(
            explainer,
            self._places,
            stage.settings,
            search=stage.search,
            apart=stage.apart,
            keeping=stage.keeping,
        )
        schema = result_schema(
            self._pairs.map_shape,
            curves=stage.settings.curves,
            search=stage.search,
            about={
                "job": stage.job,
                "threshold": explainer.manifest.threshold.value,
                "settings": stage.settings.described(),
            },
            regions=regions_of(explainer.manifest.subject),
            faces=explainer.manifest.subject.of_faces
            or isinstance(explainer.embedder.crop, DetectingCrop),
        )
        self._schema = as_begun(schema, stage.columns)

    def __call__(self, shard: int, stopped: Stopped) -> Done:
        stage = self._stage
        rows = read_table(self._places.rows(shard))
        inputs = stage.shards[shard].inputs
        done = read_commit(self._places, stage.job, shard, inputs)
        if done is not None:  # by a worker that was believed lost
            return Done(shard, len(rows), done.errors)
        pairs, explained = self._pairs.explain(rows, stopped)
        result = result_table(pairs, explained, self._pairs.lookup, self._schema, stage.stamp)
        errors = pairs.errors + len(explained.failures)
        of_search = pairs.left_out, pairs.in_gallery
        commit(self._places, stage.job, shard, inputs, result, errors, *of_search)
        return Done(shard, len(rows), errors)
