"""Chapter 5 run again from beginning to end, on made-up people and a network of six features."""

import base64
import contextlib
import io
import json
import re
import shutil
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.axes
import numpy as np
import pytest
from PIL import Image

from lpel_serving.equations.agreement import spearman
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.faithfulness.controls import CONTROLS
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.methods.decoded.emsnn import Emsnn
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.support.errors import OutputError, ParameterError
from lpel_tf.decoders.decoder import mean_squared_error
from lpel_tf.research.harness.prototype_pairs import draw_prototype_pairs
from lpel_tf.research.reproduction import run as running
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.report import MARK
from lpel_tf.research.reproduction.run import Reproduction, check_output, describe, reproduce
from lpel_tf.research.reproduction.section import Finding, Section
from lpel_tf.research.reproduction.sections import SECTIONS
from support import tiny
from support.reproduction import FOLDER, NAME, SIZES, THRESHOLD, laboratory, write_faces

pytestmark = pytest.mark.slow

VOID = {"meta", "img", "br", "hr", "link", "input"}


@dataclass(frozen=True, eq=False)
class Run:
    """A finished reproduction, and the images that were drawn for it."""

    laboratory: Laboratory
    result: Reproduction
    out: Path
    drawn: list[np.ndarray]

    def section(self, key: str) -> Section:
        return {section.key: section for section in self.result.sections}[key]

    def document(self, key: str) -> dict:
        return json.loads((self.out / "data" / f"{key}.json").read_bytes(), parse_constant=refuse)

    @property
    def page(self) -> str:
        return self.result.page.read_text(encoding="utf-8")


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def spied_run(laboratory: Laboratory, out: Path) -> Run:
    """Reproduce, and note every image that matplotlib is given."""
    drawn: list[np.ndarray] = []
    imshow = matplotlib.axes.Axes.imshow

    def noting(axes, picture, *arguments, **options):
        drawn.append(np.array(picture))
        return imshow(axes, picture, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matplotlib.axes.Axes, "imshow", noting)
        result = reproduce(laboratory, out)
    return Run(laboratory, result, out, drawn)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("reproduction") / "faces")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("reproduction-cache")


@pytest.fixture(scope="module")
def plain(faces, cache, tmp_path_factory):
    """One crop, photographs shown."""
    out = tmp_path_factory.mktemp("plain") / "out"
    return spied_run(laboratory(faces, out, cache), out)


@pytest.fixture(scope="module")
def hidden(faces, cache, tmp_path_factory):
    """A tight and a loose crop, photographs hidden."""
    out = tmp_path_factory.mktemp("hidden") / "out"
    changes = {"crops": ("0.9", "none"), "hide_photographs": True}
    return spied_run(laboratory(faces, out, cache, **changes), out)


@pytest.fixture(params=["plain", "hidden"])
def run(request):
    """Either of the two."""
    return request.getfixturevalue(request.param)


# --- the sections ---------------------------------------------------------------------------------


def test_every_section_is_there_in_its_order(run):
    assert [section.key for section in run.result.sections] == list(SECTIONS)
    assert all(section.title for section in run.result.sections)


@pytest.mark.parametrize("key", ["checks", "crops", "game"])
def test_what_the_thesis_has_nothing_of_is_said_to_be_ours(hidden, key):
    section = hidden.section(key)
    assert section.counterpart == ""
    assert all(finding.claim.startswith("(") for finding in section.findings)
    assert hidden.page.count("Not in the thesis.") == 3


def test_every_section_has_findings_tables_and_data(hidden):
    for section in hidden.result.sections:
        assert section.findings, section.key
        assert section.tables, section.key
        assert section.data, section.key


def test_without_a_loose_crop_its_section_says_so(plain):
    loose = plain.section("crops")
    assert loose.notes == ("One crop was given.",)
    assert loose.findings == loose.tables == loose.pictures == ()
    assert all(section.findings for section in plain.result.sections if section is not loose)


COUNTERPARTS = {
    "faces": ["5.8", "5.9", "5.2.2"],
    "verification": ["5.2.2"],
    "explanations": ["5.10", "5.11"],
    "autoencoder": ["table 5.2", "5.5.1"],
    "prototypes": ["5.16"],
    "top-k": ["5.17"],
    "isolated": ["figure 3.3", "section 6.1"],
    "similar": ["5.12", "5.13", "5.18"],
    "dissimilar": ["5.14", "5.15"],
    "ablations": ["section 5.3, on p"],
}


