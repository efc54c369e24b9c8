// What the network decides, in words, in numbers, on a scale; and what that cannot prove.

import { $, list } from "./elements.js";
import { ROLES } from "./faces.js";
import { opposed } from "./mask.js";
import { showRegions } from "./regions.js";
import { drawScale, showNumbers } from "./scale.js";
import { decide } from "./status.js";
import { isSigned } from "./view.js";

/** Show what was told of a pair. */
export function showVerdict({ told, pictures }) {
  const [headline, ...more] = told.words;
  decide(headline);
  drawScale($("scale"), told);
  showNumbers($("numbers"), told);
  list($("words"), more);
  list($("caveats"), told.caveats);
  $("answer").hidden = false;
  const divided = (role) => ({
    regions: told.explanations[role].regions,
    opposed: opposed(pictures[role].heatMap.data),
  });
  const faces = Object.fromEntries(ROLES.map((role) => [role, divided(role)]));
  const none = !faces.test.regions || told.method.control; // the browser, and a control, know none
  $("parts").hidden = none;
  if (none) return;
  const signed = isSigned(pictures);
  $("parts-signed").hidden = !signed;
  $("parts-unsigned").hidden = signed;
  showRegions($("regions"), faces, signed);
}

export function hideVerdict() {
  for (const id of ["answer", "parts", "belief", "saving", "reading"]) $(id).hidden = true;
}
