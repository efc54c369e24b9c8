// Where a similarity lies beside its threshold.

import { html, svg } from "./elements.js";
import { fixed, percent, sideBySide } from "./words.js";

/** The scale from 0 to 1, or from −1 where one of the two lies below 0. */
export function drawScale(figure, numbers) {
  const { similarity, threshold } = numbers;
  const least = Math.min(similarity, threshold) < 0 ? -1 : 0;
  const at = (value) => `${(100 * (value - least)) / (1 - least)}%`;
  const line = (from, to, kind) =>
    svg("line", { x1: at(from), x2: at(to), y1: 12, y2: 12, class: kind });
  const picture = svg(
    "svg",
    { height: 24, role: "img", "aria-label": inWords(numbers) },
    line(least, 1, "axis"),
    line(threshold, similarity, "margin"),
    svg("line", { x1: at(threshold), x2: at(threshold), y1: 4, y2: 20, class: "threshold" }),
    svg("circle", { cx: at(similarity), cy: 12, r: 6, class: "similarity" }),
  );
  figure.replaceChildren(end(least), picture, end(1));
}

function end(value) {
  return html("span", { "aria-hidden": "true" }, fixed(value, 0));
}

function inWords(numbers) {
  const { shown, limit, distance } = sideBySide(numbers);
  return `Similarity ${shown}, ${distance || "exactly"} the threshold ${limit}.`;
}

/** With its sign, which is the decision's even where it rounds to nothing. */
function margin(numbers) {
  const { apart } = sideBySide(numbers);
  if (numbers.margin === 0) return fixed(0);
  const sign = numbers.margin > 0 ? "+" : "\u2212";
  return apart ? sign + fixed(apart) : `${numbers.margin > 0 ? "<" : ">"} ${sign}0.001`;
}

/** The same in numbers, and how sure the decision is. */
export function showNumbers(terms, { confidence, ...numbers }) {
  const { shown, limit } = sideBySide(numbers);
  const rows = [
    ["Similarity", shown, "similarity"],
    ["Threshold", limit, "threshold"],
    ["Margin", margin(numbers), "margin"],
  ];
  if (confidence) {
    rows.push(["One person, at even odds", percent(confidence.same_person), "confidence"]);
  }
  terms.replaceChildren(
    ...rows.map(([name, value, kind]) =>
      html("div", { class: kind }, html("dt", {}, name), html("dd", {}, value)),
    ),
  );
}
