// Pairs that the server offers to whoever has no pictures at hand.

import { samplePicture } from "./api.js";
import { $, html } from "./elements.js";
import { ROLES } from "./faces.js";

/** Offer them; `onTake(sample, files)` hears which is taken. */
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
  return html("li", {}, button);
}
