// Saving an explanation as files.

import { $, html } from "./elements.js";

/** Download a file. */
function save(blob, name) {
  const link = html("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Download a file that the server makes, or say why it cannot. */
async function saveMade(make, name, onLocked) {
  $("saving-hint").textContent = "The server makes it …";
  try {
    save(await make(), name);
    $("saving-hint").textContent = "";
  } catch (error) {
    $("saving-hint").textContent = error.message;
    if (error.status === 401) onLocked(error);
  }
}

/** Offer what can be saved: the server makes no files of what was computed here (`local`). */
export function offerToSave(local, figures) {
  $("save-arrays").disabled = local;
  $("save-figure").disabled = local || !figures;
  $("saving-hint").textContent = local ? "Figure and arrays are made by the server alone." : "";
  $("saving").hidden = false;
}

/**
 * Listen to the buttons: the server makes a type of file by `make`, the page its own record.
 * `onLocked(error)` is called if the server requires another key.
 */
export function listen(make, record, onLocked) {
  const made = (accept, name) => () => saveMade(() => make(accept), name, onLocked);
  $("save-figure").addEventListener("click", made("image/png", "explanation.png"));
  $("save-arrays").addEventListener("click", made("application/x-npz", "explanation.npz"));
  $("save-numbers").addEventListener("click", () => saveJson(record(), "explanation.json"));
}

function saveJson(value, name) {
  save(new Blob([JSON.stringify(value, null, 1)], { type: "application/json" }), name);
}
