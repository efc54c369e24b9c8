// What is sent of a face: its file, or a smaller or converted copy if the server would refuse it.

import { CANVAS, PictureError, within } from "./pictures.js";
import { megabytes } from "./words.js";

const OVERHEAD = 4096; // bytes of a request that are not its pictures
const QUALITY = 0.95; // of a JPEG
const PNG_BYTES = 2; // for a pixel of a photograph; where that is too much, none is tried
const TRIES = 12;
const FORMATS = { "image/png": "PNG", "image/jpeg": "JPEG" };

/**
 * @typedef {object} Sent
 * @property {Blob} blob
 * @property {number} width
 * @property {number} height
 */

/**
 * Set what is `sent` of both faces, so that the server takes them together. Files that it reads
 * are sent untouched where there is room, so that it answers as it would without the page.
 * @param {Record<string, import("./faces.js").Face>} faces
 * @param {number} most  bytes of a request
 * @param {AbortSignal} signal
 */
export async function fit(faces, most, signal) {
  const room = most - OVERHEAD;
  const [roles, sent] = [Object.keys(faces), {}];
  const bytes = (role) => sent[role].blob.size;
  const fill = async (role, most) => {
    const cannot = (text) => new PictureError(`${faces[role].name} ${text}`, role);
    sent[role] = await drawn(faces[role], most).catch(() => {
      throw cannot("cannot be converted by this browser. Make it smaller, or save it as JPEG.");
    });
    signal.throwIfAborted();
    if (!sent[role]) throw cannot(tooLarge(room));
  };
  for (const role of roles) {
    if (faces[role].kept) sent[role] = whole(faces[role]);
    else await fill(role, room / 2);
  }
  const [larger, smaller] = roles.sort((one, other) => bytes(other) - bytes(one));
  for (const [role, other] of [[larger, smaller], [smaller, larger]]) {
    const left = room - bytes(other);
    if (bytes(role) > left) await fill(role, Math.max(room / 2, left));
  }
  for (const role of roles) faces[role].sent = sent[role];
}

const whole = ({ file, bitmap: { width, height } }) => ({ blob: file, width, height });

/** A face drawn into at most `bytes`, or null; what was drawn for as many before is kept. */
async function drawn(face, bytes) {
  if (face.drawn?.bytes !== bytes) face.drawn = { bytes, sent: await draw(face.bitmap, bytes) };
  return face.drawn.sent;
}

function tooLarge(room) {
  return `cannot be made small enough: the server takes ${megabytes(room)} for both.`;
}

/** As PNG if that is small enough; else as JPEG, smaller and smaller. */
async function draw(bitmap, bytes) {
  let size = within(bitmap, CANVAS);
  if (PNG_BYTES * size.width * size.height <= bytes) {
    const exact = await encode(bitmap, size, "image/png");
    if (exact.blob.size <= bytes) return exact;
  }
  for (let turn = 0; turn < TRIES; turn++) {
    const sent = await encode(bitmap, size, "image/jpeg");
    if (sent.blob.size <= bytes) return sent;
    const share = Math.min(0.8, bytes / sent.blob.size);
    size = within(size, { ...CANVAS, pixels: size.width * size.height * share });
  }
  return null;
}

/** @returns {Promise<Sent>} */
async function encode(bitmap, { width, height }, type) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // under what is transparent, as the engine lays it
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return { blob: await canvas.convertToBlob({ type, quality: QUALITY }), width, height };
}

/** How a face's picture was changed before it was sent, in words; empty if it was not. */
export function doneTo({ source, bitmap, file, sent }) {
  const seen = sent ?? bitmap;
  const said = source.moves ? ["It is animated: its first picture was taken."] : [];
  if (seen.width !== source.width || seen.height !== source.height) {
    said.push(`Made smaller: ${sides(source)} to ${sides(seen)} pixels.`);
  }
  const to = sent && sent.blob !== file && FORMATS[sent.blob.type];
  if (to && source.format !== to) said.push(`Converted${from(source)} to ${to}.`);
  else if (to && !said.length) said.push(`Saved anew as ${to}, to need less room.`);
  return said.join(" ");
}

function sides({ width, height }) {
  return [width, height].map((side) => side.toLocaleString("en")).join("\u00a0×\u00a0");
}

const from = ({ format }) => (format ? ` from ${format}` : "");
