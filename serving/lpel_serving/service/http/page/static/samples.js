// The sample pairs that the server offers.

import { samplePicture } from "./api.js";
import { $, html } from "./elements.js";
import { ROLES } from "./faces.js";

const shown = []; // each pair with its button

/** Mark the pair whose faces are shown, or none. */
export function mark(taken) {
  for (const { sample, button } of shown) {
    if (sample === taken) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

/** Offer them; `onTake(sample, files)` is called with the one that is taken. */
export async function offerSamples(samples, onTake) {
  $("offered").hidden = !samples.length;
  const offered = await Promise.all(samples.map((sample) => offer(sample, onTake)));
  $("samples").replaceChildren(...offered);
}

async function offer(sample, onTake) {
  const files = await Promise.all(ROLES.map((role) => samplePicture(sample[role].url)));
  const pictures = files.map((file) => html("img", { src: URL.createObjectURL(file), alt: "" }));
  const button = html(
    "button",
    { type: "button" },
    html("span", { class: "both" }, ...pictures),
    html("span", {}, sample.title),
  );
  button.addEventListener("click", () => onTake(sample, files));
  shown.push({ sample, button });
  return html("li", {}, button);
}
