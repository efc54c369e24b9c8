"""Take the README's picture of the page, `docs/page.png`, with the demo's bundle and Chromium.

Usage: .venv/bin/python scripts/page_picture.py

Of the demo's samples it shows the two whose photographs are from Wikimedia Commons.
"""

import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from lpel_serving.service.http.settings import Settings
from lpel_serving.service.samples import read_samples

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "demo-output"
SHOWN = ("Madonna, two photographs", "Ben Affleck and Jerry Seinfeld")
WIDTH, HEIGHT = 1280, 1010


def main() -> None:
    """Serve the demo, take the second sample, and photograph what there is then."""
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(ROOT / "tests"))
    from support.service import started

    samples = tuple(one for one in read_samples(DEMO / "samples") if one.title in SHOWN)
    settings = replace(Settings(DEMO / "bundle"), samples=samples)
    with started(settings) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"http://127.0.0.1:{service.port}/")
        page.get_by_role("button", name=SHOWN[1]).click()
        page.get_by_text(re.compile("^The network calls the two")).wait_for()
        page.wait_for_timeout(1000)  # until what moves has come to rest
        page.mouse.move(0, 0)
        page.screenshot(path=ROOT / "docs" / "page.png")
        browser.close()


if __name__ == "__main__":
    main()
