"""How a network compares, in ONNX's text format: see `lpel_serving.equations.comparison`.

`lpel.Compare`, `lpel.Scale`, `lpel.OfScaled`, `lpel.Likeness` and `lpel.Difference` are the
functions of `Comparison`, for its kind. A learned head, `network.Head`, is asked about all pairs of
a batch at once, so that its last bits may differ from the engine's.
"""

from typing import Any

import numpy as np

from lpel_export.conversion.keras_to_onnx import OPSET
from lpel_export.explainer.networks import as_function
from lpel_serving.bundle.comparison_record import (
    REFERENCE_EMBEDDING,
    SIMILARITY,
    TEST_EMBEDDING,
    ComparisonRecord,
)
from lpel_serving.bundle.loading import Bundle

_COSINE = """
Compare (h_r, h_t) => (similarity)
{
    similarity = lpel.Cosine (h_r, h_t)
}
Scale (h) => (u)
{
    u = lpel.Unit (h)
}
OfScaled (first, second) => (similarity)
{
    products = Mul (first, second)
    similarity = lpel.SumOfFeatures (products)
}
Likeness (responses, u_r, u_t) => (evidence)
{
    evidence = lpel.EvidenceForLikeness (responses, u_r)
}
Difference (responses_t, responses_r, u_t, u_r) => (evidence)
{
    evidence = lpel.EvidenceForDifference (responses_t, responses_r, u_t, u_r)
}
"""
_BY_SPREAD = """
Scale (h) => (u)
{
    spread = Constant <value = float[1] {SPREAD}> ()
    u = Div (h, spread)
}
"""
_EUCLIDEAN = """
HalfSquared (vectors) => (half_squared)
{
    half = Constant <value = float[1] {0.5}> ()
    squares = Mul (vectors, vectors)
    squared = lpel.SumOfFeatures (squares)
    half_squared = Mul (half, squared)
}
Compare (h_r, h_t) => (similarity)
{
    one = Constant <value = float[1] {1.0}> ()
    apart = Sub (h_r, h_t)
    scaled = lpel.Scale (apart)
    half_squared = lpel.HalfSquared (scaled)
    similarity = Sub (one, half_squared)
}
OfScaled (first, second) => (similarity)
{
    one = Constant <value = float[1] {1.0}> ()
    apart = Sub (first, second)
    half_squared = lpel.HalfSquared (apart)
    similarity = Sub (one, half_squared)
}
Likeness (responses, u_r, u_t) => (evidence)
{
    apart = Sub (u_r, u_t)
    linear = lpel.EvidenceForLikeness (responses, apart)
    half_squared = lpel.HalfSquared (responses)
    evidence = Add (linear, half_squared)
}
Difference (responses_t, responses_r, u_t, u_r) => (evidence)
{
    lost = Sub (responses_t, responses_r)
    apart = Sub (u_t, u_r)
    linear = lpel.EvidenceForLikeness (lost, apart)
    half_squared = lpel.HalfSquared (lost)
    evidence = Sub (linear, half_squared)
}
"""
_HEAD = """
Compare (h_r, h_t) => (similarity)
{
    similarity = network.Head (h_r, h_t)
}
OfScaled (first, second) => (similarity)
{
    spread = Constant <value = float[1] {SPREAD}> ()
    rows = Constant <value = int64[2] {-1, DIMENSION}> ()
    nothing_first = Sub (first, first)
    nothing_second = Sub (second, second)
    wide_first = Add (first, nothing_second)
    wide_second = Add (second, nothing_first)
    all_first = Mul (wide_first, spread)
    all_second = Mul (wide_second, spread)
    rows_first = Reshape (all_first, rows)
    rows_second = Reshape (all_second, rows)
    scores = network.Head (rows_first, rows_second)
    shape = Shape <start = 0, end = -1> (all_first)
    similarity = Reshape (scores, shape)
}
Likeness (responses, u_r, u_t) => (evidence)
{
    grid = Constant <value = int64[2] {1, 2}> ()
    reference = Unsqueeze (u_r, grid)
    test = Unsqueeze (u_t, grid)
    without = Sub (test, responses)
    before = lpel.OfScaled (reference, test)
    after = lpel.OfScaled (reference, without)
    evidence = Sub (before, after)
}
Difference (responses_t, responses_r, u_t, u_r) => (evidence)
{
    grid = Constant <value = int64[2] {1, 2}> ()
    reference = Unsqueeze (u_r, grid)
    test = Unsqueeze (u_t, grid)
    reference_without = Sub (reference, responses_r)
    test_without = Sub (test, responses_t)
    before = lpel.OfScaled (reference, test)
    after = lpel.OfScaled (reference_without, test_without)
    evidence = Sub (after, before)
}
"""


def comparing(record: ComparisonRecord, dimension: int) -> str:
    """Write the functions of a comparison of embeddings of length D."""
    if record.kind == "cosine":
        return _COSINE
    text = _BY_SPREAD + (_EUCLIDEAN if record.kind == "euclidean" else _HEAD)[1:]
    spread = repr(float(np.float32(record.needed_spread)))
    return text.replace("SPREAD", spread).replace("DIMENSION", str(dimension))


def head_functions(bundle: Bundle) -> list[Any]:
    """Make the function ``Head`` of a bundle's learned head; none where it has none."""
    if bundle.comparison is None:
        return []
    both = (REFERENCE_EMBEDDING, TEST_EMBEDDING)
    return [as_function(bundle.comparison, "Head", OPSET, inputs=both, outputs=(SIMILARITY,))]
