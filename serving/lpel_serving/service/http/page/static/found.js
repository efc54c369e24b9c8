// The faces found in a photograph: which one was taken, and choosing another.

import { html } from "./elements.js";
import { ROLES } from "./faces.js";

const SIDE = 640; // of the drawing's longer side
const BY_SIZE = ["the largest", "the second largest", "the third largest"];

/**
 * @typedef {object} Found
 * @property {number} count
 * @property {number} taken  place of the face that was taken
 * @property {Box[]} boxes  the largest first
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box
 *   in pixels of the photograph
 */

/** Listen to both cards: `onChoose(role, place)` is called with the face to be taken. */
export function listen(cards, onChoose) {
  for (const role of ROLES) {
    const { select, canvas } = parts(cards[role]);
    select.addEventListener("change", () => onChoose(role, Number(select.value)));
    canvas.addEventListener("click", ({ offsetX, offsetY }) => {
      const shares = [offsetX / canvas.clientWidth, offsetY / canvas.clientHeight];
      const place = nearest(canvas.middles, shares);
      if (place !== Number(select.value)) onChoose(role, place);
    });
  }
}

/** Which faces were chosen by role, as fields of a request; a choice is for its crop alone. */
export function chosenFields(faces, crop) {
  const chosen = ROLES.filter((role) => faces[role]?.chosen?.crop === crop);
  return Object.fromEntries(chosen.map((role) => [`${role}_face`, faces[role].chosen.place]));
}

/** Show what was found in a face's photograph; nothing if the crop detects no faces. */
export function showFound(card, { bitmap, sent }, found) {
  const { figure, canvas, caption, label, select } = parts(card);
  figure.hidden = !found;
  if (!found) return;
  const several = found.count > 1;
  const words = several
    ? `${found.count} faces found; ${bySize(found.taken)} was taken.`
    : "1 face found.";
  caption.textContent = words;
  const seen = sent ?? bitmap; // the boxes are in pixels of what the server saw
  draw(canvas, bitmap, seen, found);
  canvas.ariaLabel = `The whole photograph. ${words}`;
  canvas.classList.toggle("several", several);
  canvas.middles = found.boxes.map((box) => middle(box, seen));
  label.hidden = !several;
  select.replaceChildren(
    ...found.boxes.map((_, place) => {
      const text = `${place + 1} of ${found.count}${place ? "" : ", largest"}`;
      return html("option", { value: place }, text);
    }),
  );
  select.value = found.taken;
}

function bySize(place) {
  return BY_SIZE[place] ?? `number ${place + 1} by size`;
}

function parts(card) {
  const figure = card.querySelector(".found");
  const [canvas, caption, label, select] = ["canvas", "figcaption", "label", "select"].map((name) =>
    figure.querySelector(name),
  );
  return { figure, canvas, caption, label, select };
}

/** The middle of a box, as shares of the photograph's width and height. */
function middle({ left, top, right, bottom }, { width, height }) {
  return [(left + right) / 2 / width, (top + bottom) / 2 / height];
}

/** The face that a click is meant for, even if its box is small. */
function nearest(middles, [x, y]) {
  const distances = middles.map(([left, top]) => Math.hypot(left - x, top - y));
  return distances.indexOf(Math.min(...distances));
}

function draw(canvas, bitmap, seen, { boxes, taken }) {
  const scale = SIDE / Math.max(seen.width, seen.height);
  canvas.width = Math.max(1, Math.round(seen.width * scale));
  canvas.height = Math.max(1, Math.round(seen.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // under what is transparent, as the engine lays it
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const others = boxes.map((_, place) => place).filter((place) => place !== taken);
  for (const place of [...others, taken]) {
    drawBox(context, boxes[place], scale, place === taken);
    if (others.length) drawNumber(context, boxes[place], scale, place);
  }
}

/** A box that is visible on any background, white on black; dashed if the face was not taken. */
function drawBox(context, { left, top, right, bottom }, scale, taken) {
  for (const [width, colour] of [[taken ? 14 : 8, "black"], [taken ? 8 : 4, "white"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.setLineDash(taken || colour === "black" ? [] : [16, 12]);
    context.strokeRect(left * scale, top * scale, (right - left) * scale, (bottom - top) * scale);
  }
}

function drawNumber(context, { left, top }, scale, place) {
  const [size, x, y] = [44, left * scale, top * scale];
  context.font = `600 ${0.75 * size}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = "black";
  context.fillRect(x, y, size, size);
  context.fillStyle = "white";
  context.fillText(place + 1, x + size / 2, y + size / 2);
}
