"""Runs a one-file explainer, and says what the engine says under the same names."""

import numpy as np
import onnxruntime

from lpel_serving import find_method
from lpel_serving.equations.relevance import relevance


def faces():
    """References and tests: a likeness, one photograph twice, noise, and specks far apart."""
    rng = np.random.default_rng(5)
    references = rng.integers(0, 256, (6, 16, 16, 3), np.uint8)
    tests = rng.integers(0, 256, (6, 16, 16, 3), np.uint8)
    tests[0] = np.clip(references[0].astype(int) + rng.integers(-9, 9, (16, 16, 3)), 0, 255)
    tests[1] = references[1]
    for batch in (references, tests):
        batch[3:] *= rng.random((3, 16, 16, 3)) < 0.02
    return references, tests


def run(model: bytes, **inputs) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options)
    names = [tensor.name for tensor in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def by_engine(explainer, reference, test, method, epsilon=0.7) -> dict[str, np.ndarray]:
    """What the engine says of a pair, under the names of the file's outputs."""
    pair = explainer.explain(reference, test, method=find_method(method), epsilon=epsilon)
    found = {
        "similarity": np.float32(pair.similarity),
        "similar": np.bool_(pair.similar),
        "relevance": relevance(pair.reference_embedding, pair.test_embedding, pair.similar),
        "reference_embedding": pair.reference_embedding,
        "test_embedding": pair.test_embedding,
    }
    for role, one in (("test", pair.forward), ("reference", pair.swapped)):
        found[f"{role}_heat_map"] = one.heat_map
        found[f"{role}_mask"] = one.mask
        if one.reconstruction is not None:
            found[f"{role}_reconstruction"] = one.reconstruction
    return found
