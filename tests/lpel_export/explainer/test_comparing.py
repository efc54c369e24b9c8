"""The one file of a network that compares by distance or by a head: the engine's numbers."""

import numpy as np
import pytest

from lpel_export.deployment.unit_length import with_scaling
from lpel_export.explainer import build_explainer
from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.engine.session import open_session
from lpel_serving.support.errors import ParameterError
from support import compared, one_file
from support.one_file import by_engine, run

METHODS = ("surrogate", "responses", "lpel")


@pytest.fixture(scope="module", params=["euclidean", "head"])
def folder(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("compared")
    return compared.write_bundle(home / request.param, request.param)


@pytest.mark.parametrize("method", METHODS)
def test_every_output_is_that_of_the_engine(folder, method):
    bundle, explainer = load_bundle(folder), Explainer.load(folder)
    references, tests = one_file.faces()
    found = run(build_explainer(bundle, method), reference=references, test=tests)
    exact = bundle.manifest.comparison.kind == "euclidean"
    for i in range(len(tests)):
        for name, value in by_engine(explainer, references[i], tests[i], method).items():
            if exact or value.dtype == np.bool_:
                assert found[name][i].tobytes() == value.tobytes(), name
            else:  # a head's products of several rows may be rounded otherwise
                np.testing.assert_allclose(found[name][i], value, atol=1e-5, err_msg=name)
    assert set(found["similar"]) == {True, False}


def test_a_file_that_divides_a_cosine_is_refused(folder):
    with pytest.raises(ParameterError, match="compares by"):
        build_explainer(load_bundle(folder), "lpel-mended")


def test_a_response_decoder_that_runs_alone_scales_as_the_engine_does(folder):
    bundle, explainer = load_bundle(folder), Explainer.load(folder)
    manifest = bundle.manifest
    dimension, side = manifest.embedder.dimension, manifest.responses.side
    model = with_scaling(bundle.responses, dimension, side, manifest.comparison)
    session = open_session(model, input_name="embedding", output_name="response")
    h = np.random.default_rng(0).normal(size=(5, dimension)).astype(np.float32) * 9
    received = session.run(h).reshape(5, side * side, dimension)
    # onnxruntime joins the division with the product behind it.
    np.testing.assert_allclose(received, explainer.respond(h), atol=1e-6)
