"""The page as it opens, and the faces that it is shown."""

from contextlib import contextmanager

import numpy as np

from support.images import pixels

PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True}
"""A window as a phone has it."""
SECONDS = 180_000
"""How long the page may take for anything, in milliseconds."""
SPLITTING = 0.8
"""A threshold that calls some of the tiny pairs similar and others not."""
CROPS = np.stack([pixels(seed) for seed in (0, 1, 2, 6)])
NAMES = ["Ada", "Bea", "Cleo", "Dora"]


@contextmanager
def opened(chromium, address, *, begins="Choose two faces", **options):
    """The page as it opens, saying how it begins. What it asks for and complains of is kept."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(SECONDS)
    page = context.new_page()
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request))  # noqa: PLW0108 - Playwright marks what it calls
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(address)
    try:
        page.wait_for_selector(f"#status:text('{begins}')")
        yield page
    finally:
        context.close()


def expected(engine, pair=(0, 1), **options):
    return engine.explain(CROPS[pair[0]], CROPS[pair[1]], **options)
