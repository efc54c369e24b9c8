"""The page of a bundle without a decoder: everything but the decoded pictures."""

from dataclasses import replace

import pytest

from support import tiny
from support.page.acting import ROLES, decided, record, take_sample
from support.page.opening import SPLITTING, opened
from support.page.serving import add_explainer, running


@pytest.mark.network
def test_no_decoded_picture_is_shown_by_the_server_or_by_the_browser(chromium, settings, tmp_path):
    threshold = tiny.ThresholdRecord(SPLITTING, {})
    made = tiny.write_bundle(tmp_path / "made", responds=True, decodes=False, threshold=threshold)
    bundle = add_explainer(made, tmp_path / "bundle", "responses")
    with (
        running(replace(settings, bundle=bundle)) as address,
        opened(chromium, address) as page,
    ):
        maps = []
        for where in ("server", "browser"):
            if where == "browser":
                page.check("#here")
            take_sample(page)
            decided(page)
            assert page.locator("figure.photograph").first.is_visible(), where
            for place in range(2):
                assert not page.locator("figure.decoded").nth(place).is_visible(), where
            saved = record(page)
            maps.append({role: set(saved["explanations"][role]) for role in ROLES})
        assert page.complaints == []
    for one in maps:
        assert all({"heat_map", "mask"} <= one[role] for role in ROLES)
        assert all("reconstruction" not in one[role] for role in ROLES)
