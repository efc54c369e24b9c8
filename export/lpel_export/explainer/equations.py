"""The equations of `lpel_serving` in ONNX's text format: functions of the domain `lpel`.

Every step of `EQUATIONS` is element-wise, or a maximum, or one of the fixed-order sums of
`lpel_serving.equations.summation`, all of them float32 and of opset 17. So any runtime that keeps
to IEEE 754 makes of what the networks give the very bytes of numpy; no engine that was tried lacks
an operator.
Functions are written into the graph before it is saved: the file holds standard operators alone.
"""

from collections.abc import Iterable

from lpel_export.explainer.resizing import RESIZING

_OPSET = '<domain: "lpel", opset_import: ["" : 17, "lpel" : 1, "network" : 1]>'

EQUATIONS = """
Both (references, tests) => (both)  # a reshape of nothing, which two lengths cannot have
{
    shape = Shape (references)
    as_many = Reshape <allowzero = 1> (tests, shape)
    both = Concat <axis = 0> (references, as_many)
}
Scaled (h) => (scaled)
{
    tiny = Constant <value = float[1] {1.17549435e-38}> ()
    size = Abs (h)
    largest = ReduceMax <axes = [-1], keepdims = 1> (size)
    divisor = Max (largest, tiny)
    scaled = Div (h, divisor)
}
Unit (h) => (u)
{
    tiny = Constant <value = float[1] {1.17549435e-38}> ()
    last = Constant <value = int64[1] {-1}> ()
    a = lpel.Scaled (h)
    squares = Mul (a, a)
    squared_norm = lpel.SumOfFeatures (squares)
    norm = Sqrt (squared_norm)
    column = Unsqueeze (norm, last)
    divisor = Max (column, tiny)
    u = Div (a, divisor)
}
Cosine (h_r, h_t) => (similarity)  # Eq. 5.1
{
    tiny = Constant <value = float[1] {1.17549435e-38}> ()
    one = Constant <value = float[1] {1.0}> ()
    minus_one = Constant <value = float[1] {-1.0}> ()
    a = lpel.Scaled (h_r)
    b = lpel.Scaled (h_t)
    aa = Mul (a, a)
    bb = Mul (b, b)
    ab = Mul (a, b)
    sum_aa = lpel.SumOfFeatures (aa)
    sum_bb = lpel.SumOfFeatures (bb)
    sum_ab = lpel.SumOfFeatures (ab)
    squared_norms = Mul (sum_aa, sum_bb)
    norms = Sqrt (squared_norms)
    divisor = Max (norms, tiny)
    cosine = Div (sum_ab, divisor)
    low = Max (cosine, minus_one)
    similarity = Min (low, one)
}
Relevance (h_r, h_t, similar) => (r)
{
    tiny = Constant <value = float[1] {1.17549435e-38}> ()
    one = Constant <value = float[1] {1.0}> ()
    last = Constant <value = int64[1] {-1}> ()
    difference = Sub (h_r, h_t)
    d = Abs (difference)  # Eq. 4.2
    low = ReduceMin <axes = [-1], keepdims = 1> (d)
    high = ReduceMax <axes = [-1], keepdims = 1> (d)
    span = Sub (high, low)
    divisor = Max (span, tiny)
    above = Sub (d, low)
    normalised = Div (above, divisor)  # Eq. 4.3
    near = Sub (one, normalised)
    decision = Unsqueeze (similar, last)
    r = Where (decision, near, normalised)  # Eq. 4.4
}
Perturb (h_t, r, p) => (h_p)
{
    step = Mul (r, p)
    h_p = Add (h_t, step)  # Eq. 4.5
}
Mask (D, epsilon) => (M)
{
    tiny = Constant <value = float[1] {1.17549435e-38}> ()
    low = ReduceMin <axes = [-2, -1], keepdims = 1> (D)
    high = ReduceMax <axes = [-2, -1], keepdims = 1> (D)
    span = Sub (high, low)
    divisor = Max (span, tiny)
    above = Sub (D, low)
    normalised = Div (above, divisor)
    M = Greater (normalised, epsilon)  # Eq. 4.7
}
Choose (similar, if_similar, if_dissimilar) => (maps)
{
    grid = Constant <value = int64[2] {1, 2}> ()
    decision = Unsqueeze (similar, grid)
    maps = Where (decision, if_similar, if_dissimilar)
}
EvidenceForLikeness (responses, h_r) => (evidence)
{
    grid = Constant <value = int64[2] {1, 2}> ()
    vector = Unsqueeze (h_r, grid)
    products = Mul (responses, vector)
    evidence = lpel.SumOfFeatures (products)
}
EvidenceForDifference (responses_t, responses_r, h_t, h_r) => (evidence)
{
    grid = Constant <value = int64[2] {1, 2}> ()
    apart = Sub (responses_t, responses_r)
    difference = Sub (h_t, h_r)
    vector = Unsqueeze (difference, grid)
    products = Mul (apart, vector)
    evidence = lpel.SumOfFeatures (products)
}
Enlarge (evidence, weights) => (maps)
{
    inner = Constant <value = int64[1] {-2}> ()
    rows = Unsqueeze (evidence, inner)
    along_rows = Mul (rows, weights)
    wide = lpel.SumOfSide (along_rows)
    turned = Transpose <perm = [0, 2, 1]> (wide)
    columns = Unsqueeze (turned, inner)
    along_columns = Mul (columns, weights)
    tall = lpel.SumOfSide (along_columns)
    maps = Transpose <perm = [0, 2, 1]> (tall)
}
Rise (masked, other, u_r, u_t) => (rise)
{
    last = Constant <value = int64[1] {-1}> ()
    similarity = lpel.OfScaled (u_r, u_t)
    before = Unsqueeze (similarity, last)
    after = lpel.OfScaled (masked, other)
    rise = Sub (after, before)
}
ForTheDecision (similar, rise_if_similar, rise_if_dissimilar) => (changes)
{
    last = Constant <value = int64[1] {-1}> ()
    decision = Unsqueeze (similar, last)
    fall = Neg (rise_if_similar)
    changes = Where (decision, fall, rise_if_dissimilar)
}
Attributions (changes, blocks, weights, count) => (values)
{
    last = Constant <value = int64[1] {-1}> ()
    first = Constant <value = int64[1] {0}> ()
    second = Constant <value = int64[1] {1}> ()
    end = Constant <value = int64[1] {9223372036854775807}> ()
    none = Constant <value = int64[1] {-2}> ()
    diagonal = Slice (changes, first, none, last)
    around = Reshape (diagonal, blocks)
    points = Slice (around, first, second, last)
    beside = Slice (around, second, end, last)
    differences = Sub (beside, points)
    weighted = Mul (differences, weights)
    of_superpixels = Transpose <perm = [0, 2, 1]> (weighted)
    means = lpel.SumOfSteps (of_superpixels)
    of_none = Slice (changes, none, last, last)
    of_all = Slice (changes, last, end, last)
    whole = Sub (of_all, of_none)
    sum_of_means = lpel.SumOfSuperpixels (means)
    found = Unsqueeze (sum_of_means, last)
    left = Sub (whole, found)
    share = Div (left, count)
    values = Add (means, share)
}
Shares (similar, g_t, g_r) => (maps)
{
    every = Constant <value = int64[3] {1, 2, 3}> ()
    together = Mul (g_t, g_r)
    apart = Sub (g_t, g_r)
    squared = Mul (apart, apart)
    decision = Unsqueeze (similar, every)
    shares = Where (decision, together, squared)
    maps = lpel.SumOfDetails (shares)
}
"""


