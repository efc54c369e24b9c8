// The two face cards: choosing, dropping, pasting, and what is wrong with a picture.

import { $, html } from "./elements.js";
import { clear, drawPreview, fit } from "./draw.js";
import { doneTo } from "./sending.js";
import { subject } from "./subject.js";

export const ROLES = ["reference", "test"];
const TITLES = { reference: "Reference", test: "Test" };

/**
 * @typedef {object} Face
 * @property {Blob} file
 * @property {string} name  what the page calls it; it is never sent
 * @property {ImageBitmap} bitmap
 * @property {object} source  what the file is: see `read` in pictures.js
 * @property {boolean} kept  whether the file may be sent as it is
 * @property {import("./sending.js").Sent | null} [sent]  what the server was sent of it, if it was
 * @property {object} [drawn]  a copy that was drawn to be sent: see sending.js
 * @property {object | null} sample  the pair of ours that it was taken with
 * @property {{crop: string, place: number}} [chosen]  which of its faces, where the crop finds any
 */

const NO_FILE =
  "That is no file. Save the picture, and choose its file, or drop or paste the picture itself.";

/** Make the card of a role. `onFiles(role, files)` is called with what is put there. */
function makeCard(role, onFiles) {
  const card = $("face-card").content.firstElementChild.cloneNode(true);
  const find = (selector) => card.querySelector(selector);
  const [input, button, complaint] = [find("input"), find(".choose"), find(".complaint")];
  find("h3").textContent = TITLES[role];
  find("h3").id = `${role}-title`;
  card.setAttribute("aria-labelledby", `${role}-title`);
  input.id = `${role}-file`;
  card.dataset.role = role;
  complaint.id = `${role}-complaint`;
  find(".choose .unseen").textContent = ` (${TITLES[role]})`;
  button.setAttribute("aria-describedby", complaint.id);
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length) onFiles(role, [...input.files]); // none, where that was called off
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
    onFiles([...event.dataTransfer.files]);
    event.stopPropagation();
    event.preventDefault();
  });
}

/**
 * Both places. What is dropped beside them, or pasted, goes where `free()` says. What comes before
 * the server `offered` to take it waits, its name in its place.
 */
export function makeCards(onFiles, free, offered) {
  const take = async (role, files) => {
    const wrong = complaintOf(files);
    complain(cards[role], wrong);
    if (wrong) return;
    cards[role].querySelector(".name").textContent = files.map(({ name }) => name).join(", ");
    await offered;
    onFiles(role, files);
  };
  const cards = Object.fromEntries(ROLES.map((role) => [role, makeCard(role, take)]));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault(); // or the browser would leave the page for the picture
    take(free(), [...event.dataTransfer.files]);
  });
  document.addEventListener("paste", ({ clipboardData: { files } }) => {
    const at = document.activeElement;
    if (at.matches("input") && !files.length) return; // a key, where it belongs
    const focused = at.closest(".face")?.dataset.role;
    take(focused ?? free(), [...files]);
  });
  return cards;
}

function complaintOf(files) {
  if (!files.length) return NO_FILE;
  const few = files.length <= ROLES.length;
  const two = `two ${subject.many} are compared`;
  return few ? "" : `These are ${files.length} files, and ${two}. Take one or two.`;
}

export function canvases(card) {
  const of = (kind) => card.querySelector(`.${kind} canvas, canvas.${kind}`);
  return Object.fromEntries(
    ["overlay", "photograph", "marked", "decoded"].map((kind) => [kind, of(kind)]),
  );
}

/** Give all pictures of the cards the proportions of the network's: height and width. */
export function setProportions(cards, [height, width]) {
  document.documentElement.style.setProperty("--proportions", `${width} / ${height}`);
  for (const card of Object.values(cards)) {
    Object.values(canvases(card)).forEach((canvas) => fit(canvas, [height, width]));
  }
}

/** Show a face before its answer, or none, in place of what was there. */
export function showFace(card, face, fraction) {
  card.classList.toggle("empty", !face);
  card.classList.remove("explained");
  card.querySelector(".found").hidden = true;
  card.querySelector(".name").textContent = face?.name ?? "";
  showDone(card, face);
  const title = TITLES[card.dataset.role];
  card.querySelectorAll("canvas").forEach(clear);
  const { overlay } = canvases(card);
  if (face) drawPreview(overlay, face.bitmap, fraction);
  overlay.ariaLabel = face ? `${title}: ${face.name}` : `${title}: nothing chosen yet`;
}

/** Say how a picture was changed before it was sent, if it was. */
export function showDone(card, face) {
  card.querySelector(".done").textContent = face ? doneTo(face) : "";
}

/** Say what is wrong with a picture, on its card; an empty text removes it. */
export function complain(card, text) {
  const place = card.querySelector(".complaint");
  place.replaceChildren(...(text ? [html("span", {}, text)] : []));
  card.classList.toggle("refused", Boolean(text));
}
