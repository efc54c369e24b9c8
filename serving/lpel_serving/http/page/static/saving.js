// Saving an explanation as files.

import { $, html } from "./elements.js";

/** Hand a file to whoever asked for it. */
function save(blob, name) {
  const link = html("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Hand over what the server makes, or say why it does not. */
export async function saveMade(make, name) {
  $("saving-hint").textContent = "The server makes it …";
  try {
    save(await make(), name);
    $("saving-hint").textContent = "";
  } catch (error) {
    $("saving-hint").textContent = error.message;
  }
}

export function saveJson(value, name) {
  save(new Blob([JSON.stringify(value, null, 1)], { type: "application/json" }), name);
}

/** Say what can be saved of the shown answer: the server alone makes figures and arrays. */
export function offer(local, figures) {
  $("save-arrays").disabled = local;
  $("save-figure").disabled = local || !figures;
  $("saving-hint").textContent = local ? "Figure and arrays are made by the server alone." : "";
  $("saving").hidden = false;
}
