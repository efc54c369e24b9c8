"""Finds out whether lists hold templates: embeddings in place of photographs."""

from lpel_serving.batch.input.lists import Lists
from lpel_serving.batch.input.parquet import has_embeddings, is_parquet
from lpel_serving.batch.input.rows import LISTED


def hold_templates(lists: Lists) -> bool:
    """Whether a column of the lists holds embeddings.

    Raises
    ------
    PairsError
        If a list in Parquet cannot be read, or lacks a column.
    """
    both = [(lists.rows, lists.columns)]
    both += [] if lists.gallery is None else [(lists.gallery, LISTED)]
    return any(is_parquet(path) and has_embeddings(path, columns) for path, columns in both)
