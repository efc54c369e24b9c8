"""One file and a model repository of a bundle without a decoder."""

import pytest

from lpel_export.deployment.triton import write_triton_repository
from lpel_export.explainer import build_explainer, build_template_explainer
from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.support.errors import ParameterError
from support import one_file, tiny_surrogate
from support.folders import names_in
from support.one_file import by_engine, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("without")
    return tiny_surrogate.write_bundle(home / "bundle", decodes=False)


@pytest.mark.parametrize("method", ["surrogate", "responses"])
def test_every_output_is_that_of_the_engine(folder, method):
    explainer = Explainer.load(folder)
    references, tests = one_file.faces()
    found = run(build_explainer(load_bundle(folder), method), reference=references, test=tests)
    assert not [name for name in found if "reconstruction" in name]
    for i in range(len(tests)):
        expected = by_engine(explainer, references[i], tests[i], method)
        assert set(expected) == set(found)
        for name, value in expected.items():
            assert found[name][i].tobytes() == value.tobytes(), name


def test_templates_are_explained_and_not_inverted(folder):
    explainer = Explainer.load(folder)
    h = explainer.embed(tiny_surrogate.noise(4))
    found = run(
        build_template_explainer(load_bundle(folder)),
        reference_embedding=h[:2],
        test_embedding=h[2:],
    )
    assert "test_heat_map" in found
    assert not [name for name in found if "reconstruction" in name]


@pytest.mark.parametrize("method", ["lpel", "lpel-mended"])
def test_methods_that_need_a_decoder_are_refused(folder, method):
    with pytest.raises(ParameterError, match=f"has no decoder, which {method} needs"):
        build_explainer(load_bundle(folder), method)


def test_a_model_repository_has_neither_a_decoder_nor_the_pipeline(folder, tmp_path):
    bundle = load_bundle(folder)
    write_triton_repository(bundle, build_explainer(bundle), tmp_path / "models")
    assert names_in(tmp_path / "models") == ["embedder", "explainer", "responses"]
