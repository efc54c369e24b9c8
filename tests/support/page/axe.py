"""axe-core in the page: what it finds against the rules of WCAG 2.2 AA, and against good practice.

It is evaluated in the page from outside, so the page keeps the policy that it is served with.
"""

from functools import cache

from support.areas import INSTALLED

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
SCRIPT = INSTALLED / "access" / "node_modules" / "axe-core" / "axe.min.js"
"""Where scripts/runtimes puts it."""
_RUN = """async (tags) => {
    const { violations, incomplete } = await axe.run(document, {
        runOnly: { type: "tag", values: tags },
        resultTypes: ["violations", "incomplete"],
        rules: { "label-content-name-mismatch": { enabled: true } },
    });
    const found = (kind) => kind.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary ?? ""}`));
    const drawn = ({ target }) => document.querySelector(target.at(-1)).closest("svg");
    const open = incomplete.map(({ id, nodes }) =>
        ({ id, nodes: nodes.filter((node) => !(id === "color-contrast" && drawn(node))) }));
    return { violations: found(violations), undecided: found(open) };
}"""


@cache
def _source() -> str:
    return SCRIPT.read_text(encoding="utf-8")


def put_in(page) -> None:
    """Put axe-core into a page; it stays until the page is left."""
    page.evaluate(f"() => {{ {_source()} }}")


def look(page) -> dict[str, list[str]]:
    """What violates a rule now, and what axe could not decide, a line for each element.

    Of texts in drawings it never knows the ground: `support.page.colours.TEXTS` does.
    """
    return page.evaluate(_RUN, TAGS)
