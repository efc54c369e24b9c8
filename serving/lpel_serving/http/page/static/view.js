// An answer's pictures, drawn as the two sliders have them.

import { drawCrop, drawMarked, drawOverlay, drawReconstruction } from "./draw.js";
import { $ } from "./elements.js";
import { canvases, ROLES } from "./faces.js";
import { mask, opposed, share } from "./mask.js";
import { fixed, percent } from "./words.js";

export function epsilon() {
  return $("epsilon").valueAsNumber;
}

/** Both masks as the slider has them, by role. */
export function masks(pictures) {
  const of = (role) => mask(pictures[role].heatMap.data, epsilon());
  return Object.fromEntries(ROLES.map((role) => [role, of(role)]));
}

/** Draw all there is of an answer. */
export function showPictures(cards, pictures, names) {
  for (const role of ROLES) {
    const { photograph, decoded } = canvases(cards[role]);
    drawCrop(photograph, pictures[role].crop);
    drawReconstruction(decoded, pictures[role].reconstruction);
    photograph.ariaLabel = `What the network saw of ${names[role]}`;
    decoded.ariaLabel = `What the decoder tells of ${names[role]} from its embedding`;
    cards[role].classList.add("explained");
  }
  const signed = ROLES.some((role) => opposed(pictures[role].heatMap.data));
  $("least").textContent = signed ? "against the decision" : "least";
  $("ramp").classList.toggle("unsigned", !signed);
  $("reading").hidden = false;
  redraw(cards, pictures);
}

/** Draw again what the sliders change. */
export function redraw(cards, pictures) {
  const opacity = $("opacity").valueAsNumber;
  $("opacity-value").textContent = percent(opacity);
  $("epsilon-value").textContent = fixed(epsilon(), 2);
  if (!pictures) return;
  for (const [role, marked] of Object.entries(masks(pictures))) {
    const { overlay, marked: canvas } = canvases(cards[role]);
    const { crop, heatMap } = pictures[role];
    drawOverlay(overlay, { crop, heatMap, marked, opacity });
    drawMarked(canvas, crop, marked);
    const told = `The ${percent(share(marked))} of the ${role} that matter most`;
    overlay.ariaLabel = `Heat-map over the ${role}. ${told} are outlined.`;
    canvas.ariaLabel = told;
  }
}