@pytest.mark.parametrize("key", COUNTERPARTS)
def test_a_section_names_what_it_is_the_counterpart_of(plain, key):
    for name in COUNTERPARTS[key]:
        assert name in plain.section(key).counterpart


@pytest.mark.parametrize("figure", ["5.8", "5.9", *(f"5.{n}" for n in range(10, 19))])
def test_every_figure_of_the_thesis_has_its_picture(plain, figure):
    captions = [p.caption for section in plain.result.sections for p in section.pictures]
    assert any(re.search(rf"figures? .*{re.escape(figure)}\b", caption) for caption in captions)


def test_every_picture_is_a_whole_png_with_a_name_of_its_own(run):
    pictures = [picture for section in run.result.sections for picture in section.pictures]
    assert len({picture.name for picture in pictures}) == len(pictures) >= 20
    for picture in pictures:
        assert (run.out / "data" / f"{picture.name}.png").read_bytes() == picture.png
        with Image.open(io.BytesIO(picture.png)) as opened:
            opened.load()
            assert opened.format == "PNG"
            assert min(opened.size) > 100


def test_every_number_is_finite(run):
    for section in run.result.sections:
        words = [finding.measured for finding in section.findings]
        words += [cell for table in section.tables for row in table.rows for cell in row]
        for text in words:
            assert not re.search(r"\b(nan|inf)\b", text, re.IGNORECASE), text
        for name, values in section.arrays.items():
            assert values.dtype.kind in "SU" or np.isfinite(values).all(), name


def test_every_row_of_a_table_has_a_cell_for_each_column(run):
    for section in run.result.sections:
        for table in section.tables:
            assert table.rows
            assert {len(row) for row in table.rows} == {len(table.header)}, table.caption


# --- what the numbers are -------------------------------------------------------------------------


def test_the_losses_are_those_of_the_decoders_on_the_test_people(plain):
    setting = plain.laboratory.main
    test = setting.split.test
    pixels = test.targets.astype(np.float64) / 255
    losses = plain.section("faces").data["losses"]["none"]
    assert list(losses) == ["mean face", "Adamax", "Adamax, whitened", "least squares"]
    for name, decoder in setting.decoders.items():
        error = np.mean((decoder.decode(test.embeddings) - pixels) ** 2)
        assert losses[name] == pytest.approx(error, rel=1e-4)
    mean = (setting.split.train.targets / 255).mean(axis=0)
    assert losses["mean face"] == pytest.approx(np.mean((mean - pixels) ** 2), rel=1e-4)
    assert losses["least squares"] < losses["mean face"]


def test_decoders_run_through_onnx_as_they_do_in_numpy(plain):
    setting = plain.laboratory.main
    h = setting.split.test.embeddings
    for name, decoder in setting.decoders.items():
        np.testing.assert_allclose(decoder.decode(h), decoder.weights(h), atol=1e-4)
        assert (decoder.parity is None) == (name == "least squares")


def test_accuracy_is_measured_at_the_threshold_that_was_asked_for(plain):
    numbers = plain.section("verification").data["none"]
    assert numbers["pairs"] == SIZES.comparisons
    rights = numbers["at_threshold"]
    assert rights["total"] == pytest.approx((rights["same"] + rights["different"]) / 2)
    assert rights["same"] > 0.9
    assert rights["different"] > 0.6, "these people are distinguished"
    (_, at, best) = plain.section("verification").tables[0].rows
    assert at[2] == f"{THRESHOLD:.3f}"
    assert float(best[-1]) >= float(at[-1])


