"""Assembly of the one-file explainer from the bundle's networks and the equations."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion.keras_to_onnx import OPSET, finish
from lpel_export.explainer.comparing import comparing, head_functions
from lpel_export.explainer.contract import About
from lpel_export.explainer.equations import functions
from lpel_export.explainer.networks import DOMAIN, as_function, constants_to_weights
from lpel_export.explainer.program import METHODS, PARAMETERS, Given, Sizes, program
from lpel_export.explainer.simulation import (
    chosen_fill,
    simulation_constants,
    surrogate_functions,
)
from lpel_export.local_features.second_output import without_local_features
from lpel_export.support.errors import ConversionError
from lpel_serving.bundle.comparison_record import BY_COSINE
from lpel_serving.bundle.loading import Bundle
from lpel_serving.bundle.manifest import EMBEDDING, LOCAL_FEATURES, Manifest
from lpel_serving.engine.decoder import Decoder
from lpel_serving.equations.mask import DEFAULT_EPSILON
from lpel_serving.equations.summation import bicubic_weights
from lpel_serving.methods.by_cosine import not_by
from lpel_serving.methods.catalogue.registry import (
    LPEL,
    RESPONSES,
    SURROGATE,
    describe_method,
    file_name,
)
from lpel_serving.methods.decoded.lpel_mended import decoder_kernel, isometry
from lpel_serving.methods.decoded.responses import DEFAULT_SIZE
from lpel_serving.methods.networks import AssembledNetworks
from lpel_serving.methods.simulated.surrogate_attribution import DEFAULT_STEPS
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require

MENDED = "lpel-mended"
_DETAILS = 2
"""Of each channel: differences down and across."""
_NO_DECODER = (
    "this bundle has no decoder, which {} needs: train one, without --no-decoder, or choose "
    "responses."
)
_LACKING = {
    RESPONSES: "this bundle has no response decoder: train one with `lpel train --method "
    "responses`, or choose lpel or lpel-mended.",
    SURROGATE: "this bundle has no surrogate: train one with `lpel train --method surrogate`, or "
    "choose responses, lpel or lpel-mended.",
}


def build_explainer(
    bundle: Bundle,
    method: str | None = None,
    *,
    fill: str | None = None,
    any_size: bool = False,
    defaults: bool = True,
) -> bytes:
    """Build one ONNX model that does what `lpel_serving.Explainer` does with a bundle.

    It takes two batches of crops, ``reference`` and ``test``, uint8, shape (batch, H, W, C), and
    ``threshold`` and ``epsilon``, float32, shape (1,), which have defaults. What it gives, and what
    each tensor means, stands in `lpel_export.explainer.contract` and in its ``metadata_props``.

    Parameters
    ----------
    bundle
        The networks. They are called as they are: the embedder once, for both batches.
    method
        One of `METHODS`; the best of them that the bundle supports when None.
    fill
        What superpixels are replaced by in the simulation of the method `surrogate`; its own
        default when None.
    any_size
        Take square crops of any size, a size for each of the two batches, and resize them in the
        graph as `lpel_serving.images.crops.resize` does, to a grey level.
    defaults
        Whether ``threshold`` and ``epsilon`` have defaults. Some runtimes cannot override a
        default, and onnxruntime for Node.js ignores it in silence: for them, make both be fed.

    Raises
    ------
    ParameterError
        If the method is none of these, the bundle lacks what it needs, the fill does not suit, or
        crops of any size are asked for where the network's are not square RGB.
    ModelShapeError, ConversionError
        If the networks cannot be put into one graph.
    """
    shape = bundle.manifest.embedder.shape
    if any_size and not shape.is_square_rgb:
        raise ParameterError(
            "a file that takes crops of any size resizes square RGB crops, and this network takes "
            f"{shape.words}: make a file without any_size, and resize the crops before."
        )
    takes: Given = "any size" if any_size else "crops"
    return _build(bundle, chosen_method(bundle, method), takes, fill, defaults=defaults)


def build_template_explainer(bundle: Bundle, method: str | None = None) -> bytes:
    """Build a model that explains pairs of *embeddings*, the photographs being gone.

    With a decoder this is template inversion: it turns stored embeddings back into pictures of
    faces, blurred but recognisable. So no bundle ever holds it, and it must be guarded as
    photographs are.

    Parameters
    ----------
    bundle, method
        See `build_explainer`; `surrogate` needs the photographs.
    """
    chosen = chosen_method(bundle, method, photographs=False)
    return _build(bundle, chosen, "embeddings")


def _build(
    bundle: Bundle, method: str, takes: Given, fill: str | None = None, *, defaults: bool = True
) -> bytes:
    onnx = require("onnx", "export")
    manifest = bundle.manifest
    side, fill = _side(bundle, method), chosen_fill(bundle, method, fill)
    drawn, size = manifest.drawn, max(DEFAULT_SIZE, side)
    sizes = Sizes(
        image=manifest.embedder.shape,
        features=manifest.embedder.dimension,
        reconstruction=None if manifest.decoder is None else drawn,
        heat_map=(size, size) if side else (drawn.height, drawn.width),
    )
    threshold = manifest.threshold.value
    text = program(method, sizes, threshold, DEFAULT_EPSILON, takes, defaults=defaults)
    model = require("onnx.parser", "export").parse_model(text)
    model.functions.extend(_equations(manifest, max(1, side)))
    model.functions.extend(_networks(onnx, bundle, method, takes))
    for name, values in _constants(bundle, side, sizes.heat_map[0], fill):
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    return _flatten(onnx, model, bundle, method, fill)


def chosen_method(bundle: Bundle, method: str | None, *, photographs: bool = True) -> str:
    """Return the method that a file explains by; raise `ParameterError` if it cannot.

    Without photographs, from embeddings alone, there is nothing that a surrogate could see.
    """
    responds = bundle.responses is not None
    simulates = photographs and bundle.surrogate is not None
    chosen = method or file_name(responds=responds, simulates=simulates)
    known = METHODS if photographs else [one for one in METHODS if one != SURROGATE]
    if chosen not in known:
        what = "a file" if photographs else "a file of templates, which no surrogate can see,"
        raise ParameterError(
            f"{what} explains by {', '.join(known)}, which embed no images but the pair's own two, "
            "need no randomness, and ask nothing that an answer before suggested; received "
            f"{chosen!r}: choose one of them, or name none for the best that the bundle supports."
        )
    if chosen == MENDED and bundle.manifest.comparison != BY_COSINE:
        raise ParameterError(not_by(chosen, bundle.manifest.comparison.kind))
    if chosen in (LPEL, MENDED) and bundle.decoder is None:
        raise ParameterError(_NO_DECODER.format(chosen))
    for name, there in ((RESPONSES, responds), (SURROGATE, simulates)):
        if chosen == name and not there:
            raise ParameterError(_LACKING[name])
    return chosen


def _side(bundle: Bundle, method: str) -> int:
    """Superpixels along one side, where a method's maps are on superpixels; else 0."""
    records = {RESPONSES: bundle.manifest.responses, SURROGATE: bundle.manifest.surrogate}
    record = records.get(method)
    return 0 if record is None else record.side


