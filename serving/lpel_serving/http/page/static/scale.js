// Where a similarity lies beside its threshold.

import { html, svg } from "./elements.js";
import { difference, fixed, percent } from "./words.js";

/** The scale from 0 to 1, or from −1 where one of the two lies below 0. */
export function drawScale(figure, { similarity, threshold, margin }) {
  const least = Math.min(similarity, threshold) < 0 ? -1 : 0;
  const at = (value) => `${(100 * (value - least)) / (1 - least)}%`;
  const line = (from, to, kind) =>
    svg("line", { x1: at(from), x2: at(to), y1: 12, y2: 12, class: kind });
  const picture = svg(
    "svg",
    { height: 24, role: "img", "aria-label": inWords(similarity, threshold, margin) },
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

function inWords(similarity, threshold, margin) {
  const side = margin > 0 ? "above" : "below";
  return `Similarity ${fixed(similarity)}, ${side} the threshold ${fixed(threshold)}.`;
}

/** The same in numbers, and how sure the decision is. */
export function showNumbers(terms, { similarity, threshold, margin, confidence }) {
  const rows = [
    ["Similarity", fixed(similarity), "similarity"],
    ["Threshold", fixed(threshold), "threshold"],
    ["Margin", difference(margin), "margin"],
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