def test_more_comparisons_than_there_are_pairs_are_not_asked_for(faces, cache, tmp_path):
    many = laboratory(faces, tmp_path, cache, sizes=replace(SIZES, comparisons=70_000))
    section = SECTIONS["verification"](many)
    assert section.data["none"]["pairs"] == 2 * 30 * (6 * 5 // 2)


def test_a_map_is_the_same_both_ways_since_the_decoder_is_linear(plain):
    numbers = plain.section("explanations").data
    for kind in ("similar", "dissimilar"):
        exchanged = numbers[f"{kind}, roles exchanged"]
        assert exchanged["spearman"]["mean"] > 0.999
    assert numbers["similar, another pair's map"]["spearman"]["mean"] < 0.999
    first, second, *_ = plain.section("explanations").findings
    assert first.verdict == "holds"
    assert second.verdict == "does not hold", "the thesis says that they differ"


def test_the_autoencoder_stands_beside_the_decoder_whose_loss_it_was_to_reach(plain):
    numbers = plain.section("autoencoder").data
    losses = plain.section("faces").data["losses"]["none"]
    assert numbers["decoder_loss"] == pytest.approx(losses["Adamax"])
    autoencoder, test = plain.laboratory.autoencoder, plain.laboratory.main.split.test
    h = autoencoder.bottleneck(test.targets)
    assert numbers["losses"]["closeness"] == pytest.approx(np.mean((h - test.embeddings) ** 2))
    error = mean_squared_error(autoencoder.decoder(h), test.targets)
    assert numbers["losses"]["reconstruction"] == pytest.approx(error)
    row = plain.section("autoencoder").tables[0].rows[1]
    assert row[1] == f"{numbers['losses']['reconstruction']:.4f}"


def test_prototypes_are_beside_a_stranger(plain):
    numbers = plain.section("prototypes").data
    assert list(numbers) == [
        "the prototype",
        "the prototype of the others",
        "a stranger's image, as if similar",
    ]
    by_prototype, _, by_stranger = (one["spearman"]["mean"] for one in numbers.values())
    assert by_prototype > by_stranger


def test_the_top_k_are_compared_with_other_draws_their_limit_and_lpel(plain):
    numbers = plain.section("top-k").data
    assert list(numbers) == [
        "k = 6 and k = 6",
        "k = 6, other draws",
        "k = 6, 50 draws and infinitely many",
        "k = 6 and LPEL",
        "k = 6, the decoder and EMSNN's own",
    ]
    assert numbers["k = 6, other draws"]["spearman"]["mean"] < 1
    assert numbers["k = 6, 50 draws and infinitely many"]["spearman"]["mean"] > 0.8


def test_emsnns_own_figure_has_lpel_and_controls_beside_it(run):
    section = run.section("isolated")
    assert section.data["features_perturbed"] == 1  # a fifth of six
    alike = section.data["likeness"]
    assert list(alike) == [
        "LPEL and EMSNN",
        "LPEL, by its own prototype and by another person's",
        "EMSNN, by its own prototype and by another person's",
    ]
    main, seed = run.laboratory.main, run.laboratory.seed
    found = draw_prototype_pairs(
        main,
        SIZES.pairs,
        threshold=run.laboratory.similarity_threshold(main),
        rng=np.random.default_rng((seed, 33)),
    )
    engine, decode = main.engine(), run.laboratory.emsnn_decoder.decode
    ranks = []
    for i, (pair, another) in enumerate(zip(found.pairs, found.another, strict=True)):
        method = Emsnn(1)
        theirs = main.networks(engine.embed, decode)
        own, other = (
            method(replace(pair, h_r=by), theirs, np.random.default_rng((seed, i)))
            for by in (pair.h_r, another)
        )
        ranks.append(spearman(own, other))
    by_two = alike["EMSNN, by its own prototype and by another person's"]
    assert by_two["spearman"]["mean"] == pytest.approx(np.mean(ranks))
    against = {one["against"] for one in section.data["curves"]["comparisons"]}
    assert against == {*CONTROLS, "EMSNN"}
    assert [picture.name for picture in section.pictures] == ["isolated", "isolated-curves"]


def test_the_checks_are_of_both_methods(plain):
    numbers = plain.section("checks").data
    assert set(numbers["sanity"]) == set(numbers["stability"]) == {"LPEL", "EMSNN"}
    assert set(numbers["sanity"]["LPEL"]) == {
        *("decoder", "decision flipped", "top 5%", "top 25%", "top 50%", "top 100%")
    }
    assert "decision flipped" not in numbers["sanity"]["EMSNN"]
    assert "none" in {row[2] for row in plain.section("checks").tables[0].rows}
    assert numbers["stability"]["LPEL"]["seed"] == pytest.approx([1, 1])
    assert min(numbers["stability"]["EMSNN"]["seed"]) < 1


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("similar", [None]),
        ("dissimilar", ["dissimilar", "transplant", "transplant-similar"]),
    ],
)
def test_every_curve_stands_beside_every_control(plain, key, parts):
    section = plain.section(key)
    for part in parts:
        record = section.data if part is None else section.data[part]
        against = [comparison["against"] for comparison in record["comparisons"]]
        assert set(CONTROLS) <= set(against)
        assert record["superpixels_replaced"][-1] == 64
        assert set(record["mean_curves"]) >= {"LPEL", *CONTROLS}
    assert len(section.tables) >= len(parts)


