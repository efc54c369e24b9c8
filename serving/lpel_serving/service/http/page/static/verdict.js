// Shows the verdict: the decision in words, in numbers and on a scale, and its caveats.

import { $, list } from "./elements.js";
import { ROLES } from "./faces.js";
import { opposed } from "./mask.js";
import { showRegions } from "./regions.js";
import { drawScale, showNumbers } from "./scale.js";
import { decide } from "./status.js";
import { hideTruth, showTruth } from "./truth.js";
import { isSigned } from "./view.js";

/** Show the verdict on a pair, and for a sample whether it is right. */
export function showVerdict({ result, pictures }, chosen) {
  const doubtful = result.plausibility?.plausible === false;
  const words = [...result.words];
  const doubt = doubtful ? words.shift() : ""; // it comes first, of pictures of another kind
  const [headline, ...more] = words;
  decide(headline);
  showTruth($("truth"), chosen, result.decision);
  $("doubt").textContent = doubt;
  drawScale($("scale"), result);
  showNumbers($("numbers"), result);
  list($("words"), more);
  showLimit(result);
  $("answer").hidden = false;
  const divided = (role) => ({
    regions: result.explanations[role].regions,
    opposed: opposed(pictures[role].heatMap.data),
  });
  const faces = Object.fromEntries(ROLES.map((role) => [role, divided(role)]));
  // No parts are computed in the browser, for a control, or for implausible pictures.
  const none = !faces.test.regions?.length || result.method.control;
  $("parts").hidden = none;
  if (none) return;
  const signed = isSigned(pictures);
  $("parts-signed").hidden = !signed;
  $("parts-unsigned").hidden = signed;
  showRegions($("regions"), faces, signed);
}

/** The caveat that limits maps most stands beside the maps; the others beside the verdict. */
function showLimit({ beside_map: limit, caveats }) {
  $("map-limit").textContent = limit ?? "";
  list($("caveats"), caveats.filter((one) => one !== limit));
}

export function hideVerdict() {
  $("doubt").textContent = "";
  hideTruth($("truth"));
  for (const id of ["answer", "parts", "belief", "saving", "reading"]) $(id).hidden = true;
}
