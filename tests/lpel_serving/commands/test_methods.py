"""`lpel methods`, and a method outside the package: one file and one entry point suffice."""

import base64
import json

import httpx
import pytest
from typer.testing import CliRunner

from lpel_serving import Explainer
from lpel_serving.batch.claiming import read_about
from lpel_serving.batch.store.folder import Places
from lpel_serving.commands.main import build_app
from lpel_serving.methods import find_method, methods
from lpel_serving.report.document import document as pair_document
from lpel_serving.service.http.schemas import answers as schemas
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.errors import ParameterError
from support import theirs
from support.batch import read_results, write_csv, write_pictures
from support.images import write_people
from support.service import started

SHADE = ["--method", "shade", "--set", "depth=4"]


@pytest.fixture(scope="module", autouse=True)
def shade(tmp_path_factory):
    """Install the method of the other package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(theirs.install(tmp_path_factory.mktemp("theirs")))
        yield


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"), 4)


@pytest.fixture(scope="module")
def client(responding_bundle):
    with (
        started(Settings(responding_bundle)) as one,
        httpx.Client(base_url=f"http://127.0.0.1:{one.port}", timeout=60) as polite,
    ):
        yield polite


def lpel(*arguments):
    """Run `lpel` in this process: what it prints."""
    done = CliRunner().invoke(build_app(), [str(one) for one in arguments])
    if isinstance(done.exception, ParameterError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def listed(*arguments):
    document = json.loads(lpel("methods", "--json", *arguments))
    return document, {one["name"]: one for one in document["methods"]}


def test_all_methods_are_listed_and_controls_apart():
    text = lpel("methods")
    names = [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
    assert sorted(names[1:]) == methods()
    assert text.index("Controls, ") < text.index("\n  centre")
    needs = "images".ljust(len("images, surrogate or responses"))
    assert f"What is darker                        {needs}  both      depth, soft" in text
    default = (
        "surrogate-order if the bundle has a surrogate, responses if it has a response decoder"
    )
    assert f"The default is {default}, else lpel." in text


def test_one_is_shown_with_all_that_it_says_of_itself():
    text = " ".join(lpel("methods", "shade").split())
    assert text.startswith("shade: What is darker Marks what is darker than the other picture.")
    for said in (
        "Needs the photographs",
        "Explains similar and dissimilar pairs",
        "Paper On shade, 2026",
        "Caveat Shade is no reason.",
        "depth=2: a whole number from 1 to 9 How often it is measured.",
        "soft=no: yes or no",
    ):
        assert said in text


@pytest.mark.parametrize("name", ["centre", "emsnn", "xface", "lpel-mended"])
def test_ours_are_shown_too(name):
    assert lpel("methods", name).startswith(f"{name}: {find_method(name).title}\n")


def test_a_bundle_adds_what_it_makes_of_each(tiny_bundle, responding_bundle):
    document, found = listed("--bundle", responding_bundle)
    assert document["default"] == "responses"
    assert found["shade"]["images"] == {"similar": 4, "dissimilar": 4}
    assert found["coalitions"]["embeddings"] == max(found["coalitions"]["images"].values()) > 0
    assert listed("--bundle", tiny_bundle)[0]["default"] == "lpel"
    text = lpel("methods", "--bundle", tiny_bundle)
    assert "Not with this bundle:\n  hybrid: this bundle has no response decoder" in text
    assert "4 embeddings for a pair, both ways" in lpel("methods", "shade", "-b", tiny_bundle)


def test_an_unknown_name_is_refused():
    with pytest.raises(ParameterError, match=r"no method is called 'nope'; there are: .*shade"):
        lpel("methods", "nope")


def test_theirs_explains_a_pair_with_a_parameter(tiny_bundle, pictures):
    document = json.loads(lpel("explain", *pictures[:2], "--bundle", tiny_bundle, *SHADE, "--json"))
    explainer = Explainer.load(tiny_bundle)
    expected = explainer.explain(*pictures[:2], method=find_method("shade", depth=4))
    of_the_command = ("method", "bundle")  # which has its own of these names
    for name, value in pair_document(expected).items():
        assert name in of_the_command or document[name] == value
    assert document["parameters"] == {"depth": 4, "seed": 0, "epsilon": 0.7, "crop": "none"}


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--method", "shade", "--set", "depth=0"], "depth takes a whole number from 1 to 9"),
     (["--method", "shade", "--set", "width=1"], "no parameter 'width': it has depth, soft"),
     (["--method", "lpel", "--p", "1", "--set", "p=1"], "p is given twice"),
     (["--set", "depth=1"], "the method lpel has no parameter 'depth': it has p")],
)  # fmt: skip
def test_what_cannot_be_set_is_refused_in_one_sentence(tiny_bundle, pictures, options, words):
    with pytest.raises(ParameterError, match=words):
        lpel("explain", *pictures[:2], "--bundle", tiny_bundle, *options)


def test_assess_takes_parameters_for_all_methods_that_it_is_given(tiny_bundle, tmp_path):
    people = write_people(tmp_path, people=6, each=5)
    assess = ("assess", "--bundle", tiny_bundle, "--faces", people, "--n", 2, "--json")
    options = ("--curve", "similar", "--superpixel", 2, "--draws", 1)
    said = json.loads(lpel(*assess, *options, *SHADE))
    assert said["parameters"] == {"shade": {"depth": 4, "soft": False}}
    with pytest.raises(ParameterError, match="the method centre has no parameter 'depth'"):
        lpel(*assess, *SHADE, "--method", "centre")


def test_p_is_short_for_the_parameter(tiny_bundle, pictures):
    explain = ("explain", *pictures[:2], "--bundle", tiny_bundle, "--json")
    assert lpel(*explain, "--p", "0.5") == lpel(*explain, "--set", "p=0.5")
    by_another = (*explain, "--method", "constant-relevance")
    assert lpel(*by_another, "--p", "2") == lpel(*by_another, "--set", "p=2")


def test_theirs_is_run_by_batch(tiny_bundle, pictures, tmp_path):
    names = {"reference": [pictures[0].name] * 3, "test": [one.name for one in pictures[1:]]}
    pairs = write_csv(pictures[0].with_name("some.csv"), names)
    lpel("batch", "run", pairs, tmp_path / "out", "--bundle", tiny_bundle, *SHADE, "--workers", 1)
    assert len(read_results(tmp_path / "out")) == 3
    settings = read_about(Places(tmp_path / "out"))["the settings"]
    assert settings["parameters"] == {"depth": 4, "soft": False}
    with pytest.raises(ParameterError, match="--set goes with --method"):
        lpel("batch", "run", pairs, tmp_path / "no", "-b", tiny_bundle, "--set", "depth=4")
    with pytest.raises(ParameterError, match="side of the maps is given twice"):
        lpel(
            *("batch", "run", pairs, tmp_path / "no", "-b", tiny_bundle, "--method", "responses"),
            *("--map-side", 8, "--set", "size=8"),
        )


@pytest.mark.parametrize("path", ["/v1/methods", "/v1/about"])
def test_theirs_is_listed_by_the_service(client, path):
    document = client.get(path).json()
    one = next(one for one in document["methods"] if one["name"] == "shade")
    schemas.MethodEntry.model_validate(one)
    assert (one["paper"], one["caveat"]) == ("On shade, 2026", "Shade is no reason.")
    assert one["parameters"] == {"depth": 2, "soft": False}
    depth = one["parameter_details"][0]
    assert (depth["name"], depth["least"], depth["most"], depth["default"]) == ("depth", 1, 5, 2)
    assert depth["allowed"] == "a whole number from 1 to 5"


@pytest.mark.parametrize("as_form", [True, False])
@pytest.mark.parametrize("path", ["/v1/explain", "/v1/assess"])
def test_theirs_is_served_with_a_parameter(client, pictures, path, as_form):
    answer = ask(client, path, pictures, as_form, method="shade", parameters={"depth": 4})
    assert answer.status_code == 200, answer.text
    assert answer.json()["method"]["parameters"] == {"depth": 4, "soft": False}
    if path == "/v1/explain":
        assert "Shade is no reason." in answer.json()["caveats"]


@pytest.mark.parametrize("as_form", [True, False])
@pytest.mark.parametrize(
    ("fields", "words"),
    [({"method": "shade", "parameters": {"depth": 6}}, "depth takes a whole number from 1 to 5"),
     ({"method": "shade", "parameters": {"depth": "4"}}, "depth takes a whole number from 1 to 5"),
     ({"method": "shade", "parameters": {"width": 1}}, "it has depth, soft"),
     ({"method": "shade", "parameters": [1]}, "parameters: "),
     ({"method": "shade", "parameters": {"depth": {}}}, "parameters: "),
     ({"method": "lpel", "p": 0.5, "parameters": {"p": 0.5}}, "p is given twice")],
)  # fmt: skip
def test_the_service_refuses_the_same(client, pictures, as_form, fields, words):
    answer = ask(client, "/v1/explain", pictures, as_form, **fields)
    assert (answer.status_code, answer.json()["about"]) == (422, "parameters"), answer.text
    assert words in answer.json()["detail"]


def test_text_that_is_no_json_is_refused(client, pictures):
    files = {"reference": pictures[0].read_bytes(), "test": pictures[1].read_bytes()}
    answer = client.post("/v1/explain", files=files, data={"parameters": "depth=4"})
    assert (answer.status_code, answer.json()["about"]) == (422, "parameters")


def ask(client, path, pictures, as_form, **fields):
    """Ask about two pictures, by a form or by JSON."""
    images = {"reference": pictures[0].read_bytes(), "test": pictures[1].read_bytes()}
    if as_form:
        data = {
            name: json.dumps(value) if name == "parameters" else value
            for name, value in fields.items()
        }
        return client.post(path, files=images, data=data)
    encoded = {role: base64.b64encode(data).decode() for role, data in images.items()}
    return client.post(path, json={**encoded, **fields})