def test_the_main_curve_has_the_other_decoders_and_emsnn_as_rivals(plain):
    against = {one["against"] for one in plain.section("similar").data["comparisons"]}
    assert against >= {
        "LPEL, least squares",
        "LPEL, Adamax, whitened",
        "EMSNN, top 6",
        "EMSNN with its autoencoder",
    }


def test_the_loose_crop_is_measured_with_every_decoder(hidden):
    section = hidden.section("crops")
    against = {one["against"] for one in section.data["comparisons"]}
    assert against >= {"LPEL, least squares", "LPEL, Adamax, whitened", *CONTROLS}
    assert len(section.findings) == len(section.tables) == 3
    assert all("in the loose crop" in finding.claim for finding in section.findings)
    assert [table.caption.split(";")[0] for table in section.tables] == [
        *("Similar pairs, crop none, LPEL", "Similar pairs, crop none, LPEL, least squares"),
        "Similar pairs, crop none, LPEL, Adamax, whitened",
    ]
    assert set(hidden.section("faces").data["losses"]) == {"0.9", "none"}
    assert set(hidden.section("verification").data) == {"0.9", "none"}
    tight, loose = (hidden.section("faces").data["losses"][crop] for crop in ("0.9", "none"))
    assert tight != loose


def test_the_ablations_are_of_p_superpixels_and_fill(plain):
    section = plain.section("ablations")
    assert set(section.data["areas"]) == {
        *("superpixels of 10 pixels", "superpixels of 4 pixels"),
        *(f"fill: {name}" for name in ("uniform", "grey", "black", "mean", "blur")),
    }
    across = section.data["across_p"]
    assert across["spearman"] > 0.99
    assert across["iou"] > 0.9
    assert across["same_order"] == 1
    assert section.findings[0].verdict == "holds"
    assert "from 0.1 to 3" in section.findings[0].measured


def test_accuracy_is_deleted_and_inserted_in_both_polarities(plain):
    numbers = plain.section("game").data
    assert len(numbers) == 2
    for one in numbers.values():
        assert one["levels"] == [0, 50, 100]
        assert set(one["accuracy"]) == {"deletion", "insertion"}
        for by_map in one["accuracy"].values():
            assert {"LPEL", "a random order", "distance from the centre"} < set(by_map)
            assert all(0 <= value <= 1 for curve in by_map.values() for value in curve)


def test_the_curves_of_every_pair_are_kept(plain):
    with np.load(plain.out / "data" / "similar.npz", allow_pickle=False) as arrays:
        orders = arrays["similar_orders"].tolist()
        similarities = arrays["similar_similarities"]
        assert similarities.shape == (SIZES.pairs, len(orders), 5)
        assert orders.count("random") == SIZES.draws
    pairs = plain.laboratory.similar_pairs
    start = cosine_similarity(pairs.h_r, pairs.h_t)
    np.testing.assert_allclose(similarities[:, 0, 0], start, atol=1e-5)
    np.testing.assert_allclose(np.ptp(similarities[:, :, 0], axis=1), 0, atol=1e-5)


def test_a_bad_photograph_is_left_out_and_gathered(tmp_path):
    faces = write_faces(tmp_path / "faces")
    broken = list_faces(faces)[70].path
    broken.write_bytes(b"no image")
    unusable = Unusable()
    lab = laboratory(faces, tmp_path, tmp_path, unusable=unusable)
    setting = lab.main
    assert [one.name for one in unusable.found()] == [str(broken)]
    assert len(setting.everyone) == len(lab.photographs) - 1
    shown = [face for face in lab.photographs if face.path != broken]
    assert tuple(face.identity for face in shown) == setting.everyone.identities
    assert broken not in {face.path for face in setting.test_photographs}


def test_the_pairs_are_rightly_decided_and_of_people_not_trained_on(plain):
    lab = plain.laboratory
    trained_on = {*lab.main.split.train.identities, *lab.main.split.validation.identities}
    for pairs, same in ((lab.similar_pairs, True), (lab.dissimilar_pairs, False)):
        assert len(pairs) == SIZES.pairs
        for i, pair in enumerate(pairs.pairs):
            h = tiny.embed(np.stack([pairs[i].reference, pairs[i].test]))
            cosine = h[0] @ h[1] / np.linalg.norm(h[0]) / np.linalg.norm(h[1])
            assert (cosine > THRESHOLD) == same
            people = {pair.reference.parent.name, pair.test.parent.name}
            assert len(people) == (1 if same else 2)
            assert not people & trained_on


