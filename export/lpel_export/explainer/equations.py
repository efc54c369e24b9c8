"""The equations of `lpel_serving` in ONNX's text format: functions of the domain `lpel`.

Every step of `EQUATIONS` is element-wise, or a maximum, or one of the fixed-order sums of
`lpel_serving.equations.summation`, all of them float32 and of opset 17. So any runtime that keeps
to IEEE 754 makes of what the networks give the very bytes of numpy; no engine that was tried lacks
an operator.
Functions are written into the graph before it is saved: the file holds standard operators alone.
"""

from collections.abc import Iterable

_OPSET = '<domain: "lpel", opset_import: ["" : 17, "lpel" : 1]>'

EQUATIONS = """
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
    products_before = Mul (u_r, u_t)
    sum_before = lpel.SumOfFeatures (products_before)
    before = Unsqueeze (sum_before, last)
    products_after = Mul (masked, other)
    after = lpel.SumOfFeatures (products_after)
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

RESIZING = """
Weights (side, size) => (weights)
{
    none = Constant <value = float {0.0}> ()
    step = Constant <value = float {1.0}> ()
    half = Constant <value = float[1] {0.5}> ()
    one = Constant <value = float[1] {1.0}> ()
    two = Constant <value = float[1] {2.0}> ()
    zero = Constant <value = float[1] {0.0}> ()
    near3 = Constant <value = float[1] {1.5}> ()
    near2 = Constant <value = float[1] {-2.5}> ()
    far3 = Constant <value = float[1] {-0.5}> ()
    far2 = Constant <value = float[1] {2.5}> ()
    far1 = Constant <value = float[1] {-4.0}> ()
    first = Constant <value = int64[1] {0}> ()
    last = Constant <value = int64[1] {-1}> ()
    from = Squeeze (side, first)
    to = Squeeze (size, first)
    given = Range (none, from, step)
    wanted = Range (none, to, step)
    scale = Div (side, size)
    reach = Max (scale, one)
    places = Add (given, half)
    middles = Add (wanted, half)
    scaled = Mul (middles, scale)
    centres = Unsqueeze (scaled, last)
    apart = Sub (centres, places)
    far_apart = Abs (apart)
    d = Div (far_apart, reach)
    dd = Mul (d, d)
    a1 = Mul (near3, d)
    a2 = Add (a1, near2)
    a3 = Mul (a2, dd)
    near = Add (a3, one)
    b1 = Mul (far3, d)
    b2 = Add (b1, far2)
    b3 = Mul (b2, d)
    b4 = Add (b3, far1)
    b5 = Mul (b4, d)
    far = Add (b5, two)
    within_two = Less (d, two)
    within_one = Less (d, one)
    beyond_one = Where (within_two, far, zero)
    raw = Where (within_one, near, beyond_one)
    total = ReduceSum <keepdims = 1> (raw, last)
    weights = Div (raw, total)
}
Resize (rows, weights) => (resized)
{
    half = Constant <value = float[1] {0.5}> ()
    black = Constant <value = float[1] {0.0}> ()
    white = Constant <value = float[1] {255.0}> ()
    flat_shape = Constant <value = int64[3] {0, 0, -1}> ()
    full_shape = Constant <value = int64[4] {0, 0, -1, 3}> ()
    flat = Reshape (rows, flat_shape)
    mixed = MatMul (weights, flat)
    full = Reshape (mixed, full_shape)
    above = Add (full, half)
    rounded = Floor (above)
    at_least = Max (rounded, black)
    resized = Min (at_least, white)
}
Fit (image, size) => (crop)
{
    from = Constant <value = int64[1] {1}> ()
    to = Constant <value = int64[1] {2}> ()
    shape = Shape (image)
    rows = Slice (shape, from, to)
    side = Cast <to = 1> (rows)
    weights = lpel.Weights (side, size)
    pixels = Cast <to = 1> (image)
    turned = Transpose <perm = [0, 2, 1, 3]> (pixels)
    narrow = lpel.Resize (turned, weights)
    upright = Transpose <perm = [0, 2, 1, 3]> (narrow)
    fitted = lpel.Resize (upright, weights)
    crop = Cast <to = 2> (fitted)
}
"""
"""Square crops of any size to the embedder's, as Pillow's bicubic filter does to a grey level.

Both axes are multiplied by one matrix, which other rectangles do not fit: they are refused."""


def functions(lengths: dict[str, int]) -> list[str]:
    """Return the text of every function, one by one, the sums for these lengths among them."""
    texts = (EQUATIONS + RESIZING[1:]).strip().split("\n}\n")
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
