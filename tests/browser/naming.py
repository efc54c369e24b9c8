"""What the page's controls and pictures are called, and what they point at."""

NAMES = r"""() => {
    axe.setup(document);
    const { accessibleText } = axe.commons.text;
    const plain = (text) => (text ?? "").normalize().trim().replace(/\s+/g, " ").toLowerCase();
    const shown = (element) => element.checkVisibility({ visibilityProperty: true });
    const found = [];
    for (const element of document.querySelectorAll("button, a[href], input, select")) {
        if (!shown(element)) continue;
        const own = element.matches("button, a")
            ? [element.innerText]
            : [...element.labels].map((label) => label.matches(":has(select)")
                ? label.querySelector("span").innerText : label.innerText);
        found.push([own.map(plain).join(" "), plain(accessibleText(element))]);
    }
    for (const canvas of document.querySelectorAll("figure:has(> figcaption) > canvas")) {
        const caption = canvas.parentElement.querySelector("figcaption").innerText;
        if (shown(canvas)) found.push([plain(caption), plain(accessibleText(canvas))]);
    }
    axe.teardown();
    return found;
}"""
"""What is seen of each control's label, or of a picture's caption, and what it is called."""

DANGLING = """() => ["aria-describedby", "aria-labelledby", "aria-controls", "for"].flatMap((name) =>
    [...document.querySelectorAll(`[${name}]`)].flatMap((element) =>
        element.getAttribute(name).split(/\\s+/).filter((id) => !document.getElementById(id))))"""
"""What elements point at that is not there."""

PICTURES = """() => [...document.querySelectorAll(".face canvas[role=img]")]
    .filter((canvas) => canvas.checkVisibility({ visibilityProperty: true }))
    .map((canvas) => [canvas.closest(".face").querySelector(".name").textContent, canvas.ariaLabel])"""
"""Of each picture that is seen: the name on its card, and what it is called."""


def misnamed(found: list) -> list[str]:
    """Whatever is not called by what is seen of it."""
    return [f"{seen!r} is called {name!r}" for seen, name in found if seen not in name or not name]