# --- the page -------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Checks that what is opened is closed, and gathers what the page refers to."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.classes: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name == "class":
                self.classes.append(value)
            elif name in {"src", "href", "srcset", "action", "data", "poster"}:
                self.references.append(value)
            assert not name.startswith("on"), f"{name} runs a script"

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def test_the_page_is_balanced_html(run):
    page = Page(run.page)
    assert page.open == []
    assert run.page.startswith("<!doctype html>")
    assert len(page.ids) == len(set(page.ids))


def test_the_page_loads_nothing_from_elsewhere(run):
    page = Page(run.page)
    inside = [reference for reference in page.references if reference.startswith("#")]
    images = [r for r in page.references if r.startswith("data:image/png;base64,")]
    assert len(inside) + len(images) == len(page.references)
    assert {reference[1:] for reference in inside} <= set(page.ids)
    assert not page.tags & {"script", "link", "iframe", "object", "embed", "base"}
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", run.page)
    assert not re.search(r"https?:|@import|url\(|\$\w", text)


def test_the_page_shows_every_picture_finding_and_table(run):
    page, images = run.page, [r for r in Page(run.page).references if r.startswith("data:")]
    shown = [base64.b64decode(image.split(",", 1)[1]) for image in images]
    assert shown == [p.png for section in run.result.sections for p in section.pictures]
    for section in run.result.sections:
        assert f'<section id="{section.key}">' in page
    findings = [f for section in run.result.sections for f in section.findings]
    badges = [name for name in Page(page).classes if name.startswith("badge ")]
    assert len(badges) == 2 * len(findings), "each in the summary and in its place"
    assert page.count("<table>") == sum(len(section.tables) for section in run.result.sections)


def test_the_page_says_what_it_was_made_of(plain):
    assert MARK in plain.result.page.read_bytes()
    assert "180 photographs of 30 people; tiny; crops none;" in plain.page
    assert "0.750; up to 4 pairs for each main curve; seed 0." in plain.page
    assert "crops 0.9 and none" not in plain.page


def test_what_it_was_made_of_is_kept_beside_the_page(run):
    about = json.loads((run.out / "data" / "about.json").read_bytes(), parse_constant=refuse)
    assert about == json.loads(json.dumps(describe(run.laboratory)))
    assert (about["people"], about["photographs"]) == (30, 180)
    assert about["embedder_sha256"] == run.laboratory.embedder.sha256


# --- the files ------------------------------------------------------------------------------------


def test_the_folder_holds_the_page_and_the_data_and_nothing_else(run):
    assert {path.name for path in run.out.iterdir()} == {"report.html", "data"}
    expected = {"about.json"}
    for section in run.result.sections:
        expected |= {f"{section.key}.json"} | {f"{p.name}.png" for p in section.pictures}
        expected |= {f"{section.key}.npz"} if section.arrays else set()
    assert {path.name for path in (run.out / "data").iterdir()} == expected
    assert not list(run.out.rglob(".*"))


