"""The one-file explainer: the same bytes as the engine, from plain onnxruntime and numpy."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

from lpel_export.explainer import METHODS, build_explainer, build_template_explainer
from lpel_export.explainer.contract import INPUTS, OUTPUTS
from lpel_export.support.errors import ModelShapeError
from lpel_serving import Explainer, find_method
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import ThresholdRecord
from lpel_serving.images.resizing import resize
from lpel_serving.methods.catalogue.registry import describe_method
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.image_shape import square
from support import one_file, tiny, tiny_surrogate
from support.one_file import by_engine, run

EXACT = ("surrogate", "responses", "lpel")
OF_TEMPLATES = METHODS[1:]
ROLES = ("reference", "test")


@pytest.fixture(scope="module")
def bundle(simulating_bundle):
    return load_bundle(simulating_bundle)


@pytest.fixture(scope="module")
def files(bundle):
    return {method: build_explainer(bundle, method) for method in METHODS}


@pytest.fixture(scope="module")
def faces():
    return one_file.faces()


def about(model: bytes) -> dict[str, str]:
    return {one.key: one.value for one in onnx.load_from_string(model).metadata_props}


def with_threshold(folder, value):
    threshold = ThresholdRecord(value, {"how": "made up for the tests"})
    return Explainer.load(tiny_surrogate.write_bundle(folder, threshold=threshold))


@pytest.mark.parametrize("batch", [1, 2, 6])
@pytest.mark.parametrize("method", EXACT)
def test_every_output_has_the_bytes_of_the_engine(
    files, simulating_explainer, faces, method, batch
):
    references, tests = faces
    seen = set()
    for start in range(0, 6, batch):
        chosen = slice(start, start + batch)
        found = run(files[method], reference=references[chosen], test=tests[chosen])
        for i in range(batch):
            place = start + i
            wanted = by_engine(simulating_explainer, references[place], tests[place], method)
            assert set(found) == set(wanted)
            seen.add(bool(wanted["similar"]))
            for name, value in wanted.items():
                assert found[name][i].shape == np.shape(value), name
                assert found[name][i].dtype == value.dtype, name
                assert found[name][i].tobytes() == value.tobytes(), name
    assert seen == {True, False}


def test_the_mended_method_which_numpy_computes_in_float64_agrees_to_a_rounding(
    files, simulating_explainer, faces
):
    references, tests = faces
    found = run(files["lpel-mended"], reference=references, test=tests)
    for i in range(6):
        wanted = by_engine(simulating_explainer, references[i], tests[i], "lpel-mended")
        for name, value in wanted.items():
            np.testing.assert_allclose(
                found[name][i], value, atol=0 if "heat_map" not in name else 2e-7, err_msg=name
            )


@pytest.mark.parametrize("method", EXACT)
def test_threshold_and_epsilon_may_be_fed(files, faces, tmp_path, method):
    references, tests = faces
    for value, epsilon in ((-1.0, 0.25), (1.0, 0.0)):
        explainer = with_threshold(tmp_path / f"{value}", value)
        found = run(
            files[method],
            reference=references,
            test=tests,
            threshold=np.array([value], np.float32),
            epsilon=np.array([epsilon], np.float32),
        )
        assert found["similar"].all() == (value < 0)
        for i in range(6):
            wanted = by_engine(explainer, references[i], tests[i], method, epsilon)
            for name, array in wanted.items():
                assert found[name][i].tobytes() == array.tobytes(), name


def test_a_file_without_defaults_must_be_told_them(bundle, files, faces):
    references, tests = faces
    model = build_explainer(bundle, "responses", defaults=False)
    fed = {"threshold": np.array([tiny.THRESHOLD], np.float32), "epsilon": np.float32([0.7])}
    wanted = run(files["responses"], reference=references, test=tests)
    for name, values in run(model, reference=references, test=tests, **fed).items():
        assert values.tobytes() == wanted[name].tobytes(), name
    with pytest.raises(Exception, match="threshold"):
        run(model, reference=references, test=tests)


@pytest.mark.parametrize("method", OF_TEMPLATES)
def test_templates_alone_explain_as_their_photographs_do(bundle, files, faces, method):
    references, tests = faces
    of_images = run(files[method], reference=references, test=tests)
    embeddings = {f"{role}_embedding": of_images[f"{role}_embedding"] for role in ROLES}
    of_templates = run(build_template_explainer(bundle, method), **embeddings)
    assert set(of_templates) == set(of_images) - set(embeddings)
    for name, values in of_templates.items():
        assert values.tobytes() == of_images[name].tobytes(), name


@pytest.mark.parametrize("sides", [(16, 16), (16, 40), (9, 23), (50, 7), (33, 160)])
def test_square_crops_of_any_size_are_resized_as_the_engine_does(bundle, files, sides):
    model = build_explainer(bundle, "responses", any_size=True)
    rng = np.random.default_rng(3)
    # Smooth pictures, as faces are; noise would be all of clipping and rounding.
    given = [
        np.stack(
            [resize(rng.integers(0, 256, (6, 6, 3), np.uint8), square(side)) for _ in range(2)]
        )
        for side in sides
    ]
    crops = [np.stack([resize(one, square(16)) for one in batch]) for batch in given]
    found = run(model, reference=given[0], test=given[1])
    wanted = run(files["responses"], reference=crops[0], test=crops[1])
    for name in ("reference_embedding", "test_embedding"):
        if sides == (16, 16):
            assert found[name].tobytes() == wanted[name].tobytes()
        # The embedder is linear: a grey level in every pixel would move it by so much.
        bound = np.abs(tiny.embedder_kernel()).sum(axis=0).max() / 255
        assert np.abs(found[name] - wanted[name]).max() < bound


def test_a_rectangle_is_refused_and_not_squeezed(bundle, faces):
    model = build_explainer(bundle, any_size=True)
    references, tests = faces
    with pytest.raises(Exception, match="dimension mismatch"):
        run(model, reference=references[:, :, :9], test=tests)


@pytest.mark.parametrize("lengths", [(1, 3), (3, 1), (2, 3), (0, 2)])
def test_batches_of_two_lengths_are_refused(bundle, files, faces, lengths):
    """One reference and three tests, halved together, would make two pairs of the wrong images."""
    references, tests = (batch[:length] for batch, length in zip(faces, lengths, strict=True))
    for model in (*files.values(), build_explainer(bundle, any_size=True)):
        with pytest.raises(Exception, match="Non-zero status code"):
            run(model, reference=references, test=tests)
    embeddings = {
        f"{role}_embedding": np.ones((length, tiny.DIMENSION), np.float32)
        for role, length in zip(ROLES, lengths, strict=True)
    }
    with pytest.raises(Exception, match="Non-zero status code"):
        run(build_template_explainer(bundle), **embeddings)


def test_one_of_another_size_is_refused_by_the_file_of_crops(files, faces):
    references, tests = faces
    with pytest.raises(Exception, match="invalid dimensions"):
        run(files["lpel"], reference=references[:, :8, :8], test=tests)


@pytest.mark.parametrize("method", METHODS)
def test_the_one_file_explainer_is_plain_onnx(files, bundle, method):
    model = onnx.load_from_string(files[method])
    onnx.checker.check_model(model, full_check=True)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    assert not model.functions
    assert {node.domain for node in model.graph.node} <= {""}
    assert not any(node.op_type in {"If", "Loop", "Scan"} for node in model.graph.node)
    floats = {onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16}
    assert not any(tensor.data_type in floats for tensor in model.graph.initializer)
    defaults = {tensor.name: tensor for tensor in model.graph.initializer}
    assert onnx.numpy_helper.to_array(defaults["threshold"]) == np.float32(tiny.THRESHOLD)
    assert onnx.numpy_helper.to_array(defaults["epsilon"]) == np.float32(0.7)


@pytest.mark.parametrize("method", METHODS)
def test_the_file_says_what_it_is(files, bundle, method):
    model = onnx.load_from_string(files[method])
    said = about(files[method])
    assert said["lpel"] == "explainer"
    assert said["method"] == method
    assert said["caveat"] == describe_method(method, embedder="tiny").caveat
    assert said.get("fill") == ("mean" if method == "surrogate" else None)
    assert said["embedder"] == "tiny"
    assert said["crop"] == "none"
    assert said["bundle_sha256"] == bundle.manifest.identity
    names = [tensor.name for tensor in (*model.graph.input, *model.graph.output)]
    assert list(json.loads(said["tensors"])) == names
    assert set(names) <= {*INPUTS, *OUTPUTS}


def test_the_same_bundle_gives_the_same_file(bundle, files):
    assert build_explainer(bundle, "responses") == files["responses"]


def test_the_bundles_best_method_is_the_default(bundle, files, responding_bundle, tiny_bundle):
    assert build_explainer(bundle) == files["surrogate"]
    for folder, method in ((responding_bundle, "responses"), (tiny_bundle, "lpel")):
        assert about(build_explainer(load_bundle(folder)))["method"] == method
    assert about(build_template_explainer(bundle))["method"] == "responses"


@pytest.mark.parametrize("method", ["coalitions", "surrogate-order", "random", "", "LPEL"])
def test_methods_that_need_more_are_refused(bundle, method):
    with pytest.raises(ParameterError, match=r"lpel-mended, which .* answer before"):
        build_explainer(bundle, method or "nothing")


def test_a_surrogate_sees_photographs_and_no_templates(bundle):
    with pytest.raises(ParameterError, match=r"no surrogate can see, explains by responses, lpel"):
        build_template_explainer(bundle, "surrogate")


@pytest.mark.parametrize(
    ("method", "lacking"), [("responses", "response decoder"), ("surrogate", "surrogate")]
)
def test_a_method_needs_its_network(tiny_bundle, method, lacking):
    with pytest.raises(ParameterError, match=f"this bundle has no {lacking}: train one"):
        build_explainer(load_bundle(tiny_bundle), method)


@pytest.mark.parametrize("fill", ["normal", "blur"])
def test_another_fill_is_simulated_where_it_is_asked_for(
    bundle, files, simulating_explainer, faces, fill
):
    references, tests = faces
    model = build_explainer(bundle, fill=fill)
    found = run(model, reference=references, test=tests)
    assert about(model)["fill"] == fill
    assert fill in json.loads(about(model)["tensors"])["test_heat_map"]
    for i, (reference, test) in enumerate(zip(references, tests, strict=True)):
        method = find_method("surrogate", fill=fill)
        pair = simulating_explainer.explain(reference, test, method=method)
        assert found["test_heat_map"][i].tobytes() == pair.forward.heat_map.tobytes()
        assert found["reference_heat_map"][i].tobytes() == pair.swapped.heat_map.tobytes()


@pytest.mark.parametrize(
    ("method", "fill", "said"),
    [
        (None, "transplant", "with the fills normal, mean, blur; received 'transplant'"),
        (None, "black", "received 'black'"),
        ("responses", "mean", "responses simulates nothing"),
    ],
)
def test_a_fill_that_does_not_suit_is_refused(bundle, method, fill, said):
    with pytest.raises(ParameterError, match=said):
        build_explainer(bundle, method, fill=fill)


def test_a_pair_is_embedded_once_with_its_local_features(files):
    """Embeddings and local features come of one pass over both batches."""
    nodes = onnx.load_from_string(files["surrogate"]).graph.node
    assert [node.op_type for node in nodes].count("AveragePool") == 1


@pytest.mark.parametrize("domain", ["com.microsoft", "custom"])
def test_networks_of_other_operators_are_refused(bundle, domain):
    model = tiny.embedder_model()
    model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    model.graph.node[0].domain = domain
    with pytest.raises(ModelShapeError, match=domain):
        build_explainer(replace(bundle, embedder=model.SerializeToString()))


def test_networks_of_another_opset_are_refused(bundle):
    model = tiny.decoder_model()
    model.opset_import[0].version = 18
    with pytest.raises(ModelShapeError, match="Decode has opset 18"):
        build_explainer(replace(bundle, decoder=model.SerializeToString()))


def test_local_features_stay_out_of_the_file(responding_bundle, files, faces):
    """Its methods but one do not need them, and embeddings are the same bytes without them."""
    reference, test = faces
    model = files["responses"]
    assert not any("local" in n or "planes" in n for n in onnx_names(model))
    found = run(model, reference=reference, test=test)
    without = build_explainer(load_bundle(responding_bundle), "responses")
    expected = run(without, reference=reference, test=test)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].tobytes() == values.tobytes()


def onnx_names(model: bytes) -> set[str]:
    graph = onnx.load_from_string(model).graph
    return {name for node in graph.node for name in (*node.input, *node.output)}