HEAT_MAP = {
    3: """
HeatMap (reconstruction, perturbed) => (D)
{
    three = Constant <value = float[1] {3.0}> ()
    last = Constant <value = int64[1] {-1}> ()
    difference = Sub (reconstruction, perturbed)
    change = Abs (difference)  # Eq. 4.6
    red, green, blue = Split <axis = -1> (change)
    two = Add (red, green)
    sum = Add (two, blue)
    mean = Div (sum, three)
    D = Squeeze (mean, last)
}
""",
    1: """
HeatMap (reconstruction, perturbed) => (D)
{
    last = Constant <value = int64[1] {-1}> ()
    difference = Sub (reconstruction, perturbed)
    change = Abs (difference)  # Eq. 4.6
    D = Squeeze (change, last)
}
""",
}
"""By the channels of the reconstructions, of which it takes the mean."""


def functions(lengths: dict[str, int], comparing: str, channels: int = 3) -> list[str]:
    """Return the text of every function, one by one.

    Parameters
    ----------
    lengths
        Of the axes that are summed, by the name of the function that does it.
    comparing
        The functions of the comparison: see `lpel_export.explainer.comparing`.
    channels
        Of the reconstructions whose differences heat-maps are.
    """
    parts = (EQUATIONS, comparing[1:], HEAT_MAP[channels][1:], RESIZING[1:])
    texts = "".join(parts).strip().split("\n}\n")
    written = [text.removesuffix("\n}") + "\n}" for text in texts]
    return [f"{_OPSET}\n{text}" for text in (*written, *_sums(lengths))]


def _sums(lengths: dict[str, int]) -> Iterable[str]:
    """Write `lpel_serving.equations.summation.fixed_sum` for axes of known lengths."""
    for name, length in lengths.items():
        power = 1 << max(0, length - 1).bit_length()
        lines = ["last = Constant <value = int64[1] {-1}> ()"]
        current = "values"
        if power != length:
            # Zeros from the values themselves, whatever their other axes: fewer than values.
            lines += [
                "from = Constant <value = int64[1] {0}> ()",
                f"to = Constant <value = int64[1] {{{power - length}}}> ()",
                "some = Slice (values, from, to, last)",
                "zeros = Sub (some, some)",
                "padded = Concat <axis = -1> (values, zeros)",
            ]
            current = "padded"
        while power > 1:
            power //= 2
            lines.append(f"low{power}, high{power} = Split <axis = -1> ({current})")
            lines.append(f"sum{power} = Add (low{power}, high{power})")
            current = f"sum{power}"
        lines.append(f"total = Squeeze ({current}, last)")
        body = "\n    ".join(lines)
        yield f"{name} (values) => (total)\n{{\n    {body}\n}}"
