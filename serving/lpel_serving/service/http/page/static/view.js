// Draws an answer's pictures according to the two sliders.

import { drawCrop, drawMarked, drawOverlay, drawReconstruction } from "./draw.js";
import { $, callPicture } from "./elements.js";
import { canvases, ROLES } from "./faces.js";
import { mask, opposed, scaled, share } from "./mask.js";
import { fixed, percent } from "./words.js";

export function epsilon() {
  return $("epsilon").valueAsNumber;
}

/** Both masks at the slider's epsilon, by role. */
export function masks(pictures) {
  const of = (role) => mask(pictures[role].heatMap.data, epsilon());
  return Object.fromEntries(ROLES.map((role) => [role, of(role)]));
}

/** Whether something of a map speaks against the decision. A control's speaks for nothing. */
export function isSigned(pictures) {
  return ROLES.some((role) => !pictures[role].control && opposed(pictures[role].heatMap.data) > 0);
}

/** Draw all there is of an answer. */
export function showPictures(cards, pictures, names) {
  for (const role of ROLES) {
    const { photograph, decoded } = canvases(cards[role]);
    drawCrop(photograph, pictures[role].crop);
    callPicture(photograph, `what the network saw of ${names[role]}`);
    const { reconstruction } = pictures[role];
    decoded.closest("figure").hidden = !reconstruction; // not every bundle has a decoder
    if (reconstruction) {
      drawReconstruction(decoded, reconstruction);
      callPicture(decoded, `${names[role]}, drawn from the network's numbers alone`);
    }
    cards[role].classList.add("explained");
  }
  const signed = isSigned(pictures);
  $("least").textContent = signed ? "against the decision" : "least";
  $("most").textContent = signed ? "for it" : "most";
  $("ramp").classList.toggle("unsigned", !signed);
  $("reading").hidden = false;
  redraw(cards, pictures);
}

/** Show a slider's value, and announce it once to screen readers. */
function say(slider, text) {
  $(`${slider}-value`).textContent = text;
  $(slider).setAttribute("aria-valuetext", text);
}

/** Draw again what the sliders change. */
export function redraw(cards, pictures) {
  const opacity = $("opacity").valueAsNumber;
  say("opacity", percent(opacity));
  say("epsilon", fixed(epsilon(), 2));
  if (!pictures) return;
  for (const [role, marked] of Object.entries(masks(pictures))) {
    const { overlay, marked: canvas } = canvases(cards[role]);
    const { crop, control } = pictures[role];
    const heatMap = control ? scaled(pictures[role].heatMap) : pictures[role].heatMap;
    drawOverlay(overlay, { crop, heatMap, marked, opacity });
    drawMarked(canvas, crop, marked, heatMap);
    const which = control ? "a control ranks highest" : "matter most";
    const marking = `${percent(share(marked))} of the ${role} that ${which}`;
    overlay.ariaLabel = `Heat-map over the ${role}. The ${marking} are outlined.`;
    callPicture(canvas, `the ${marking}`);
  }
}
