"""What a server says that it offers: the crops, by the one that is its own."""

from contextlib import closing

import pytest

from lpel_serving.service.http.app import open_service
from lpel_serving.service.http.routes.about import about_document
from lpel_serving.service.http.settings import Settings
from support import bright, tiny

WHOLE = {
    "none": "the whole picture",
    "pad": "the whole picture, with margins",
    "stretch": "the whole picture, stretched",
}
MIDDLE = {"0.48": "its middle, 48%"}
FOUND = {bright.NAME: bright.NAME}
UNCUT = {"none": WHOLE["none"]}


@pytest.mark.parametrize(
    ("own", "chosen", "offered"),
    [
        ("none", None, WHOLE),
        ("0.48", None, MIDDLE | UNCUT),
        (bright.NAME, None, FOUND | UNCUT),
        ("0.48", "none", WHOLE | MIDDLE),
        ("none", "0.48", MIDDLE | UNCUT),
        ("0.48", "0.480", MIDDLE | UNCUT),
        ("0.480", "0.48", {"0.480": MIDDLE["0.48"]} | UNCUT),
        ("1", "1.0", {"1": "the largest square in its middle"} | UNCUT),
    ],
)
def test_a_server_that_takes_photographs_whole_offers_other_ways_to_fit_them(
    tmp_path, monkeypatch, own, chosen, offered
):
    bright.install(tmp_path / "plugin", monkeypatch)
    settings = Settings(tiny.write_bundle(tmp_path / "bundle", crop=own), crop=chosen)
    with closing(open_service(settings)) as service:
        crops = about_document(service, settings)["crops"]
    assert [(one["name"], one["title"]) for one in crops] == list(offered.items())
    assert [one["default"] for one in crops] == [True] + [False] * (len(offered) - 1)
