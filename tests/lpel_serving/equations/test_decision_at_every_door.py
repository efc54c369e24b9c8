"""The decision at the threshold: one, at every front door, one step of float32 to either side."""

import base64
import io
import json
import shutil
import subprocess
from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import pytest
from PIL import Image

import lpel_serving
from lpel_export.explainer import build_explainer
from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import ThresholdRecord
from lpel_serving.commands.explain import _sentences
from lpel_serving.equations.decision import Decision, Decisions
from lpel_serving.report.document import document
from lpel_serving.report.figures import pair_figure
from lpel_serving.report.verdict import in_short, on_decision
from lpel_serving.service.http.settings import Settings
from lpel_serving.verification.accuracy import accuracy
from support import tiny
from support.batch import make_job, read_results, run_here, write_csv
from support.command import lpel
from support.images import pixels
from support.service import started

REFERENCE, TEST = pixels(0), pixels(1)
ROLES = ("reference", "test")
PAGE = Path(lpel_serving.__file__).parent / "service" / "http" / "page" / "static"
SIMILAR, DISSIMILAR = "similar", "dissimilar"


def similarity_of_the_pair(folder: Path) -> float:
    explainer = Explainer.load(tiny.write_bundle(folder))
    return explainer.explain(REFERENCE, TEST).similarity


THRESHOLDS = {
    "a step below": (lambda s: float(np.nextafter(np.float32(s), np.float32(-2))), SIMILAR),
    "a step above": (lambda s: float(np.nextafter(np.float32(s), np.float32(2))), DISSIMILAR),
    "the similarity": (lambda s: s, DISSIMILAR),
    "rounded up to it": (lambda s: s - 1e-9, DISSIMILAR),
    "rounded down to it": (lambda s: s + 1e-9, DISSIMILAR),
}
"""Thresholds about a similarity, and the decision at each: float32 parts them or does not."""


@pytest.fixture(scope="module", params=THRESHOLDS)
def case(request, tmp_path_factory):
    """A bundle, its threshold, and what it decides on the pair."""
    folder = tmp_path_factory.mktemp("decision")
    similarity = similarity_of_the_pair(folder / "own")
    place, decision = THRESHOLDS[request.param]
    record = ThresholdRecord(place(similarity), {"how": "made up for the tests"})
    bundle = tiny.write_bundle(folder / "bundle", responds=True, threshold=record)
    return bundle, similarity, record.value, decision


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def test_the_thresholds_are_as_near_as_they_can_be(tmp_path):
    similarity = similarity_of_the_pair(tmp_path / "bundle")
    places = [place(similarity) for place, _ in THRESHOLDS.values()]
    assert len(set(places)) == 5
    assert len({np.float32(one) for one in places}) == 3


def test_the_engine_decides(case):
    bundle, similarity, threshold, decision = case
    pair = Explainer.load(bundle).explain(REFERENCE, TEST)
    answer = document(pair)
    assert answer["similarity"] == similarity
    assert answer["threshold"] == threshold
    assert (answer["decision"], pair.similar) == (decision, decision == SIMILAR)
    assert (answer["margin"] > 0) == pair.similar
    assert (answer["margin"] == 0) == (np.float32(threshold) == np.float32(similarity))


def test_the_service_decides_alike_at_every_door(case):
    bundle, similarity, _, decision = case
    fields = {
        name: base64.b64encode(png(image)).decode()
        for name, image in zip(ROLES, (REFERENCE, TEST), strict=True)
    }
    inputs = [
        {"name": name, "datatype": "UINT8", "shape": [1, 16, 16, 3], "data": image.ravel().tolist()}
        for name, image in zip(ROLES, (REFERENCE, TEST), strict=True)
    ]
    with started(Settings(bundle)) as running:
        address = f"http://127.0.0.1:{running.port}"
        with httpx.Client(base_url=address, timeout=60) as client:
            answers = [client.post(f"/v1/{door}", json=fields) for door in ("verify", "explain")]
            assessed = client.post("/v1/assess", json=fields | {"draws": 2}).json()
            inferred = client.post("/v2/models/explainer/infer", json={"inputs": inputs}).json()
    outputs = {one["name"]: one["data"] for one in inferred["outputs"]}
    assert outputs["similar"] == [decision == SIMILAR]
    assert assessed["decision"] == decision
    for answer in (one.json() for one in answers):
        assert answer["similarity"] == similarity
        assert answer["decision"] == decision
        assert (answer["margin"] > 0) == (decision == SIMILAR)
        assert answer["words"][0].endswith(f"{decision}.")
        assert agrees(answer["words"][1], decision, answer["margin"])


def agrees(sentence: str, decision: str, by: float) -> bool:
    """Whether a sentence says where the similarity lies as the decision has it."""
    if by == 0:
        return "exactly the threshold" in sentence and decision == DISSIMILAR
    place = "above" if decision == SIMILAR else "below"
    return f"less than 0.001 {place} the threshold" in sentence


