"""Creates onnxruntime sessions and runs them; translates their errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.manifest import FILL, IMAGE
from lpel_serving.support.cores import cores
from lpel_serving.support.errors import BundleError, ParameterError, ProviderError, WithdrawnError
from lpel_serving.support.extras import require

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
"""Short names of onnxruntime's execution providers."""

_ERRORS_ONLY, _FATAL_ONLY = 3, 4
_TYPES = {IMAGE: "tensor(uint8)", FILL: "tensor(int64)"}

Shape = tuple[int | None, ...]


class Stop:
    """Cancels an inference from another thread."""

    def __init__(self) -> None:
        self.options: Any = require("onnxruntime", "cpu").RunOptions()
        self.options.log_severity_level = _FATAL_ONLY  # do not log the cancellation as an error

    def set(self) -> None:
        """Cancel it, between two operations of the model or before it starts."""
        self.options.terminate = True

    @property
    def is_set(self) -> bool:
        """Whether it was cancelled."""
        return bool(self.options.terminate)


@dataclass(frozen=True)
class Session:
    """One ONNX model, ready to run; safe to share among threads.

    Attributes
    ----------
    provider
        The execution provider that is actually active, by its short name.
    inputs, outputs
        Its tensors: the ones to feed, and the ones that may be fetched.
    raw
        The `onnxruntime.InferenceSession`.
    """

    provider: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    raw: Any

    def run(self, values: NDArray[Any], stop: Stop | None = None) -> NDArray[np.float32]:
        """Compute the first output, float32, shape (N, ...), of the one input, shape (N, ...).

        Raises
        ------
        BundleError
            If the model does not take such an input.
        WithdrawnError
            If it was stopped.
        """
        return self.run_all({self.inputs[0]: values}, self.outputs[:1], stop)[0]

    def declared(self, output: str) -> Shape | None:
        """The shape of an output, None for sizes that vary; None if there is no such output.

        Raises
        ------
        BundleError
            If it is not float32.
        """
        for tensor in self.raw.get_outputs():
            if tensor.name == output:
                _check_tensor(tensor, (None,) * len(tensor.shape))
                return tuple(size if isinstance(size, int) else None for size in tensor.shape)
        return None

    def run_all(
        self, values: Mapping[str, NDArray[Any]], wanted: Sequence[str], stop: Stop | None = None
    ) -> list[NDArray[np.float32]]:
        """Compute some outputs of named inputs; errors as `run`."""
        options = None if stop is None else stop.options
        try:
            return self.raw.run(list(wanted), dict(values), options)
        except runtime_errors(require("onnxruntime", "cpu")) as error:
            if stop is not None and stop.is_set:
                raise WithdrawnError("the inference was stopped.") from error
            given = ", ".join(
                f"{name} as {value.dtype} of shape {value.shape}" for name, value in values.items()
            )
            raise BundleError(
                f"the model to {' and '.join(wanted)} does not take {given}, as the manifest says "
                f"it does: {error}"
            ) from error


def open_session(
    model: bytes,
    *,
    input_name: str,
    output_name: str,
    input_shape: Shape | None = None,
    output_shape: Shape | None = None,
    provider: str = "cpu",
    threads: int | None = None,
) -> Session:
    """Open a session on a model with one input, for one of its outputs: see `open_model`."""
    inputs, outputs = {input_name: input_shape}, {output_name: output_shape}
    return open_model(model, inputs, outputs, provider=provider, threads=threads)


