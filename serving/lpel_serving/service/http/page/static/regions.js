// The table of shares: how much of each map lies in each part of the face.

import { $, html } from "./elements.js";
import { percent } from "./words.js";

/**
 * @typedef {{mean: number, low: number, high: number}} Usual  of other pairs called the same
 */

const COUNTS = 0.05; // of a map, below which what is against is ignored

/**
 * @typedef {object} Divided
 * @property {{name: string, area: number, for: number, against: number,
 *   usual_for: ?Usual, usual_against: ?Usual}[]} regions  of a face
 * @property {number} opposed  share of its map that speaks against the decision
 */

/**
 * Fill the table's body.
 * @param {HTMLTableSectionElement} body
 * @param {{reference: Divided, test: Divided}} faces
 * @param {boolean} signed  whether the maps say what speaks against the decision
 */
export function showRegions(body, { reference, test }, signed) {
  $("parts-usual").hidden = !reference.regions.some((one) => one.usual_for);
  const all = [...reference.regions, ...test.regions];
  const most = Math.max(...all.flatMap((one) => [one.for, one.area]));
  body.replaceChildren(
    ...reference.regions.map(({ name, area }, place) =>
      html("tr", {},
        html("th", { scope: "row" }, name, html("small", {}, `${percent(area)} of the picture`)),
        ...[reference, test].map((face) => cell(face.regions[place], face.opposed, most, signed))),
    ),
  );
}

/** All bars have one scale: what is against is drawn in proportion to what is for. */
function cell(region, opposed, most, signed) {
  const kind = signed ? " for it" : " of what is marked";
  const cell = html("td", {}, bar("for", region.for, kind, region.for / most, region.area / most));
  cell.append(...usually(region.for, region.usual_for));
  if (opposed >= COUNTS) {
    const weight = opposed < 1 ? opposed / (1 - opposed) : 1; // nothing is for it
    const length = Math.min((region.against * weight) / most, 1);
    cell.append(bar("against", region.against, " against it", length));
    cell.append(...usually(region.against, region.usual_against));
  }
  return cell;
}

/** The usual share, in a line of its own; none if it is not known. */
function usually(share, usual) {
  if (!usual) return [];
  const others = share > usual.high ? "less: " : share < usual.low ? "more: " : "";
  const mean = percent(usual.mean).replaceAll(" ", "\u00a0"); // in one piece where lines are short
  return [html("small", { class: others ? "usual beyond" : "usual" }, `usually ${others}${mean}`)];
}

/** A share as a bar and a number, with a mark across if given. */
function bar(kind, share, whose, length, mark = null) {
  const full = html("i", { "aria-hidden": "true" });
  full.style.setProperty("--length", length.toFixed(4));
  const text = html("span", {}, percent(share), html("span", { class: "unseen" }, whose));
  const row = html("div", { class: `bar ${kind}` }, full, text);
  row.style.setProperty("--mark", mark?.toFixed(4) ?? "-1");
  return row;
}
