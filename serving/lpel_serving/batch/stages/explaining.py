"""Decides the pairs of a shard and explains them both ways."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.settings import BatchSettings, map_shape
from lpel_serving.batch.stages.keeping import NOTHING, Keeping
from lpel_serving.batch.stages.maps import Pairs, curve_of, maps_of, read_crops
from lpel_serving.batch.stages.pair_table import PairTable, listed_pairs, searched_pairs
from lpel_serving.batch.stages.stage import Stopped, give_up_if
from lpel_serving.batch.store.by_number import Failure, Lookup
from lpel_serving.batch.store.folder import Places
from lpel_serving.bundle.usual_record import regions_of
from lpel_serving.engine.explainer import Explainer
from lpel_serving.equations.decision import decide_many
from lpel_serving.equations.regions import REGIONS, share_arrays
from lpel_serving.methods.many import Maps
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.arrow import Table, read_table

ROLES = ("reference", "test")


@dataclass(eq=False)
class Explained:
    """The results for the pairs that were decided.

    Attributes
    ----------
    maps
        By role, float32, shape (N, H, W).
    for_, against
        Shares of the regions by role, float32, shape (N, regions); no regions where pictures have
        none.
    plausible
        Whether both images are plausible, shape (N,); true if the bundle has no such check. Where
        they are not, there are no shares of regions.
    failures
        Why some of them have no maps, by their positions.
    columns
        Numbers by the names of their columns, shape (N,); those that are masked are left out.
    curves
        By the positions of the pairs, if they were requested.
    """

    maps: dict[str, NDArray[np.float32]]
    for_: dict[str, NDArray[np.float32]]
    against: dict[str, NDArray[np.float32]]
    plausible: NDArray[np.bool_]
    failures: dict[int, Failure] = field(default_factory=dict[int, Failure])
    columns: dict[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    curves: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])

    @classmethod
    def empty(cls, n: int, map_shape: tuple[int, int], regions: int = len(REGIONS)) -> "Explained":
        """Allocate arrays for n pairs, whose pictures have so many regions."""

        def room(*shape: int) -> dict[str, NDArray[np.float32]]:
            return {role: np.zeros((n, *shape), np.float32) for role in ROLES}

        plausible = np.ones(n, np.bool_)
        return cls(room(*map_shape), room(regions), room(regions), plausible)

    def put(self, first: int, found: Maps | Failure) -> int:
        """Store the maps of some pairs, tests' and references'; return the number of pairs."""
        if isinstance(found, Failure):
            self.failures[first] = found
            return 1
        of = slice(first, first + len(found[0]))
        for role, maps in zip(("test", "reference"), found, strict=True):
            self.maps[role][of] = maps
            if self.for_[role].shape[1]:
                self.for_[role][of], self.against[role][of] = share_arrays(maps)
        return len(found[0])


class PairsExplainer:
    """Explains the pairs of shards; holds what all shards need.

    Parameters
    ----------
    explainer
        What explains.
    places
        Where the embeddings are.
    settings
        How to explain.
    search
        Whether rows are probes for a gallery.
    apart
        Whether a probe's own image in the gallery is excluded from its results.
    keeping
        What was kept of the images beside their embeddings.

    Attributes
    ----------
    lookup
        What became of the images.
    map_shape
        Of the maps.
    """

    def __init__(
        self,
        explainer: Explainer,
        places: Places,
        settings: BatchSettings,
        *,
        search: bool,
        apart: bool,
        keeping: Keeping = NOTHING,
    ) -> None:
        self._explainer = explainer
        self._places = places
        self._settings = settings
        self._search, self._apart, self._keeping = search, apart, keeping
        self._method = settings.make_method()
        self.lookup = Lookup(places, explainer.manifest.embedder.dimension)
        self.map_shape = map_shape(self._method, explainer)

    def explain(self, rows: Table, stopped: Stopped) -> tuple[PairTable, Explained]:
        """Pair the planned rows of a shard, and explain the usable pairs."""
        pairs, crops = self._paired(rows)
        give_up_if(stopped)
        return pairs, self._explained(self._decided(pairs, crops), stopped)

    def _paired(self, rows: Table) -> tuple[PairTable, dict[int, Pixels]]:
        """Return the pairs, and their images by number if the images themselves are needed."""
        settings = self._settings
        if self._search:
            gallery = read_table(self._places.gallery)
            pairs = searched_pairs(
                self._explainer.comparison,
                rows,
                gallery,
                self.lookup,
                settings.top,
                apart=self._apart,
            )
        else:
            pairs = listed_pairs(rows, self.lookup)
        if not settings.needs_images:
            return pairs, {}
        usable = pairs.usable
        numbers = np.concatenate([pairs.references[usable], pairs.tests[usable]])
        found = read_crops(numbers, self._explainer, self._places)
        failures = {n: one for n, one in found.items() if isinstance(one, Failure)}
        crops = {n: one for n, one in found.items() if not isinstance(one, Failure)}
        return pairs.without(failures), crops

    def _decided(self, table: PairTable, crops: dict[int, Pixels]) -> Pairs:
        """Renumber the images of the usable pairs, and decide."""
        usable = table.usable
        both = np.stack([table.references[usable], table.tests[usable]])
        numbers, places = np.unique(both, return_inverse=True)
        references, tests = places.reshape(2, -1)
        embeddings = self.lookup.embeddings(numbers)
        threshold = self._explainer.manifest.threshold.value
        decisions = decide_many(
            self._explainer.comparison, embeddings[references], embeddings[tests], threshold
        )
        return Pairs(numbers, embeddings, crops, references, tests, decisions)

    def _explained(self, pairs: Pairs, stopped: Stopped) -> Explained:
        settings, manifest = self._settings, self._explainer.manifest
        decisions = pairs.decisions
        regions = len(regions_of(manifest.subject))
        explained = Explained.empty(len(decisions), self.map_shape, regions)
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
        for maps in maps_of(
            pairs, self._method, self._explainer, settings.seed, stopped, self._keeping
        ):
            first += explained.put(first, maps)
        if settings.curves:
            for pair, heat_map in enumerate(explained.maps["test"]):
                give_up_if(stopped)
                if pair not in explained.failures:
                    faces = pairs.faces(pair)
                    curve = curve_of(faces, heat_map, self._explainer, settings)
                    explained.curves[pair] = curve
        return explained
