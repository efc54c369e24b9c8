// What the network decides, in words, in numbers, on a scale; and what that cannot prove.

import { $, list } from "./elements.js";
import { ROLES } from "./faces.js";
import { opposed } from "./mask.js";
import { showRegions } from "./regions.js";
import { drawScale, showNumbers } from "./scale.js";
import { decide } from "./status.js";
import { hideTruth, showTruth } from "./truth.js";
import { isSigned } from "./view.js";

/** Show what is said of a pair, and of ours whether it is right. */
export function showVerdict({ told, pictures }, chosen) {
  const doubtful = told.plausibility?.plausible === false;
  const words = [...told.words];
  const doubt = doubtful ? words.shift() : ""; // it comes first, of pictures of another kind
  const [headline, ...more] = words;
  decide(headline);
  showTruth($("truth"), chosen, told.decision);
  $("doubt").textContent = doubt;
  drawScale($("scale"), told);
  showNumbers($("numbers"), told);
  list($("words"), more);
  showLimit(told);
  $("answer").hidden = false;
  const divided = (role) => ({
    regions: told.explanations[role].regions,
    opposed: opposed(pictures[role].heatMap.data),
  });
  const faces = Object.fromEntries(ROLES.map((role) => [role, divided(role)]));
  // The browser knows no parts, nor does a control, and none are named of pictures of another kind.
  const none = !faces.test.regions?.length || told.method.control;
  $("parts").hidden = none;
  if (none) return;
  const signed = isSigned(pictures);
  $("parts-signed").hidden = !signed;
  $("parts-unsigned").hidden = signed;
  showRegions($("regions"), faces, signed);
}

/** What limits all that a map says stands beside the maps; the other limits beside the verdict. */
function showLimit({ beside_map: limit, caveats }) {
  $("map-limit").textContent = limit ?? "";
  list($("caveats"), caveats.filter((one) => one !== limit));
}

export function hideVerdict() {
  $("doubt").textContent = "";
  hideTruth($("truth"));
  for (const id of ["answer", "parts", "belief", "saving", "reading"]) $(id).hidden = true;
}
