"""What a user does, and what the page then says."""

import base64
import json

import numpy as np

ROLES = ("reference", "test")
DTYPES = {"float32": "<f4", "bool": "?", "uint8": "u1"}


def choose(page, role, *paths):
    page.set_input_files(f"#{role}-file", [str(path) for path in paths])


def take_sample(page, number=1):
    page.click(f"#samples li:nth-child({number}) button")
    decided(page)


def decided(page):
    """Wait for a verdict; return its headline."""
    page.wait_for_selector("#status.decided, #status.failed, .complaint span")
    page.wait_for_selector("body:not(.stale)")
    assert "decided" in page.get_attribute("#status", "class"), page.inner_text("main")
    return page.inner_text("#status")


def press(page, selector):
    """A press of the mouse on the middle of a control."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def names(page):
    return [page.inner_text(f"[data-role={role}] .name") for role in ROLES]


def complaint(page, role):
    page.wait_for_selector(f"[data-role={role}] .complaint span, #status.failed")
    assert "failed" not in page.get_attribute("#status", "class"), page.inner_text("main")
    return page.inner_text(f"[data-role={role}] .complaint")


def saved(page, button):
    """The bytes of the file that a button makes, and its name."""
    with page.expect_download() as download:
        page.click(button)
    return download.value.path().read_bytes(), download.value.suggested_filename


def record(page):
    """What the page saves as JSON."""
    return json.loads(saved(page, "#save-numbers")[0])


def array(written):
    """An array of what the page saves as JSON."""
    values = np.frombuffer(base64.b64decode(written["base64"]), DTYPES[written["dtype"]])
    return values.reshape(written["shape"])


def posts(page):
    return [request for request in page.asked if request.method == "POST"]


def drop(page, selector, paths):
    """Let go of files over an element."""
    files = [
        {"name": path.name, "data": base64.b64encode(path.read_bytes()).decode()} for path in paths
    ]
    page.evaluate(
        """([selector, files]) => {
            const transfer = new DataTransfer();
            for (const { name, data } of files) {
                const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name));
            }
            const event = (kind) =>
                new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
            const target = document.querySelector(selector);
            target.dispatchEvent(event("dragover"));
            target.dispatchEvent(event("drop"));
        }""",
        [selector, files],
    )
