"""A model repository of the Triton Inference Server, from a bundle and its one-file explainer."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpel_export.deployment.unit_length import with_scaling
from lpel_export.support.errors import ModelShapeError
from lpel_serving.bundle.loading import Bundle
from lpel_serving.bundle.manifest import (
    EMBEDDING,
    IMAGE,
    LOCAL_FEATURES,
    RECONSTRUCTION,
    RESPONSE,
)
from lpel_serving.support.errors import OutputError, ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.files import write_folder

MAX_BATCH_SIZE = {"embedder": 32, "decoder": 32, "responses": 32, "explainer": 16, "pipeline": 32}
"""Most images, embeddings or pairs at once, by model: a pair is two images."""

MAX_QUEUE_DELAY_MICROSECONDS = 500
"""How long a request may wait for others to share its batch."""

PIPELINE = "pipeline"
"""The ensemble: an image in, its embedding and what the decoder makes of it out."""

_MARK = "# Written by `lpel export --triton`, which may replace this folder."
_MODEL_FILE, _CONFIG_FILE, _VERSION = "model.onnx", "config.pbtxt", "1"
_KEEP_FILE = "ensemble.txt"  # object stores have no empty folders, but a model needs a version
_KEEP = b"An ensemble has no model file. This one keeps its version folder.\n"
_TYPES = {1: "FP32", 2: "UINT8", 9: "BOOL", 10: "FP16"}  # by ONNX's numbers
_NETWORKS = {
    "embedder": (IMAGE, EMBEDDING),
    "decoder": (EMBEDDING, RECONSTRUCTION),
    "responses": (EMBEDDING, RESPONSE),
}
_BESIDES = {"embedder": (LOCAL_FEATURES,)}
"""Outputs that a model may have besides."""
_STEPS = ("embedder", "decoder")


@dataclass(frozen=True)
class _Tensor:
    """An input or an output: its dims are those of one item, without the batch axis."""

    kind: str
    name: str
    data_type: str
    dims: tuple[int, ...]


def write_triton_repository(bundle: Bundle, explainer: bytes, folder: Path) -> tuple[Path, ...]:
    """Write the models with their configurations into a new folder, and put it in place.

    The models are `embedder`, `decoder` and `responses` where the bundle has them, `explainer`, and
    with a decoder the ensemble `pipeline`. The embedder gives its local features, too, if it has
    any. Here `responses` scales embeddings itself: it takes what the embedder gives. The
    explainer's ``threshold`` and ``epsilon`` are not among its inputs here, so that their defaults
    hold: Triton's ONNX Runtime backend takes overridable initializers as optional inputs, but
    refuses them for models that batch.

    Parameters
    ----------
    bundle
        The networks.
    explainer
        What `lpel_export.explainer.build_explainer` made of the same bundle.
    folder
        Where the repository goes. A repository of ours that stands there is replaced; any other
        folder is left alone.

    Returns
    -------
    tuple of Path
        Every file, in order.

    Raises
    ------
    ParameterError
        If the explainer takes embeddings, or was made of another bundle.
    ModelShapeError
        If a model cannot be batched, or does not say the sizes of what it gives.
    OutputError
        If the folder holds something else than such a repository, or cannot be written.
    """
    folder = folder.resolve()
    check_replaceable(folder)
    contents = _contents(bundle, explainer)
    write_folder(folder, contents)
    return tuple(folder / name for name in contents)


def _contents(bundle: Bundle, explainer: bytes) -> dict[str, bytes]:
    """Every file by its path within the repository, in order."""
    identity = bundle.manifest.identity
    models = {"embedder": bundle.embedder, "explainer": explainer}
    if bundle.decoder is not None:
        models["decoder"] = bundle.decoder
    record = bundle.manifest.responses
    if bundle.responses is not None and record is not None:
        features = bundle.manifest.embedder.dimension
        models["responses"] = with_scaling(
            bundle.responses, features, record.side, bundle.manifest.comparison
        )
    configs: dict[str, Iterable[str]] = {}
    files: dict[str, bytes] = {}
    tensors: dict[str, list[_Tensor]] = {}
    for name, data in models.items():
        model = _parsed(name, data)
        if name == "explainer":
            _check_explainer(model, identity)
        tensors[name] = _tensors(name, model.graph)
        files[f"{name}/{_VERSION}/{_MODEL_FILE}"] = data
        configs[name] = _model_config(name, tensors[name])
    if bundle.decoder is not None:
        configs[PIPELINE] = _pipeline_config(tensors)
        files[f"{PIPELINE}/{_VERSION}/{_KEEP_FILE}"] = _KEEP
    origin = f'parameters {{ key: "bundle_sha256" value {{ string_value: "{identity}" }} }}'
    for name, lines in configs.items():
        files[f"{name}/{_CONFIG_FILE}"] = "\n".join([_MARK, *lines, origin, ""]).encode()
    return dict(sorted(files.items()))


def _parsed(name: str, model: bytes) -> Any:
    onnx = require("onnx", "export")
    try:
        return onnx.load_from_string(model)
    except require("google.protobuf.message", "export").DecodeError as error:
        raise ModelShapeError(f"the {name} is not an ONNX model: it cannot be parsed.") from error


def _given(graph: Any) -> list[Any]:
    """The inputs that must be fed: those with a default are initializers, too."""
    defaults = {tensor.name for tensor in graph.initializer}
    return [entry for entry in graph.input if entry.name not in defaults]


def _check_explainer(model: Any, identity: str) -> None:
    given = sorted(entry.name for entry in _given(model.graph))
    if given != ["reference", "test"]:
        raise ParameterError(
            f"expected an explainer that takes reference and test, received one that takes "
            f"{' and '.join(given) or 'nothing'}: one of embeddings turns them back into pictures, "
            "and is not put on a server from here. Use build_explainer."
        )
    origin = {entry.key: entry.value for entry in model.metadata_props}.get("bundle_sha256")
    if origin != identity:
        raise ParameterError(
            f"expected the explainer of this bundle, {identity}, received one of "
            f"{origin or 'no bundle'}: build it from this bundle."
        )


def _tensors(model: str, graph: Any) -> list[_Tensor]:
    """A model's inputs and outputs in the terms of Triton's configuration."""
    tensors = [_tensor(model, "input", entry) for entry in _given(graph)]
    tensors += [_tensor(model, "output", entry) for entry in graph.output]
    names = tuple(tensor.name for tensor in tensors if tensor.name not in _BESIDES.get(model, ()))
    if model in _NETWORKS and names != _NETWORKS[model]:
        raise ModelShapeError(
            f"expected the {model} to be a model from {' to '.join(_NETWORKS[model])}, received "
            f"one with the tensors {', '.join(names)}: export it again."
        )
    return tensors


def _tensor(model: str, kind: str, entry: Any) -> _Tensor:
    tensor = entry.type.tensor_type
    shape = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
    # Triton checks outputs exactly against the configuration, inputs loosely.
    wrong = shape[:1] != [-1] or (kind == "output" and -1 in shape[1:])
    if wrong or tensor.elem_type not in _TYPES:
        raise ModelShapeError(
            f"expected the {kind} {entry.name} of the {model} to be {' or '.join(_TYPES.values())} "
            f"with a free batch axis (-1) and then fixed sizes, received ONNX's type "
            f"{tensor.elem_type} of shape {shape}: export the network again so."
        )
    return _Tensor(kind, entry.name, _TYPES[tensor.elem_type], tuple(shape[1:]))


def _model_config(name: str, tensors: Sequence[_Tensor]) -> Iterable[str]:
    most = MAX_BATCH_SIZE[name]
    yield from _head(name, "onnxruntime_onnx", tensors)
    yield 'backend: "onnxruntime"'
    yield "dynamic_batching {"
    yield f"  preferred_batch_size: [ {most // 4}, {most // 2}, {most} ]"
    yield f"  max_queue_delay_microseconds: {MAX_QUEUE_DELAY_MICROSECONDS}"
    yield "}"


def _pipeline_config(tensors: Mapping[str, Sequence[_Tensor]]) -> Iterable[str]:
    first, second = (tensors[name] for name in _STEPS)  # all of the first, what the second gives
    inner = (tensor for tensor in first if tensor.name in _NETWORKS[_STEPS[0]])
    outer = [*inner, *(tensor for tensor in second if tensor.kind == "output")]
    yield from _head(PIPELINE, "ensemble", outer)
    yield "ensemble_scheduling {"
    for name in _STEPS:
        given, wanted = _NETWORKS[name]
        yield "  step {"
        yield f'    model_name: "{name}" model_version: -1'
        yield f'    input_map {{ key: "{given}" value: "{given}" }}'
        yield f'    output_map {{ key: "{wanted}" value: "{wanted}" }}'
        yield "  }"
    yield "}"


def _head(name: str, platform: str, tensors: Iterable[_Tensor]) -> Iterable[str]:
    yield f'name: "{name}"'
    yield f'platform: "{platform}"'
    yield f"max_batch_size: {MAX_BATCH_SIZE[name]}"
    yield "version_policy { latest { num_versions: 1 } }"
    for tensor in tensors:
        yield f"{tensor.kind} {{"
        yield f"  name: {json.dumps(tensor.name)}"
        yield f"  data_type: TYPE_{tensor.data_type}"
        yield f"  dims: [ {', '.join(map(str, tensor.dims or (1,)))} ]"
        if not tensor.dims:  # no tensor may be without dims: (batch,) is served as (batch, 1)
            yield "  reshape { shape: [ ] }"
        yield "}"


def check_replaceable(folder: Path) -> None:
    """Raise `OutputError` if something else would be lost than an old repository of ours."""
    if folder.is_dir():
        strange = next((path.name for path in folder.iterdir() if not _is_ours(path)), None)
        if strange is not None:
            raise OutputError(
                "expected an empty folder or one that `lpel export --triton` wrote, received "
                f"{folder}, which holds {strange}: choose another folder."
            )
    elif folder.exists():
        raise OutputError(f"{folder} is a file: choose another name for the repository.")


def _is_ours(model: Path) -> bool:
    config, versions = model / _CONFIG_FILE, model / _VERSION
    return (
        model.name in MAX_BATCH_SIZE
        and config.is_file()
        and config.read_bytes().startswith(_MARK.encode())
        and {path.name for path in model.iterdir()} <= {_CONFIG_FILE, _VERSION}
        and {path.name for path in versions.glob("*")} <= {_MODEL_FILE, _KEEP_FILE}
    )
