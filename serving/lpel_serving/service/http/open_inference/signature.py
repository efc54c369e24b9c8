"""The signature of a model: its inputs and outputs, and the validation of tensors against it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.open_inference.tensors import Shape

BATCH = -1
"""The protocol's number for an axis of any length; here the first one, of the batch."""


@dataclass(frozen=True)
class Tensor:
    """An input or an output.

    Attributes
    ----------
    name
        Its name.
    datatype
        One of `lpel_serving.service.http.open_inference.tensors.DATATYPES`.
    shape
        `BATCH` stands for the length of the batch.
    optional
        Whether it may be left out of a request.
    """

    name: str
    datatype: str
    shape: Shape
    optional: bool = False

    def check(self, datatype: str, shape: Shape) -> None:
        """Raise `Problem` unless a tensor of this type and shape is valid."""
        if datatype != self.datatype:
            raise Problem(400, f"expected {self.datatype}, received {datatype[:40]!a}.")
        fits = len(shape) == len(self.shape) and all(
            wanted in (BATCH, size) for wanted, size in zip(self.shape, shape, strict=True)
        )
        if not fits:
            raise Problem(
                400,
                f"expected the shape {list(self.shape)}, where {BATCH} is the batch, received "
                f"{list(shape)[:8]}.",
            )


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a model.

    Attributes
    ----------
    inputs, outputs
        In the order of the model's own file.
    max_batch
        How long a batch may be.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    max_batch: int

    def find_input(self, name: str) -> Tensor:
        """Return the input of a name; raise `Problem` if there is none."""
        return _find(name, self.inputs, "input")

    def find_output(self, name: str) -> Tensor:
        """Return the output of a name; raise `Problem` if there is none."""
        return _find(name, self.outputs, "output")

    def check_complete(self, names: Collection[str]) -> None:
        """Raise `Problem` if a required input is missing."""
        for tensor in self.inputs:
            if not tensor.optional and tensor.name not in names:
                raise Problem(400, f"the input {tensor.name} is missing.")

    def check_batch(self, lengths: Iterable[int]) -> None:
        """Raise `Problem` unless all batches have one length, within the limit."""
        different = sorted(set(lengths))
        if len(different) > 1:
            raise Problem(400, f"expected batches of one length, received {different[:8]}.")
        if not 1 <= different[0] <= self.max_batch:
            remedy = "send at least one" if different[0] < 1 else "divide it"
            raise Problem(
                400,
                f"expected a batch of 1 to {self.max_batch}, received {different[0]}: {remedy}.",
            )


def _find(name: str, tensors: Iterable[Tensor], what: str) -> Tensor:
    for tensor in tensors:
        if tensor.name == name:
            return tensor
    names = ", ".join(tensor.name for tensor in tensors)
    raise Problem(400, f"no {what} is called {name[:40]!a}; there are: {names}.")
