"""What the page's controls and pictures are called, and what they point at."""

import re

NAMES = r"""() => {
    axe.setup(document);
    const { accessibleText } = axe.commons.text;
    const plain = (text) => (text ?? "").normalize().trim().replace(/\s+/g, " ").toLowerCase();
    const shown = (element) => element.checkVisibility({ visibilityProperty: true });
    const seen = (element) => [...element.childNodes].map((node) =>
        node.nodeType === 3 ? node.textContent
            : node.matches?.(".unseen, select") || !shown(node) ? "" : seen(node)).join(" ");
    const found = [];
    for (const element of document.querySelectorAll("button, a[href], input, select")) {
        if (!shown(element)) continue;
        const labels = element.matches("button, a") ? [element] : [...element.labels];
        found.push([plain(labels.map(seen).join(" ")), plain(accessibleText(element))]);
    }
    for (const canvas of document.querySelectorAll("figure:has(> figcaption) > canvas")) {
        const caption = canvas.parentElement.querySelector("figcaption").innerText;
        if (shown(canvas)) found.push([plain(caption), plain(accessibleText(canvas))]);
    }
    axe.teardown();
    return found;
}"""
"""What is seen of each control's label, or of a picture's caption, and what it is called."""

DANGLING = r"""() => {
    const pointing = ["aria-describedby", "aria-labelledby", "aria-controls", "for"];
    return pointing.flatMap((name) =>
        [...document.querySelectorAll(`[${name}]`)].flatMap((element) =>
            element.getAttribute(name).split(/\s+/).filter((id) => !document.getElementById(id))));
}"""
"""What elements point at that is not there."""

PICTURES = """() => [...document.querySelectorAll(".face canvas[role=img]")]
    .filter((canvas) => canvas.checkVisibility({ visibilityProperty: true }))
    .map((canvas) =>
        [canvas.closest(".face").querySelector(".name").textContent, canvas.ariaLabel])"""
"""Of each picture that is seen: the name on its card, and what it is called."""


def misnamed(found: list) -> list[str]:
    """Whatever is not called by what is seen of it."""
    return [f"{seen!r} is called {name!r}" for seen, name in found if seen not in name or not name]


def not_of_this(found: list) -> list[str]:
    """Whatever picture has no name, or one of a file that is on its card no more."""
    wrong = []
    for file, name in found:
        words = set(re.findall(r"[\w-]+\.(?:png|jpg)", name or ""))
        if not name or words - {file}:
            wrong.append(f"{name!r} on the card of {file!r}")
    return wrong
