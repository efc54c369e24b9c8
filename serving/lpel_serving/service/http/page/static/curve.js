// Draws a pair's deletion or transplant curve beside those of random orderings.

import { svg } from "./elements.js";
import { fixed } from "./words.js";

const HEIGHT = 260;
const EDGE = { top: 12, right: 12, bottom: 40, left: 44 };

/**
 * Draw an answer of `/v1/assess`, as wide as there is room.
 * @param {HTMLElement} figure
 * @param {object} result
 */
export function drawCurve(figure, result) {
  const width = Math.max(figure.clientWidth, 240);
  const place = placing(result, width);
  const picture = svg(
    "svg",
    { width, height: HEIGHT, role: "img", "aria-label": inWords(result) },
    ...axes(result, width, place),
    svg("path", { class: "band", d: band(result, place) }),
    svg("path", { class: "mean", d: path(result.replaced, result.random.mean, place) }),
    svg("path", { class: "own", d: path(result.replaced, result.own, place) }),
  );
  figure.replaceChildren(picture);
}

/** From numbers to coordinates in the picture. */
function placing({ replaced, own, random }, width) {
  const values = [...own, ...random.low, ...random.high, 0];
  const [low, high] = [Math.min(...values), Math.max(...values, 1)];
  const last = replaced.at(-1) || 1;
  return {
    low,
    high,
    x: (value) => EDGE.left + ((width - EDGE.left - EDGE.right) * value) / last,
    y: (value) =>
      HEIGHT - EDGE.bottom - ((HEIGHT - EDGE.top - EDGE.bottom) * (value - low)) / (high - low),
  };
}

function path(xs, ys, place) {
  const points = xs.map((x, i) => `${place.x(x).toFixed(1)},${place.y(ys[i]).toFixed(1)}`);
  return `M${points.join("L")}`;
}

function band({ replaced, random }, place) {
  const there = path(replaced, random.high, place);
  const back = path(replaced.toReversed(), random.low.toReversed(), place);
  return `${there}L${back.slice(1)}Z`;
}

function axes({ replaced }, width, place) {
  const last = replaced.at(-1);
  const marks = [0, 0.5, 1].filter((value) => value >= place.low && value <= place.high);
  const levels = marks.flatMap((value) => [
    svg("line", {
      class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: place.y(value), y2: place.y(value),
    }),
    svg("text", { x: EDGE.left - 8, y: place.y(value) + 4, class: "end" }, fixed(value, 1)),
  ]);
  const below = HEIGHT - EDGE.bottom + 18;
  return [
    ...levels,
    ...[0, last / 2, last].map((value) =>
      svg("text", { x: place.x(value), y: below, class: "middle" }, String(Math.round(value)))),
    svg("text", { x: place.x(last / 2), y: HEIGHT - 4, class: "middle" }, "squares replaced"),
  ];
}

function inWords({ title, area }) {
  const numbers = `Area under this map's curve ${fixed(area.own)}`;
  return `${title}. ${numbers}, under random orders' ${fixed(area.random_mean)} on average.`;
}