@pytest.mark.parametrize("key", SECTIONS)
def test_the_data_of_a_section_is_what_the_section_says(run, key):
    document, section = run.document(key), run.section(key)
    assert document["data"] == json.loads(json.dumps(section.data, allow_nan=False))
    assert [f["measured"] for f in document["findings"]] == [f.measured for f in section.findings]
    assert [table["rows"] for table in document["tables"]] == [
        [list(row) for row in table.rows] for table in section.tables
    ]


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder, archives unpacked and pictures decoded as well."""
    found = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path, data in list(found.items()):
        if path.suffix in {".npz", ".partial"}:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                for name in arrays.files:
                    values = arrays[name]
                    found[path / name] = (
                        "\n".join(values.ravel().tolist()).encode()
                        if values.dtype.kind == "U"
                        else values.tobytes()
                    )
    return found


def test_no_photograph_is_named_in_any_file(run):
    files = contents(run.out)
    assert len(files) > 50
    words = (FOLDER, NAME, str(run.laboratory.photographs[0].path.parent.parent))
    for path, data in files.items():
        for word in words:
            assert word.lower().encode() not in data.lower(), f"{word} is in {path}"


def numbers_in(value: object) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for one in value for number in numbers_in(one)]
    return [float(value)] if isinstance(value, int | float) else []


def test_no_embedding_is_in_any_file(run):
    embeddings = run.laboratory.main.everyone.embeddings
    raw = [row.astype(kind).tobytes() for row in embeddings for kind in (np.float32, np.float64)]
    assert len(set(raw)) == 2 * len(embeddings)
    for path, data in contents(run.out).items():
        assert not any(row in data for row in raw), path
    for key in SECTIONS:
        numbers = np.array(numbers_in(run.document(key)["data"]))
        if len(numbers):
            near = np.abs(embeddings[..., np.newaxis] - numbers).min(axis=-1) < 1e-7
            assert near.sum(axis=1).max() < 3, key


# --- hiding photographs ---------------------------------------------------------------------------


def share_of_a_photograph(picture: np.ndarray, crops: np.ndarray) -> float:
    """The most that a picture has in common with any of the crops, of what is not dark in it."""
    same = (crops == picture).all(axis=-1)
    bright = crops.sum(axis=-1) > 150
    return float(((same & bright).sum(axis=(1, 2)) / bright.sum(axis=(1, 2))).max())


def photographs_drawn(run: Run) -> list[float]:
    settings = [s for s in (run.laboratory.main, run.laboratory.loose) if s is not None]
    crops = np.stack(
        [s.embedder.read(f.path) for s in settings for f in run.laboratory.photographs]
    )
    coloured = [picture for picture in run.drawn if picture.ndim == 3]
    assert len(coloured) > 60
    return [share_of_a_photograph(p, crops) for p in coloured if p.shape == crops.shape[1:]]


def test_photographs_are_drawn_unless_they_are_hidden(plain):
    shares = photographs_drawn(plain)
    assert shares.count(1.0) >= 12, "the test faces at least"
    assert any(0.2 < share < 0.9 for share in shares), "the strips, with superpixels replaced"
    assert "think before you pass it on" in plain.page
    assert "Photographs are hidden" not in plain.page


def test_hidden_photographs_are_not_drawn_not_even_in_part(hidden):
    assert max(photographs_drawn(hidden)) < 0.1


def test_hidden_photographs_are_said_to_be(hidden, plain):
    assert "Photographs are hidden: reconstructions stand in their place." in hidden.page
    assert "think before you pass it on" not in hidden.page
    for run, answer in ((hidden, True), (plain, False)):
        about = json.loads((run.out / "data" / "about.json").read_bytes())
        assert about["photographs_hidden"] is answer
    strips = [p for s in hidden.result.sections for p in s.pictures if p.name.endswith("-strip")]
    assert len(strips) == 3
    assert all("Reconstructions are shown" in strip.caption for strip in strips)


def test_hiding_changes_pictures_and_no_number(plain, faces, cache, tmp_path):
    lab = laboratory(faces, tmp_path, cache, hide_photographs=True)
    shown, without = plain.section("faces"), SECTIONS["faces"](lab)
    assert json.dumps(without.data) == json.dumps(shown.data)
    assert without.findings == shown.findings
    for one, other in zip(without.pictures, shown.pictures, strict=True):
        assert (one.name, one.png != other.png) == (other.name, True)


# --- going on and running again -------------------------------------------------------------------


def section_bytes(out: Path) -> dict[str, bytes]:
    return {key: (out / "data" / f"{key}.json").read_bytes() for key in SECTIONS}


def counted(monkeypatch, sections) -> list[str]:
    """The keys of the sections that are run from now on."""
    calls: list[str] = []

    def counting(key):
        def run(lab):
            calls.append(key)
            return sections[key](lab)

        return run

    monkeypatch.setattr(running, "SECTIONS", {key: counting(key) for key in sections})
    return calls


def test_the_same_seed_gives_the_same_bytes(plain, faces, tmp_path):
    again = reproduce(laboratory(faces, tmp_path, tmp_path / "cache"), tmp_path)
    identities = {plain.document(key)["identity"] for key in SECTIONS}
    assert len(identities) == 1
    assert section_bytes(tmp_path) == section_bytes(plain.out)
    assert again.page.read_bytes() == plain.result.page.read_bytes()


@pytest.mark.parametrize("key", ["verification", "similar"])
def test_only_a_section_that_is_missing_is_done_again(
    plain, faces, cache, key, tmp_path, monkeypatch
):
    out = Path(shutil.copytree(plain.out, tmp_path / "out"))
    (out / "data" / f"{key}.json").unlink()
    calls = counted(monkeypatch, SECTIONS)
    again = reproduce(laboratory(faces, out, cache), out)
    assert calls == [key]
    assert section_bytes(out) == section_bytes(plain.out)
    assert again.page.read_bytes() == plain.result.page.read_bytes()


def test_a_finished_run_does_nothing_again(plain, faces, cache, tmp_path, monkeypatch):
    out = Path(shutil.copytree(plain.out, tmp_path / "out"))
    calls = counted(monkeypatch, SECTIONS)
    lab = laboratory(faces, out, cache)
    again = reproduce(lab, out)
    assert calls == []
    assert "main" not in vars(lab), "no photograph was embedded, no decoder trained"
    assert again.page.read_bytes() == plain.result.page.read_bytes()


def test_a_picture_that_is_missing_is_drawn_again(plain, faces, cache, tmp_path, monkeypatch):
    out = Path(shutil.copytree(plain.out, tmp_path / "out"))
    (out / "data" / "reconstructions.png").unlink()
    (out / "data" / "game.json").write_text('{"identity": ')
    calls = counted(monkeypatch, SECTIONS)
    reproduce(laboratory(faces, out, cache), out)
    assert calls == ["faces", "game"]
    picture = (out / "data" / "reconstructions.png").read_bytes()
    assert picture == (plain.out / "data" / "reconstructions.png").read_bytes()
    assert section_bytes(out) == section_bytes(plain.out)


def stub(key: str):
    def run(lab: Laboratory) -> Section:
        finding = Finding("It does.", f"It does, with seed {lab.seed}.", "holds")
        return Section(key, key.title(), "nothing", (finding,), data={"seed": lab.seed})

    return run


STUBS = {key: stub(key) for key in ("first", "second", "third")}


@pytest.fixture
def few(tmp_path):
    """A few photographs, for runs that never look at them."""
    return write_faces(tmp_path / "few", people=3, each=2)


CHANGES = {
    "seed": {"seed": 1},
    "threshold": {"threshold": 0.5},
    "sizes": {"sizes": replace(SIZES, decoder_epochs=4)},
    "crops": {"crops": ("none", "0.9")},
    "hiding": {"hide_photographs": True},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_what_is_changed_is_done_again(few, changes, tmp_path, monkeypatch):
    calls = counted(monkeypatch, STUBS)
    for _ in range(2):
        reproduce(laboratory(few, tmp_path, tmp_path), tmp_path)
    assert calls == list(STUBS)
    changed = reproduce(laboratory(few, tmp_path, tmp_path, **changes), tmp_path)
    assert calls == 2 * list(STUBS)
    seed = changes.get("seed", 0)
    assert [section.data for section in changed.sections] == 3 * [{"seed": seed}]


def another_pixel(few: Path) -> None:
    Image.new("RGB", (24, 24)).save(few / f"{FOLDER}_00" / f"{NAME}_0.png")


def another_photograph(few: Path) -> None:
    Image.new("RGB", (24, 24)).save(few / f"{FOLDER}_00" / f"{NAME}_9.png")


def another_person(few: Path) -> None:
    name = f"{NAME}_0.png"
    (few / f"{FOLDER}_00" / name).rename(few / f"{FOLDER}_01" / f"0_{name}")


@pytest.mark.parametrize("change", [another_pixel, another_photograph, another_person])
def test_other_photographs_are_another_run(few, change, tmp_path, monkeypatch):
    calls = counted(monkeypatch, STUBS)
    reproduce(laboratory(few, tmp_path, tmp_path), tmp_path)
    change(few)
    reproduce(laboratory(few, tmp_path, tmp_path), tmp_path)
    assert calls == 2 * list(STUBS)


def test_moved_photographs_are_the_same_run(few, tmp_path, monkeypatch):
    calls = counted(monkeypatch, STUBS)
    reproduce(laboratory(few, tmp_path, tmp_path), tmp_path)
    few.rename(tmp_path / "elsewhere")
    reproduce(laboratory(tmp_path / "elsewhere", tmp_path, tmp_path), tmp_path)
    assert calls == list(STUBS)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OutputError])
def test_what_is_finished_survives_an_interruption(few, error, tmp_path, monkeypatch):
    def interrupted(lab):
        raise error("stop")

    monkeypatch.setattr(running, "SECTIONS", STUBS | {"second": interrupted})
    out = tmp_path / "out"
    with pytest.raises(error):
        reproduce(laboratory(few, out, tmp_path), out)
    assert {path.name for path in out.rglob("*")} == {"data", "first.json"}
    calls = counted(monkeypatch, STUBS)
    again = reproduce(laboratory(few, out, tmp_path), out)
    assert calls == ["second", "third"]
    assert [section.key for section in again.sections] == list(STUBS)
    assert again.page.exists()


class Interrupting:
    """Progress that is interrupted once two pairs' curves are done."""

    def __call__(self, what: str, total: int) -> "Interrupting":
        self.what, self.done = what, 0
        return self

    def __enter__(self):
        return self.advance

    def __exit__(self, *error):
        return None

    def advance(self, steps: int) -> None:
        self.done += steps
        if self.what == "curves (test)" and self.done >= 2:
            raise KeyboardInterrupt


