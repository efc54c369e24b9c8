"""The graph of the one-file explainer in ONNX's text format, for each method.

`network.Embed`, `network.Decode`, `network.Respond`, `network.Hide`, `network.Simulate` and
`network.Detail` are the bundle's networks, `lpel.*` the equations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lpel_serving.equations.perturbation import DEFAULT_P
from lpel_serving.support.image_shape import ImageShape

METHODS = ("surrogate", "responses", "lpel", "lpel-mended")
"""Methods that embed no image but the pair's own two, need no randomness, and ask no network about
what an answer before suggested."""


@dataclass(frozen=True)
class Sizes:
    """The lengths of the axes.

    Attributes
    ----------
    image
        Of the crops.
    features
        Length D of the embeddings.
    reconstruction
        Of the decoder's images; None if there is no decoder.
    heat_map
        Height and width of the heat-maps.
    """

    image: ImageShape
    features: int
    reconstruction: ImageShape | None
    heat_map: tuple[int, int]


_FIT = """
    size = Constant <value = float[1] {{{size}}}> ()
    reference_crop = lpel.Fit (reference, size)
    test_crop = lpel.Fit (test, size)
    images = lpel.Both (reference_crop, test_crop)
"""
_JOIN = """
    images = lpel.Both (reference, test)
"""
_EMBED = """
    {found} = network.Embed (images)
    reference_embedding, test_embedding = Split <axis = 0> (embeddings)
"""
_GIVEN = """
    embeddings = lpel.Both (reference_embedding, test_embedding)
"""
_DECIDE = """
    similarity = lpel.Compare (reference_embedding, test_embedding)
    similar = Greater (similarity, threshold)
    relevance = lpel.Relevance (reference_embedding, test_embedding, similar)
"""
_DECODE = """
    reconstructions = network.Decode (embeddings)
    reference_reconstruction, test_reconstruction = Split <axis = 0> (reconstructions)
"""
_EXPLAIN = {
    "responses": """
    u_r = lpel.Scale (reference_embedding)
    u_t = lpel.Scale (test_embedding)
    units = Concat <axis = 0> (u_r, u_t)
    responses = network.Respond (units)
    responses_r, responses_t = Split <axis = 0> (responses)
    test_likeness = lpel.Likeness (responses_t, u_r, u_t)
    reference_likeness = lpel.Likeness (responses_r, u_t, u_r)
    difference = lpel.Difference (responses_t, responses_r, u_t, u_r)
    test_evidence = lpel.Choose (similar, test_likeness, difference)
    reference_evidence = lpel.Choose (similar, reference_likeness, difference)
    test_heat_map = lpel.Enlarge (test_evidence, bicubic)
    reference_heat_map = lpel.Enlarge (reference_evidence, bicubic)
""",
    "surrogate": """
    u_r = lpel.Scale (reference_embedding)
    u_t = lpel.Scale (test_embedding)
    units = Concat <axis = 0> (u_r, u_t)
    shown, effects = network.Hide (units, local_features, units, local_features, fill)
    no_donors = Sub (units, units)
    masked = network.Simulate (shown, effects, units, no_donors, coalitions)
    masked_r, masked_t = Split <axis = 0> (masked)
    inner = Constant <value = int64[1] {1}> ()
    row_r = Unsqueeze (u_r, inner)
    row_t = Unsqueeze (u_t, inner)
    test_alone = lpel.Rise (masked_t, row_r, u_r, u_t)
    reference_alone = lpel.Rise (masked_r, row_t, u_r, u_t)
    together = lpel.Rise (masked_t, masked_r, u_r, u_t)
    test_changes = lpel.ForTheDecision (similar, test_alone, together)
    reference_changes = lpel.ForTheDecision (similar, reference_alone, together)
    test_values = lpel.Attributions (test_changes, blocks, weights, count)
    reference_values = lpel.Attributions (reference_changes, blocks, weights, count)
    test_grid = Reshape (test_values, grid)
    reference_grid = Reshape (reference_values, grid)
    test_heat_map = lpel.Enlarge (test_grid, bicubic)
    reference_heat_map = lpel.Enlarge (reference_grid, bicubic)
