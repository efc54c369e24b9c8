// The two places for faces: choosing, dropping, pasting, and what is wrong with a picture.

import { $, html } from "./elements.js";
import { drawPreview } from "./draw.js";

export const ROLES = ["reference", "test"];
const TITLES = { reference: "Reference", test: "Test" };

/**
 * @typedef {object} Face
 * @property {Blob} file
 * @property {string} name  what the page calls it; it is told to nobody
 * @property {ImageBitmap} bitmap
 * @property {object | null} sample  the pair of ours that it was taken with
 * @property {{crop: string, place: number}} [chosen]  which of its faces, where the crop finds any
 */

/** Make the place of a role. `onFiles(role, files)` hears what is put there. */
function makeCard(role, onFiles) {
  const card = $("face-card").content.firstElementChild.cloneNode(true);
  const find = (selector) => card.querySelector(selector);
  const [input, button, complaint] = [find("input"), find(".choose"), find(".complaint")];
  find("h3").textContent = TITLES[role];
  input.id = `${role}-file`;
  card.dataset.role = role;
  complaint.id = `${role}-complaint`;
  button.setAttribute("aria-describedby", complaint.id);
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    onFiles(role, [...input.files]);
    input.value = ""; // so that the same file may be chosen again
  });
  takeDrops(card, (files) => onFiles(role, files));
  $(`${role}-place`).replaceWith(card);
  return card;
}

function takeDrops(card, onFiles) {
  card.addEventListener("dragover", () => card.classList.add("over"));
  card.addEventListener("dragleave", () => card.classList.remove("over"));
  card.addEventListener("drop", (event) => {
    card.classList.remove("over");
    if (event.dataTransfer.files.length) onFiles([...event.dataTransfer.files]);
    event.stopPropagation();
    event.preventDefault();
  });
}

/** Both places. What is dropped beside them, or pasted, goes where `free()` says. */
export function makeCards(onFiles, free) {
  const cards = Object.fromEntries(ROLES.map((role) => [role, makeCard(role, onFiles)]));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault(); // or the browser would leave the page for the picture
    if (event.dataTransfer.files.length) onFiles(free(), [...event.dataTransfer.files]);
  });
  document.addEventListener("paste", ({ clipboardData: { files } }) => {
    const focused = document.activeElement.closest(".face")?.dataset.role;
    if (files.length) onFiles(focused ?? free(), [...files]);
  });
  return cards;
}

export function canvases(card) {
  const of = (kind) => card.querySelector(`.${kind} canvas, canvas.${kind}`);
  return Object.fromEntries(
    ["overlay", "photograph", "marked", "decoded"].map((kind) => [kind, of(kind)]),
  );
}

/** Show a face before anything is known of it; or none. */
export function showFace(card, face, fraction) {
  card.classList.toggle("empty", !face);
  card.classList.remove("explained");
  card.querySelector(".found").hidden = true;
  card.querySelector(".name").textContent = face?.name ?? "";
  const title = TITLES[card.dataset.role];
  const { overlay } = canvases(card);
  if (face) drawPreview(overlay, face.bitmap, fraction);
  overlay.ariaLabel = face ? `${title}: ${face.name}` : `${title}: nothing chosen yet`;
  const does = face ? "change the picture" : "choose a picture, or drop or paste one";
  card.querySelector(".choose").ariaLabel = `${title}: ${does}`;
}

/** Say what is wrong with a picture, where it is; an empty text takes it back. */
export function complain(card, text) {
  const place = card.querySelector(".complaint");
  place.replaceChildren(...(text ? [html("span", {}, text)] : []));
  card.classList.toggle("refused", Boolean(text));
}
