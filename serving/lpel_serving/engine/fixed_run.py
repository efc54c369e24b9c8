"""Runs a model on batches of one size, with input and output bound to the device."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.session import Session, runtime_errors
from lpel_serving.support.errors import BundleError
from lpel_serving.support.extras import require

_ON_CUDA = ("cuda", "tensorrt")
"""Providers that read inputs from an NVIDIA GPU's memory."""


class FixedRun:
    """Runs a model on batches of one size, with its input and outputs bound to the device.

    Shorter batches are padded with zeros, so that the device sees one shape: memory is planned and
    kernels are compiled once. Not thread-safe.

    Parameters
    ----------
    session
        The model, with one input.
    shape, kind
        Of a whole batch of inputs.
    wanted
        The names of the outputs to compute; the session's first when None.
    """

    def __init__(
        self,
        session: Session,
        shape: tuple[int, ...],
        kind: Any,
        wanted: Sequence[str] | None = None,
    ) -> None:
        self._session = session
        self._ort = require("onnxruntime", "cpu")
        self._device = "cuda" if session.provider in _ON_CUDA else "cpu"
        self._batch = np.zeros(shape, kind)
        self._values = self._ort.OrtValue.ortvalue_from_numpy(self._batch, self._device, 0)
        self._binding = session.raw.io_binding()
        self._binding.bind_ortvalue_input(session.inputs[0], self._values)
        for output in wanted or session.outputs[:1]:
            self._binding.bind_output(output, self._device, 0)

    def __call__(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the first output of at most a batch of inputs; see `all`."""
        return self.all(values)[0]

    def all(self, values: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Compute the wanted outputs of at most a batch of inputs.

        Raises
        ------
        BundleError
            If the model does not take such an input.
        """
        self._batch[: len(values)] = values
        self._batch[len(values) :] = 0
        try:
            self._values.update_inplace(self._batch)
            self._session.raw.run_with_iobinding(self._binding)
            return [found[: len(values)] for found in self._binding.copy_outputs_to_cpu()]
        except runtime_errors(self._ort) as error:
            raise BundleError(
                f"the model from {self._session.inputs[0]} to {self._session.outputs[0]} does "
                f"not take {self._batch.dtype} of shape {self._batch.shape}: {error}"
            ) from error