def test_an_interruption_within_a_curve_goes_on_to_the_same_bytes(
    plain, faces, cache, tmp_path, monkeypatch
):
    monkeypatch.setattr("lpel_serving.faithfulness.assessment._SAVE_SECONDS", 0)
    out = Path(shutil.copytree(plain.out, tmp_path / "out"))
    (out / "data" / "similar.json").unlink()
    with pytest.raises(KeyboardInterrupt):
        reproduce(laboratory(faces, out, cache, progress=Interrupting()), out)
    assert (out / "work" / "similar.partial").exists()
    assert (out / "work" / "decoder-none-0.npz").exists()
    for path, data in contents(out / "work").items():
        assert FOLDER.encode() not in data, path
        assert NAME.encode() not in data, path
    reproduce(laboratory(faces, out, cache), out)
    assert section_bytes(out) == section_bytes(plain.out)
    assert not (out / "work").exists(), "nothing is left to go on from"


def curves(lab: Laboratory) -> np.ndarray:
    methods = {"LPEL": Lpel()}
    answer = lab.ask("key", "similar", lab.main, lab.similar_pairs, methods, every=16, draws=1)
    return answer.measured.similarities


def test_curves_of_another_decoder_are_not_gone_on_with(faces, cache, tmp_path):
    longer = {"sizes": replace(SIZES, decoder_epochs=15)}
    before = curves(laboratory(faces, tmp_path / "one", cache))
    after = curves(laboratory(faces, tmp_path / "one", cache, **longer))
    afresh = curves(laboratory(faces, tmp_path / "two", cache, **longer))
    assert not np.array_equal(before, afresh), "the decoder was to make a difference"
    np.testing.assert_array_equal(after, afresh)