def _constants(
    bundle: Bundle, side: int, size: int, fill: str | None
) -> Iterable[tuple[str, NDArray[Any]]]:
    """The constants of the program by name."""
    if side:
        yield "bicubic", bicubic_weights(side, size)
    if bundle.manifest.surrogate is not None and fill is not None:
        yield from simulation_constants(bundle.manifest.surrogate, fill).items()


def _equations(manifest: Manifest, side: int) -> Iterable[Any]:
    features, channels = manifest.embedder.dimension, manifest.drawn.channels
    lengths = {
        "SumOfFeatures": features,
        "SumOfSide": side,
        "SumOfSuperpixels": side**2,
        "SumOfSteps": DEFAULT_STEPS,
        "SumOfDetails": _DETAILS * channels,
    }
    texts = functions(lengths, comparing(manifest.comparison, features), channels)
    return [require("onnx.parser", "export").parse_function(text) for text in texts]


def _networks(onnx: Any, bundle: Bundle, method: str, takes: Given) -> Iterable[Any]:
    if method == SURROGATE and bundle.surrogate is not None:
        yield as_function(bundle.embedder, "Embed", OPSET, outputs=(EMBEDDING, LOCAL_FEATURES))
        yield from surrogate_functions(bundle.surrogate)
    elif takes != "embeddings":
        yield as_function(without_local_features(bundle.embedder), "Embed", OPSET)
    if bundle.decoder is not None:
        yield as_function(bundle.decoder, "Decode", OPSET)
    yield from head_functions(bundle)
    if method == RESPONSES and bundle.responses is not None:
        yield as_function(bundle.responses, "Respond", OPSET)
    record = bundle.manifest.decoder
    if method == MENDED and bundle.decoder is not None and record is not None:
        features = bundle.manifest.embedder.dimension
        yield _detail(onnx, Decoder(bundle.decoder, record, features))


def _detail(onnx: Any, decoder: Decoder) -> Any:
    """The isometric decoder of the corrected method (`lpel-mended`), which is linear."""

    def no_images(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise ParameterError(f"no {len(crops)} images are needed to know a decoder.")

    networks = AssembledNetworks(no_images, decoder.decode)
    kernel = isometry(decoder_kernel(networks, decoder.dimension))
    constant, helper = onnx.numpy_helper.from_array, onnx.helper
    flat = kernel.reshape(decoder.dimension, -1).astype(np.float32)
    shape = np.array([-1, *kernel.shape[1:]], np.int64)
    nodes = [
        helper.make_node("Constant", [], ["kernel"], value=constant(flat)),
        helper.make_node("Constant", [], ["shape"], value=constant(shape)),
        helper.make_node("MatMul", ["u", "kernel"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["details"]),
    ]
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_function(DOMAIN, "Detail", ["u"], ["details"], nodes, opsets)


def _flatten(onnx: Any, model: Any, bundle: Bundle, method: str, fill: str | None) -> bytes:
    """Write every function into the graph, and name what is left."""
    try:
        model = require("onnx.inliner", "export").inline_local_functions(model)
    except (RuntimeError, ValueError) as error:
        raise ConversionError(f"the networks cannot be put into one graph: {error}") from error
    constants_to_weights(model.graph)
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    manifest = bundle.manifest
    about = About(
        method=method,
        fill=fill,
        caveat=describe_method(
            method, subject=manifest.subject, embedder=manifest.embedder.name
        ).caveat,
        comparison=manifest.comparison.kind,
        subject=manifest.subject,
        embedder=manifest.embedder.name,
        crop=manifest.crop,
        bundle_sha256=manifest.identity,
        created_by=f"lpel-tf {version('lpel-tf')}",
    )
    colours = manifest.embedder.shape.colours
    inputs = [tensor.name for tensor in model.graph.input]
    outputs = [tensor.name for tensor in model.graph.output]
    finish(model, about.metadata(inputs, outputs, colours), parameters=PARAMETERS)
    return model.SerializeToString()