def open_model(
    model: bytes,
    inputs: Mapping[str, Shape | None],
    outputs: Mapping[str, Shape | None],
    *,
    provider: str = "cpu",
    threads: int | None = None,
) -> Session:
    """Open a session on the bytes of a model.

    Parameters
    ----------
    model
        A serialised ONNX model without external data.
    inputs, outputs
        All tensors to feed, and those that may be fetched, with the required shapes: None stands
        for any size, or any shape. A tensor whose shape is given has to be float32 (`image`: uint8,
        `fill`: int64), as in all bundles.
    provider
        One of `PROVIDERS`. It is used for the whole graph, or an error is raised.
    threads
        Threads within one operator, at most one for each core; onnxruntime's choice when None.

    Raises
    ------
    ProviderError
        If the provider is not available, or onnxruntime silently chose another.
    BundleError
        If the model is not valid, or lacks one of the tensors, or they are of other shapes or
        types.
    MissingExtraError
        If no onnxruntime is installed.
    """
    ort = require("onnxruntime", "cpu")
    _check_available(provider, ort)
    if threads is not None and threads < 1:
        raise ParameterError(f"at least 1 thread is needed; received {threads}.")
    session = _load(ort, model, provider, threads)
    active = session.get_providers()[0]
    if active != PROVIDERS[provider]:
        raise ProviderError(
            f"asked for {PROVIDERS[provider]}, but onnxruntime activated {active}: "
            f"check the drivers that {provider} needs, or ask for cpu."
        )
    _check_names(session, inputs, outputs)
    wanted = {**inputs, **outputs}
    for tensor in (*session.get_inputs(), *session.get_outputs()):
        _check_tensor(tensor, wanted.get(tensor.name))
    return Session(provider, tuple(inputs), tuple(outputs), session)


def check_opens(model: bytes) -> None:
    """Raise `BundleError` unless onnxruntime can load a model on the CPU."""
    _load(require("onnxruntime", "cpu"), model, "cpu", None)


def _load(ort: Any, model: bytes, provider: str, threads: int | None) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    if threads is not None:
        options.intra_op_num_threads = min(threads, cores())  # more would only wait
    if provider != "cpu":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        return ort.InferenceSession(model, options, providers=[PROVIDERS[provider]])
    except runtime_errors(ort) as error:
        kind = BundleError if provider == "cpu" else ProviderError
        raise kind(f"onnxruntime cannot load the model on {provider}: {error}") from error


def check_provider(provider: str) -> None:
    """Raise `ProviderError` unless the installed onnxruntime has a provider.

    Raises
    ------
    ParameterError
        If no provider has that name.
    """
    _check_available(provider, require("onnxruntime", "cpu"))


def _check_available(provider: str, ort: Any) -> None:
    if provider not in PROVIDERS:
        names = ", ".join(PROVIDERS)
        raise ParameterError(f"no provider is called {provider!r}; there are: {names}.")
    available = ort.get_available_providers()
    if PROVIDERS[provider] not in available:
        raise ProviderError(
            f"the provider {provider} is not in the installed onnxruntime, which has "
            f"{', '.join(available)}: install the build that has it (for cuda, 'lpel-tf[gpu]')."
        )


def _check_names(session: Any, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
    given = [tensor.name for tensor in session.get_inputs()]
    found = [tensor.name for tensor in session.get_outputs()]
    if set(given) != set(inputs) or not set(outputs) <= set(found):
        wanted, made = (" and ".join(map(repr, names)) for names in (inputs, outputs))
        raise BundleError(
            f"expected a model from {wanted} to {made}, "
            f"received one from {given} to {found}: export it again."
        )


def _check_tensor(tensor: Any, wanted: Shape | None) -> None:
    if wanted is None:
        return
    kind = _TYPES.get(tensor.name, "tensor(float)")
    if tensor.type != kind:
        raise BundleError(
            f"expected {tensor.name} as {kind}, received a model that has it as {tensor.type}: the "
            "bundle was put together wrongly; export it again."
        )
    shape = tensor.shape
    if len(shape) != len(wanted) or any(
        isinstance(size, int) and expected is not None and size != expected
        for size, expected in zip(shape, wanted, strict=True)
    ):
        raise BundleError(
            f"the manifest promises {tensor.name} of shape {wanted}, the model has {shape}: the "
            "bundle was put together wrongly; export it again."
        )


def runtime_errors(ort: Any) -> tuple[type[Exception], ...]:
    """List the exceptions of onnxruntime, which share no base class but Exception."""
    state = ort.capi.onnxruntime_pybind11_state
    members = (getattr(state, name) for name in dir(state))
    own = [kind for kind in members if isinstance(kind, type) and issubclass(kind, Exception)]
    return (RuntimeError, *own)
