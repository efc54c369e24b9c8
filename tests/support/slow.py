"""Embedders that take their time: one that really computes for long, and one that is held."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from lpel_serving.engine.explainer import Explainer
from lpel_serving.support.cores import inference_threads
from support import tiny

_WIDTH = tiny.IMAGE_SIZE * tiny.IMAGE_SIZE * 3


def embedder(rounds: int, in_vain: int = 0) -> bytes:
    """The tiny embedder behind a loop of matrix products, the more rounds the slower.

    Those in vain take as long each, and change nothing of what comes out.
    """
    model = tiny.embedder_model()
    graph = model.graph
    constants = {
        "rounds": np.array(rounds, np.int64),
        "in_vain": np.array(in_vain, np.int64),
        "on": np.array(True),
        "mixing": _mixing(),
        "nothing": np.zeros(1, np.float32),
    }
    graph.initializer.extend(numpy_helper.from_array(one, name) for name, one in constants.items())
    nodes = [
        helper.make_node("Loop", ["rounds", "on", "flat"], ["mixed"], body=_round()),
        helper.make_node("Loop", ["in_vain", "on", "mixed"], ["spent"], body=_round()),
        helper.make_node("Mul", ["spent", "nothing"], ["zeros"]),
        helper.make_node("Add", ["mixed", "zeros"], ["mixed_in_time"]),
    ]
    for node in nodes:
        graph.node.insert(len(graph.node) - 1, node)
    graph.node[-1].input[0] = "mixed_in_time"
    onnx.checker.check_model(model)
    return model.SerializeToString()


def lasting(milliseconds: float, rounds: int = 200) -> bytes:
    """An embedder that takes about so long for an image on this machine, be it fast or slow.

    What it embeds is the same on all of them.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = inference_threads()
    session = onnxruntime.InferenceSession(embedder(rounds), options)
    [given] = session.get_inputs()
    images = np.zeros((4, tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3), np.uint8)
    seconds: list[float] = []
    for _ in range(6):
        begun = time.thread_time()  # which stands still while other programs have the core
        session.run(None, {given.name: images})
        seconds.append(time.thread_time() - begun)
    needed = milliseconds / 1000 * len(images) / min(seconds) * rounds
    return embedder(rounds, max(0, math.ceil(needed) - rounds))


def _mixing() -> np.ndarray:
    """A matrix that leaves the size of what is multiplied by it about as it is."""
    matrix = np.random.default_rng(4).normal(size=(_WIDTH, _WIDTH))
    return (matrix / np.sqrt(_WIDTH)).astype(np.float32)


def _round() -> onnx.GraphProto:
    shape = ["batch", _WIDTH]
    nodes = [
        helper.make_node("Identity", ["go_on"], ["and_on"]),
        helper.make_node("MatMul", ["given", "mixing"], ["product"]),
        helper.make_node("Tanh", ["product"], ["taken"]),
    ]
    given = [
        helper.make_tensor_value_info("number", TensorProto.INT64, []),
        helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("given", TensorProto.FLOAT, shape),
    ]
    made = [
        helper.make_tensor_value_info("and_on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("taken", TensorProto.FLOAT, shape),
    ]
    return helper.make_graph(nodes, "round", given, made)


@dataclass(eq=False)
class Hold:
    """The embedder of an explainer, which waits with every batch until it is let go.

    Attributes
    ----------
    batches
        Lengths of the batches that have come so far.
    """

    batches: list[int] = field(default_factory=list)
    _let_go: float = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def let_go(self, batches: float = math.inf) -> None:
        """Let the first so many batches go."""
        with self._changed:
            self._let_go = batches
            self._changed.notify_all()

    def wait_for(self, batches: int) -> None:
        """Wait until so many batches have come."""
        until(lambda: len(self.batches) >= batches)

    def keep(self, length: int) -> None:
        """Keep a batch until it is let go."""
        with self._changed:
            self.batches.append(length)
            number = len(self.batches)
            self._changed.wait_for(lambda: number <= self._let_go)


@contextmanager
def held(explainer: Explainer) -> Iterator[Hold]:
    """Hold an embedder while the context is open; the inference itself is the real one."""
    hold = Hold()
    embed = explainer.embedder.embed

    def embed_later(crops, *rest):
        hold.keep(len(crops))
        return embed(crops, *rest)

    explainer.embedder.embed = embed_later
    try:
        yield hold
    finally:
        hold.let_go()
        del explainer.embedder.embed


def until(holds, seconds: float = 60) -> float:
    """Wait until something holds; return how long it took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < seconds, f"it did not within {seconds} seconds"
        time.sleep(0.002)
    return time.monotonic() - begun