def test_another_use_of_a_folder_called_work_is_left_alone(few, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "SECTIONS", STUBS)
    precious = tmp_path / "work" / "thesis" / "chapter-6.tex"
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    with contextlib.suppress(OutputError):
        reproduce(laboratory(few, tmp_path, tmp_path / "cache"), tmp_path)
    assert precious.exists()
    assert precious.read_text() == "precious"


# --- refusals -------------------------------------------------------------------------------------


def test_a_report_that_is_not_ours_is_left_alone(few, tmp_path, monkeypatch):
    calls = counted(monkeypatch, STUBS)
    (tmp_path / "report.html").write_text("<h1>my own report</h1>")
    with pytest.raises(OutputError, match="choose another folder"):
        reproduce(laboratory(few, tmp_path, tmp_path), tmp_path)
    assert (tmp_path / "report.html").read_text() == "<h1>my own report</h1>"
    assert calls == []
    assert not (tmp_path / "data").exists()


def test_a_folder_in_the_place_of_the_report_is_left_alone(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match="choose another folder"):
        check_output(tmp_path)


def test_a_report_of_ours_may_be_replaced(plain, tmp_path):
    check_output(plain.out)
    check_output(tmp_path)
    check_output(tmp_path / "new")


def test_a_place_that_cannot_be_written_is_refused(few, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "SECTIONS", STUBS)
    (tmp_path / "file").write_bytes(b"precious")
    out = tmp_path / "file" / "out"
    with pytest.raises(OutputError, match="cannot write"):
        reproduce(laboratory(few, out, tmp_path), out)
    assert (tmp_path / "file").read_bytes() == b"precious"


@pytest.mark.parametrize("key", ["prototypes", "isolated"])
def test_too_few_photographs_of_anybody_for_a_prototype_are_no_accident(key, cache, tmp_path):
    lab = laboratory(write_faces(tmp_path / "faces", each=5), tmp_path / "out", cache)
    section = SECTIONS[key](lab)
    assert section.findings == section.tables == section.pictures == ()
    assert "five photographs besides" in section.notes[0]


@pytest.mark.parametrize("crops", [(), ("none", "none"), ("none", "0.9", "0.8")])
def test_one_crop_is_needed_or_two_different_ones(few, crops, tmp_path):
    with pytest.raises(ParameterError, match="one crop is needed, or two different ones"):
        laboratory(few, tmp_path, tmp_path, crops=crops)