""",
    "lpel": f"""
    p = Constant <value = float[1] {{{DEFAULT_P}}}> ()
    reference_perturbed = lpel.Perturb (reference_embedding, relevance, p)
    test_perturbed = lpel.Perturb (test_embedding, relevance, p)
    moved = Concat <axis = 0> (reference_perturbed, test_perturbed)
    perturbed = network.Decode (moved)
    maps = lpel.HeatMap (reconstructions, perturbed)
    reference_heat_map, test_heat_map = Split <axis = 0> (maps)
""",
    "lpel-mended": """
    u_r = lpel.Scale (reference_embedding)
    u_t = lpel.Scale (test_embedding)
    u = Concat <axis = 0> (u_r, u_t)
    details = network.Detail (u)
    g_r, g_t = Split <axis = 0> (details)
    test_heat_map = lpel.Shares (similar, g_t, g_r)
    reference_heat_map = Identity (test_heat_map)
""",
}
_MARK = """
    reference_mask = lpel.Mask (reference_heat_map, epsilon)
    test_mask = lpel.Mask (test_heat_map, epsilon)
"""


PARAMETERS = ("threshold", "epsilon")
"""The inputs that are one number, and no batch."""

Given = Literal["crops", "any size", "embeddings"]
"""What a file takes: crops of the embedder's size, square crops of any size, or embeddings."""


def program(
    method: str, sizes: Sizes, threshold: float, epsilon: float, takes: Given, *, defaults: bool
) -> str:
    """Write the graph of a method, its inputs and outputs; without `defaults` all must be fed."""
    vector = f"float[batch,{sizes.features}]"
    heat_map, drawn = _axes(sizes.heat_map), sizes.reconstruction
    high, wide, channels = sizes.image
    embeddings = [f"{vector} reference_embedding", f"{vector} test_embedding"]
    both = "embeddings, local_features" if method == "surrogate" else "embeddings"
    embed = _EMBED.format(found=both)
    given, steps = {
        "crops": (_crops(f"{high},{wide}", f"{high},{wide}", channels), _JOIN + embed),
        "any size": (
            _crops("reference_side,reference_side", "test_side,test_side", channels),
            _FIT.format(size=float(high)) + embed,
        ),
        "embeddings": (embeddings, _GIVEN),
    }[takes]
    # A default is the constant of an input's own name: it may be fed, and need not be.
    parameters = [
        f"float[1] {name}" + (f" = {{{value!r}}}" if defaults else "")
        for name, value in (("threshold", threshold), ("epsilon", epsilon))
    ]
    found = ["float[batch] similarity", "bool[batch] similar", f"{vector} relevance"]
    for role in ("reference", "test"):
        found += [
            f"float[batch,{heat_map}] {role}_heat_map",
            f"bool[batch,{heat_map}] {role}_mask",
            *([f"float[batch,{_axes(drawn)}] {role}_reconstruction"] if drawn else []),
        ]
    if takes != "embeddings":
        found += embeddings
    return (
        '<ir_version: 8, opset_import: ["" : 17, "lpel" : 1, "network" : 1]>\n'
        f"explainer ({', '.join([*given, *parameters])}) => ({', '.join(found)})\n"
        f"{{{steps + _DECIDE + (_DECODE if drawn else '') + _EXPLAIN[method] + _MARK}}}"
    )


def _crops(reference: str, test: str, channels: int) -> list[str]:
    return [
        f"uint8[batch,{reference},{channels}] reference",
        f"uint8[batch,{test},{channels}] test",
    ]


def _axes(shape: Sequence[int]) -> str:
    return ",".join(map(str, shape))
