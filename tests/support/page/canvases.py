"""What stands in a canvas of the page, pixel by pixel."""

import base64

import numpy as np

READ = """(selector) => {
    const canvas = document.querySelector(selector);
    const { width, height } = canvas;
    const copy = new OffscreenCanvas(width, height);
    const context = copy.getContext("2d", { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    let text = "";
    for (let from = 0; from < data.length; from += 32768)
        text += String.fromCharCode(...data.subarray(from, from + 32768));
    return [width, height, btoa(text)];
}"""
KINDS = {
    "overlay": "canvas.overlay",
    "photograph": ".photograph canvas",
    "marked": ".marked canvas",
    "decoded": ".decoded canvas",
    "found": ".found canvas",
}


def canvas(page, role, kind):
    """RGBA of one of a card's canvases, uint8, shape (H, W, 4)."""
    width, height, data = page.evaluate(READ, f"[data-role={role}] {KINDS[kind]}")
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)


def cells(drawn, side):
    """What stands in the middle of each of a canvas's `side` by `side` cells."""
    places = ((np.arange(side) + 0.5) * drawn.shape[0] / side).astype(int)
    return drawn[np.ix_(places, places)].astype(int)
