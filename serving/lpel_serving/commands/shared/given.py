"""The pairs that a command is given, listed or drawn, and their similarities."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lpel_serving.commands.shared.passed_over import in_json
from lpel_serving.commands.shared.progress import progress_bar
from lpel_serving.engine.crowds import count_crowds, crowds, crowds_in_words
from lpel_serving.engine.explainer import Explainer
from lpel_serving.engine.photographs import embed_pairs
from lpel_serving.images.datasets.faces import Face, find_faces
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.pairs_list import find_pairs
from lpel_serving.images.datasets.passed_over import PassedOver, Unusable
from lpel_serving.images.held import Photograph
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import PairsError, ParameterError


@dataclass(frozen=True, eq=False)
class GivenPairs:
    """The pairs that a command works on.

    Attributes
    ----------
    pairs
        Listed or drawn.
    passed_over
        What is skipped of the folder or the list.
    unusable
        Gathers the photographs that cannot be used.
    header
        What was taken as the header of the list.
    left_out
        Pairs of the list that are not among `pairs`.
    photographs
        All that the list names, those that are absent too.
    people
        Who is in each photograph, where that is not the name of its folder.
    """

    pairs: tuple[Pair, ...]
    passed_over: tuple[PassedOver, ...]
    unusable: Unusable
    header: str | None = None
    left_out: int = 0
    photographs: tuple[Photograph, ...] = ()
    people: Mapping[Path, str] = field(default_factory=dict[Path, str])

    def all_passed_over(self) -> tuple[PassedOver, ...]:
        """Everything that is skipped, as far as is known yet."""
        return (*self.passed_over, *self.unusable.found())


@dataclass(frozen=True, eq=False)
class MeasuredPairs:
    """The similarities of the pairs that can be used.

    Attributes
    ----------
    given
        All pairs.
    similarities
        Float32, shape (N,).
    same
        Which of them are of one person, shape (N,).
    without_face
        How many pairs are missing, since no face was found in a photograph.
    left_out
        How many are missing, since a photograph cannot be used or both are the same.
    several_faces
        In how many photographs several faces were found; None if the crop detects none.
    embeddings
        Of the photographs that have one, float32, shape (M, D).
    identities
        Who is in each of these, M of them.
    photographs
        Their files, M of them.
    """

    given: GivenPairs
    similarities: Floats
    same: NDArray[np.bool_]
    without_face: int
    left_out: int
    several_faces: int | None
    embeddings: Floats
    identities: tuple[str, ...]
    photographs: tuple[Path, ...]

    def in_json(self, *, names: bool) -> dict[str, Any]:
        """The pairs that are not used, for a JSON document."""
        counts = {
            "pairs_without_face": self.without_face,
            "pairs_left_out": self.left_out,
            "photographs_with_several_faces": self.several_faces,
        }
        passed = self.given.all_passed_over()
        return counts | in_json(passed, names=names, header=self.given.header)

    def in_words(self) -> list[str]:
        """The same in lines, none where every pair is used."""
        crowded = crowds_in_words(self.several_faces)
        return [*([crowded] if crowded else []), *self._lost()]

    def _lost(self) -> list[str]:
        said: list[str] = []
        if self.without_face:
            said.append(
                f"{self.without_face} pairs were left out: no face was found in a photograph."
            )
        if self.left_out:
            said.append(
                f"{self.left_out} pairs were left out: a photograph cannot be used, or is both."
            )
        return said

    @contextmanager
    def blamed(self) -> Generator[None]:
        """Add to errors about too few pairs how many were left out, and why."""
        try:
            yield
        except (PairsError, ParameterError) as error:
            if not self._lost():
                raise
            raise PairsError(" ".join([str(error), *self._lost()])) from error


def given_pairs(
    faces: Path,
    identities: Path | None,
    pairs: Path | None,
    draw: Callable[[tuple[Face, ...]], tuple[Pair, ...]],
    unusable: Unusable,
) -> GivenPairs:
    """Read a list of pairs, or draw pairs from a folder of photographs."""
    if pairs is None:
        found = find_faces(faces, identities)
        people = {face.path: face.identity for face in found.faces}
        return GivenPairs(draw(found.faces), found.passed_over, unusable, people=people)
    listed = find_pairs(pairs, faces, unusable)
    return GivenPairs(
        listed.pairs,
        listed.passed_over,
        unusable,
        header=listed.header,
        left_out=listed.left_out,
        photographs=listed.photographs,
    )


def measure(explainer: Explainer, given: GivenPairs) -> MeasuredPairs:
    """Compute the similarities of the pairs that can be used."""
    embedder = explainer.embedder
    count_crowds(embedder)
    embedded = embed_pairs(
        embedder,
        explainer.comparison,
        given.pairs,
        unusable=given.unusable,
        progress=progress_bar,
    )
    given.unusable.check(given.photographs)  # the absent and the bad together
    usable = np.isfinite(embedded.similarities)
    with_embedding = np.flatnonzero(np.isfinite(embedded.embeddings[:, 0])).tolist()
    # A command's pairs are of files.
    paths = [cast("Path", embedded.photographs[place]) for place in with_embedding]
    bad = sum(
        pair.reference in given.unusable or pair.test in given.unusable for pair in given.pairs
    )
    return MeasuredPairs(
        given,
        embedded.similarities[usable],
        np.array([pair.same for pair in given.pairs], np.bool_)[usable],
        without_face=int(np.count_nonzero(~usable)) - bad,
        left_out=given.left_out + bad,
        several_faces=crowds(embedder),
        embeddings=embedded.embeddings[with_embedding],
        identities=tuple(given.people.get(path, path.parent.name) for path in paths),
        photographs=tuple(paths),
    )
