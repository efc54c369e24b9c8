"""How far texts and drawn things stand out, of the colours that are seen: with every opacity."""

_SEEN = r"""
const parse = (text) => {
    const [r, g, b, a = 1] = (text === "none" ? "0 0 0 0" : text).match(/[\d.]+/g).map(Number);
    const unit = text.startsWith("color(") ? 255 : 1; // color(srgb 1 0 0) has its own measure
    return [r * unit, g * unit, b * unit, a];
};
const over = ([r, g, b, a], below) => [r, g, b].map((part, i) => a * part + (1 - a) * below[i]);
const channel = (part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => channel(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ratio = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
};
const grey = ([r, g, b]) => Array(3).fill(0.2126 * r + 0.7152 * g + 0.0722 * b);
const canvas = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];

/** A colour laid on an element, and what is behind it, as both are seen through its ancestors. */
const seen = (element, colour) => {
    const chain = [];
    for (let at = element; at; at = at.parentElement) chain.unshift(at);
    const paint = (place, below) => {
        if (place === chain.length) return [over(colour, below), below];
        const { opacity, backgroundColor, filter } = getComputedStyle(chain[place]);
        // A bar is a background itself: what is behind it is another's.
        const own = chain[place].matches(".bar i") ? [0, 0, 0, 0] : parse(backgroundColor);
        const inside = paint(place + 1, over(own, below));
        const shown = filter === "none" ? inside : inside.map(grey);
        return shown.map((part) => over([...part, Number(opacity)], below));
    };
    return paint(0, canvas);
};
const contrast = (element, colour) => ratio(...seen(element, colour));
const spoken = (element) => element.textContent.trim().replace(/\s+/g, " ").slice(0, 40);
"""

TEXTS = (
    "() => {"
    + _SEEN
    + r"""
    const worn = "select, input[type=password]";
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
        if (!(own || element.matches(worn)) || element.closest("option, optgroup")) continue;
        const visible = element.checkVisibility({ visibilityProperty: true });
        if (!visible || element.closest("#swap:disabled")) continue;
        const style = getComputedStyle(element);
        const colour = parse(element.closest("svg") ? style.fill : style.color);
        found.push([spoken(element) || element.id, contrast(element, colour)]);
    }
    return found;
}"""
)
"""How far each text that is seen stands out, on what cannot be used now as well: whoever wonders
why reads it. Swap alone is left out while there is nothing to be exchanged."""

DRAWN = (
    "() => {"
    + _SEEN
    + r"""
    const of = {
        // A button's border that is not to be seen leaves its words, which say what it is.
        "button:enabled, select:enabled, input[type=password]": ({ borderTopColor: border }) =>
            parse(border)[3] ? border : null,
        "#scale .axis, #scale .margin, #scale .threshold": (style) => style.stroke,
        "#scale circle": (style) => style.fill,
        "#curve .own, #curve .mean, #curve .band": (style) => style.stroke,
        ".bar i": (style) => style.backgroundColor,
        "#swap:enabled svg": (style) => style.stroke,
        ".key span": (_, own) => getComputedStyle(own, "::before").borderTopColor,
        ".bar.for": (_, own) => getComputedStyle(own, "::after").backgroundColor,
    };
    const against = (element, drawn) => contrast(element, parse(drawn));
    const found = [];
    for (const [selector, colour] of Object.entries(of)) {
        for (const element of document.querySelectorAll(selector)) {
            if (!element.checkVisibility({ visibilityProperty: true })) continue;
            const drawn = colour(getComputedStyle(element), element);
            if (drawn) found.push([`${selector} ${spoken(element)}`, against(element, drawn)]);
        }
    }
    const ramp = document.getElementById("ramp");
    if (ramp.checkVisibility()) {
        const ends = getComputedStyle(ramp).backgroundImage.match(/(?:rgba?|color)\([^)]*\)/g);
        const signed = !ramp.classList.contains("unsigned");
        const meant = signed ? [ends[0], ends.at(-1)] : [ends.at(-1)];
        found.push(...meant.map((end) => [`ramp ${end}`, against(ramp, end)]));
    }
    return found;
}"""
)
"""How far drawn things stand out that say something: outlines of controls, marks, bars, curves."""

FOCUSED = (
    "() => {"
    + _SEEN
    + r"""
    const own = document.activeElement;
    const { outlineStyle, outlineColor, outlineWidth } = getComputedStyle(own);
    return {
        style: outlineStyle,
        width: parseFloat(outlineWidth),
        contrast: contrast(own.parentElement, parse(outlineColor)),
    };
}"""
)
"""The outline of what has the focus, against what is around it."""


def below(found: list, limit: float) -> list[str]:
    """What stands out less than it should, a line each."""
    return [f"{text}: {ratio:.2f}" for text, ratio in found if ratio < limit]
