"""What the service says of samples and methods, and what its figures say of their source."""

import base64
from dataclasses import replace
from importlib.metadata import version

import pytest

from lpel_serving import Explainer
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.methods.method import title_of
from lpel_serving.report.figures import pair_figure, png
from lpel_serving.report.figures.source import source_words
from lpel_serving.service.http.routes.about import about_document
from lpel_serving.service.http.schemas.answers import AboutAnswer
from lpel_serving.service.http.settings import Settings
from lpel_serving.service.samples import Sample, SampleFace
from support.clients import photograph

FILES = {"reference": photograph(0), "test": photograph(1)}


@pytest.mark.parametrize("truth", [True, False, None])
def test_about_says_whether_a_sample_shows_one_person(service, truth):
    face = SampleFace("Ada", FILES["test"])
    sample = Sample("Ada, twice", "none", face, face, truth)
    document = about_document(service.service, Settings(service.settings.bundle, samples=(sample,)))
    assert document["samples"][0]["same_person"] is truth
    assert AboutAnswer.model_validate(document).samples[0].same_person is truth


@pytest.mark.parametrize("path", ["/v1/methods", "/v1/about"])
def test_methods_have_plain_titles(service, path):
    listed = service.client.get(path).json()["methods"]
    assert {one["name"]: one["title"] for one in listed} == {
        one["name"]: title_of(find_method(one["name"]), one["name"]) for one in listed
    }
    assert all(one["title"] != one["name"] for one in listed)


def test_openapi_describes_titles_and_same_person(service):
    known = service.client.get("/openapi.json").json()["components"]["schemas"]
    assert "title" in known["MethodEntry"]["required"]
    assert "same_person" in known["SampleEntry"]["required"]


@pytest.mark.parametrize("method", ["responses", "centre"])
@pytest.mark.parametrize("crop", ["none", "0.5"])
def test_a_figure_names_method_crop_network_and_version_and_no_file(service, method, crop):
    engine = Explainer.load(service.settings.bundle, crop=crop)
    chosen = find_method(method)
    pair = engine.explain(*FILES.values(), method=chosen)
    for said in (method, f"Crop: {crop}.", engine.manifest.embedder.name, version("lpel-tf")):
        assert said in source_words(pair)
    expected = png(pair_figure(pair))
    assert expected != png(pair_figure(replace(pair, method=None)))
    files = {role: (f"my-{role}.png", data) for role, data in FILES.items()}
    asked = {"method": method, "crop": crop, "include": "figure"}
    for_image = service.client.post(
        "/v1/explain", files=files, data=asked, headers={"Accept": "image/png"}
    )
    assert for_image.content == expected
    for_json = service.client.post("/v1/explain", files=files, data=asked).json()
    assert base64.b64decode(for_json["figure"]) == expected


def test_words_of_an_answer_name_the_reference_first(service):
    words = service.client.post("/v1/explain", files=FILES).json()["words"]
    said = [one for one in words if one.startswith("In the ")]
    assert [one.split()[2] for one in said] == ["reference", "test"]