@pytest.mark.parametrize("method", ["responses", "lpel", "lpel-mended"])
def test_the_one_file_decides_alike(case, method):
    bundle, similarity, _, decision = case
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    model = build_explainer(load_bundle(bundle), method)
    session = onnxruntime.InferenceSession(model, options)
    images = {"reference": REFERENCE[np.newaxis], "test": TEST[np.newaxis]}
    found, similar = session.run(["similarity", "similar"], images)
    assert float(found[0]) == similarity
    assert similar[0] == (decision == SIMILAR)


def test_a_batch_decides_alike(case, tmp_path):
    bundle, similarity, _, decision = case
    for name, image in zip(ROLES, (REFERENCE, TEST), strict=True):
        (tmp_path / f"{name}.png").write_bytes(png(image))
    columns = {name: [f"{name}.png"] for name in ROLES}
    job = make_job(bundle, write_csv(tmp_path / "pairs.csv", columns), tmp_path / "out")
    run_here(job)
    (row,) = read_results(tmp_path / "out")
    assert row["similarity"] == similarity
    assert row["similar"] == (decision == SIMILAR)
    assert (row["margin"] > 0) == (decision == SIMILAR)


def test_verification_and_the_functions_decide_alike(case):
    _, similarity, threshold, decision = case
    similar = decision == SIMILAR
    scores = np.array([similarity], np.float32)
    one, many = Decision(similarity, threshold), Decisions(scores, threshold)
    assert (one.similar, one.word) == (similar, decision)
    assert many.similar.tolist() == [similar]
    assert many.margin.tolist() == [one.margin]
    assert list(many) == [one]
    assert accuracy(scores, np.array([similar]), threshold).total == 1


def test_sentences_agree_with_the_decision(case):
    bundle, similarity, threshold, decision = case
    decided = Decision(similarity, threshold)
    by = decided.margin
    assert agrees(on_decision(decided)[1], decision, by)
    assert agrees(in_short(decided), decision, by)
    pair = Explainer.load(bundle).explain(REFERENCE, TEST)
    assert agrees(pair_figure(pair).get_suptitle(), decision, by)
    assert pair_figure(pair).get_suptitle().endswith(f"calls them {decision}")
    said = _sentences(pair)[0]
    assert said.startswith("Similarity ")
    assert said.endswith(f"calls them {decision}.")
    assert agrees(said, decision, by)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_page_says_what_the_server_says(case):
    _, similarity, threshold, decision = case
    program = """
    const [folder, given] = process.argv.slice(1);
    const { localWords } = await import(`${folder}/words.js`);
    const answer = JSON.parse(given);
    const equal = answer.similarity === Math.fround(answer.threshold);
    const margin = equal ? 0 : answer.similarity - answer.threshold; // as browser_engine.js has it
    process.stdout.write(JSON.stringify({ margin, words: localWords({ ...answer, margin }) }));
    """
    given = {"similarity": similarity, "threshold": threshold, "decision": decision}
    command = ["node", "--input-type=module", "-e", program, str(PAGE), json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert answer["margin"] == Decision(similarity, threshold).margin
    own = on_decision(Decision(similarity, threshold))
    assert answer["words"][0] == own[0]
    assert answer["words"][1].removesuffix(".") == own[1].partition(";")[0]


def test_the_command_line_says_where_the_similarity_lies(tmp_path):
    """Both are 0.69 and something: to two places, or to four, the sentence contradicted itself."""
    similarity = similarity_of_the_pair(tmp_path / "own")
    record = ThresholdRecord(similarity - 1e-5, {"how": "made up for the tests"})
    bundle = tiny.write_bundle(tmp_path / "bundle", threshold=record)
    for name, image in zip(ROLES, (REFERENCE, TEST), strict=True):
        (tmp_path / f"{name}.png").write_bytes(png(image))
    done = lpel("explain", "reference.png", "test.png", "-b", bundle, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = f"{similarity:.3f}"
    assert done.stdout.startswith(
        f"Similarity {shown}, less than 0.001 above the threshold {shown}: the network calls them "
        "similar.\n"
    )


@pytest.mark.parametrize("threshold", [0.3865, 0.4995, 0.0005, -0.2505, 0.9995])
def test_rounding_never_exchanges_similarity_and_threshold(threshold):
    """A threshold half-way between two thousandths may round away from its neighbours."""
    at = np.float32(threshold)
    for similarity in (np.nextafter(at, np.float32(-2)), at, np.nextafter(at, np.float32(2))):
        decided = Decision(float(similarity), threshold)
        short = in_short(decided)
        shown, limit = (
            float(one.replace("\N{MINUS SIGN}", "-"))
            for one in (short.split()[1].rstrip(","), short.split()[-1])
        )
        assert shown >= limit if decided.similar else shown <= limit
