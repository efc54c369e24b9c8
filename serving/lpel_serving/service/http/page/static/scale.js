// Draws the similarity and the threshold on a scale, and lists them in numbers.

import { html, svg } from "./elements.js";
import { fallsWithLikeness, fixed, percent, sideBySide } from "./words.js";
import { subject } from "./subject.js";

const [LEAST, MOST] = [-1, 1]; // of every similarity: two pairs can be compared by eye
const BAND = { top: 22, height: 24 }; // in pixels of the drawing
const HEIGHT = 66;

/** The scale of all similarities, divided at the threshold. */
export function drawScale(figure, numbers) {
  const { similarity, threshold } = numbers;
  const { shown, limit } = sideBySide(numbers);
  const bottom = BAND.top + BAND.height;
  const line = (x1, x2, y1, y2, kind) =>
    svg("line", { x1: at(x1), x2: at(x2), y1, y2, class: kind });
  const picture = svg(
    "svg",
    { height: HEIGHT, role: "img", "aria-label": inWords(numbers) },
    side("different", LEAST, threshold),
    side("same", threshold, MOST),
    text("different", LEAST, BAND.top + 17, { dx: 8 }),
    text("same", MOST, BAND.top + 17, { dx: -8, class: "end" }),
    line(threshold, similarity, BAND.top, BAND.top, "margin"),
    line(threshold, threshold, BAND.top - 4, bottom + 4, "threshold"),
    svg("circle", { cx: at(similarity), cy: BAND.top, r: 6, class: "similarity" }),
    label(`this pair ${shown}`, similarity, 11, "similarity"),
    label(`threshold ${limit}`, threshold, HEIGHT - 4, "limit"),
  );
  const [least, most] = numbers.comparison ? ["", ""] : [fixed(LEAST, 0), fixed(MOST, 0)];
  figure.replaceChildren(end(least), picture, end(most));
}

/** A distance has no least similarity: what lies beyond the scale is drawn at its end. */
function at(value) {
  return `${(100 * (Math.max(value, LEAST) - LEAST)) / (MOST - LEAST)}%`;
}

/** One side of the threshold, where the network calls faces the same or different. */
function side(kind, from, to) {
  const width = `${(100 * Math.max(to - from, 0)) / (MOST - LEAST)}%`;
  return svg("rect", { x: at(from), y: BAND.top, width, height: BAND.height, class: kind });
}

function text(words, value, y, attributes = {}) {
  return svg("text", { x: at(value), y, ...attributes }, words);
}

/** The label of a mark, kept within the drawing: aligned to the mark near an end. */
function label(words, value, y, kind) {
  const place = value > 0.5 ? " end" : value < -0.5 ? "" : " middle";
  return text(words, value, y, { class: `label ${kind}${place}` });
}

function end(words) {
  return html("span", { "aria-hidden": "true" }, words);
}

function inWords(numbers) {
  const { measure, shown, limit, distance } = sideBySide(numbers);
  const scale = numbers.comparison ? "from different to same" : "from −1 to 1";
  const sides = fallsWithLikeness(numbers.comparison) ? ["below", "above"] : ["above", "below"];
  return (
    `A scale ${scale}. ${capital(measure)} ${shown}, ${distance || "exactly"} the threshold ` +
    `${limit}: ${sides[0]} it the network calls two ${subject.many} similar, ${sides[1]} it ` +
    "dissimilar."
  );
}

const capital = (words) => words[0].toUpperCase() + words.slice(1);

/** With its sign, which is the decision's even where it rounds to nothing. */
function margin(numbers) {
  const { apart } = sideBySide(numbers);
  if (numbers.margin === 0) return fixed(0);
  const sign = numbers.margin > 0 ? "+" : "\u2212";
  return apart ? sign + fixed(apart) : `${numbers.margin > 0 ? "<" : ">"} ${sign}0.001`;
}

/** The same in numbers, with the predicted probability. */
export function showNumbers(terms, { confidence, ...numbers }) {
  const { measure, shown, limit } = sideBySide(numbers);
  const rows = [
    [capital(measure), shown, "similarity"],
    ["Threshold", limit, "threshold"],
    ["Margin", margin(numbers), "margin"],
  ];
  if (confidence) {
    const share = percent(confidence.same_person);
    rows.push([`Pairs this similar that show ${subject.same}`, share, "confidence"]);
  }
  terms.replaceChildren(
    ...rows.map(([name, value, kind]) =>
      html("div", { class: kind }, html("dt", {}, name), html("dd", {}, value)),
    ),
  );
}
