// From a picture file to what the network sees of it, as `lpel_serving.images.crops` cuts it.

import { resize } from "./bicubic.js";
import { kindOf } from "./kinds.js";
import { alternatives } from "./words.js";

const MOST_BYTES = 256 * 2 ** 20; // of a file
const MOST_PIXELS = 128e6; // that are decoded: half a gigabyte
const STRIP = 2 ** 22; // pixels that are taken from a bitmap at a time
const ALSO_SHOWN = ["AVIF", "GIF"]; // by browsers, and not read by the server
const NEVER_SHOWN = ["PPM"]; // by browsers, and read by the server
const AS_THEY_STAND = { imageOrientation: "from-image", colorSpaceConversion: "none" };

let before = Promise.resolve(); // the picture whose turn it is

/** Pixels of a canvas: every browser can draw as many, those of phones no more. */
export const CANVAS = { pixels: 2 ** 24, side: 2 ** 14 };

/** Why a picture cannot be used, in words for the user; `about` names its role. */
export class PictureError extends Error {
  constructor(message, about = null) {
    super(message);
    this.about = about;
  }
}

/**
 * @typedef {object} Read
 * @property {ImageBitmap} bitmap  upright, its colours as they stand in the file
 * @property {{format: string | null, moves: boolean, width: number, height: number}} source
 *   what the file is, and how large the picture in it
 * @property {boolean} kept  whether the file may be sent as it is
 */

/**
 * Read a picture in any format that the browser shows; of an animated one the first frame. What is
 * too large for the server is made smaller. One is read at a time: phones lack memory for two large
 * ones.
 * @param {Blob} file
 * @param {string} name  its name in messages
 * @param {{pixels: number, formats: string[]}} limits  what the server reads
 * @returns {Promise<Read>}
 */
export function read(file, name, limits) {
  const own = before.then(() => readNow(file, name, limits));
  before = own.catch(() => {});
  return own;
}

async function readNow(file, name, limits) {
  const kind = await usableKind(file, name);
  const bitmap = await decode(file, name, kind, limits);
  const { width, height } = bitmap;
  const source = { ...kind, width, height };
  const readable = limits.formats.includes(kind.format) && !kind.moves;
  if (readable && width * height <= limits.pixels) return { bitmap, source, kept: true };
  const most = { ...CANVAS, pixels: Math.min(CANVAS.pixels, limits.pixels) };
  const small = await shrink(bitmap, within(bitmap, most)).catch(() => {
    throw new PictureError(`${name} is too large for this browser: make it smaller.`);
  });
  return { bitmap: small, source, kept: false };
}

async function usableKind(file, name) {
  if (!file.size) throw new PictureError(`${name} is empty: the file holds nothing.`);
  if (file.size > MOST_BYTES) throw new PictureError(`${name} is too large a file for this page.`);
  const kind = await kindOf(file).catch(() => {
    throw new PictureError(`${name} cannot be read. Is it still there, and is it a file?`);
  });
  if (kind.format === "SVG") {
    throw new PictureError(
      `${name} is a drawing (SVG), not a photograph. Save it as PNG, and choose that.`,
    );
  }
  return kind;
}

/** Decode a picture after checking its size: a small file can hold more than fits into a tab. */
async function decode(file, name, kind, limits) {
  const pixels = await pixelsOf(file);
  if (pixels > MOST_PIXELS) {
    const [has, most] = [pixels, MOST_PIXELS].map((count) => Math.floor(count / 1e6));
    throw new PictureError(
      `${name} has ${has} million pixels. More than ${most} million are not opened here: ` +
        "make it smaller.",
    );
  }
  return createImageBitmap(file, AS_THEY_STAND).catch(() => {
    throw new PictureError(cannotOpen(name, kind.format, limits.formats));
  });
}

/** How many pixels a picture has, without decoding it; 0 if the browser does not know. */
async function pixelsOf(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  const known = await new Promise((resolve) => {
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
  });
  URL.revokeObjectURL(image.src);
  return known ? image.naturalWidth * image.naturalHeight : 0;
}

function cannotOpen(name, format, formats) {
  const shown = [...formats, ...ALSO_SHOWN].filter((one) => !NEVER_SHOWN.includes(one));
  if (format && !shown.includes(format)) {
    return (
      `${name} is a picture of the kind ${format}, which this browser cannot open. ` +
      "Save it as JPEG or PNG, and choose that."
    );
  }
  const cannot = `${name} is not a picture that this browser can open`;
  if (format) return `${cannot}: it is damaged or incomplete, or too large.`;
  return `${cannot}. Choose a file of ${alternatives(shown)}.`;
}

/**
 * The largest size of the same proportions within limits of pixels and side.
 * @param {{width: number, height: number}} picture
 * @param {{pixels: number, side: number}} most
 */
export function within({ width, height }, most) {
  const sides = most.side / Math.max(width, height);
  const scale = Math.min(1, sides, Math.sqrt(most.pixels / (width * height)));
  return { width: scaled(width, scale), height: scaled(height, scale) };
}

function scaled(side, scale) {
  return Math.max(1, Math.floor(side * scale));
}

async function shrink(bitmap, { width, height }) {
  if (width === bitmap.width && height === bitmap.height) return bitmap;
  const how = { resizeWidth: width, resizeHeight: height, resizeQuality: "high" };
  const small = await createImageBitmap(bitmap, how);
  bitmap.close();
  return small;
}

/** Round as Python does: a half to the even neighbour. */
function roundHalfToEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}

/** The share of a crop's name: 1 for "none", NaN for a crop that is no centred box. */
export function shareOf(crop) {
  return crop === "none" ? 1 : Number(crop);
}

/**
 * The box in the middle that is a share of the largest one of some proportions.
 * @param {{width: number, height: number}} picture
 * @param {number} fraction
 * @param {{width: number, height: number}} [shape]  of these proportions; a square when left out
 * @returns {{top: number, left: number, width: number, height: number}}
 */
export function middle({ width, height }, fraction, shape = { width: 1, height: 1 }) {
  const high = Math.min(height, (width * shape.height) / shape.width);
  const wide = Math.min(width, (height * shape.width) / shape.height);
  const [rows, columns] = [high, wide].map((side) => Math.max(1, roundHalfToEven(side * fraction)));
  return {
    top: Math.floor((height - rows) / 2),
    left: Math.floor((width - columns) / 2),
    width: columns,
    height: rows,
  };
}

/**
 * Cut the middle out of a picture, or take the whole, and resize it to the network's square.
 * @param {ImageBitmap} bitmap
 * @param {string} crop  "none", or the share of the middle
 * @param {number} size
 * @returns {import("./arrays.js").Picture} RGB, uint8
 */
export function cut(bitmap, crop, size) {
  const { width, height } = bitmap;
  const box = crop === "none" ? { top: 0, left: 0, width, height } : middle(bitmap, shareOf(crop));
  const data = resize(colours(bitmap, box), box, size);
  return { data, height: size, width: size };
}

/**
 * All pixels of a picture.
 * @param {ImageBitmap} bitmap
 * @returns {import("./arrays.js").Picture} RGB, uint8
 */
export function whole(bitmap) {
  const { width, height } = bitmap;
  return { data: colours(bitmap, { top: 0, left: 0, width, height }), width, height };
}

/** The pixels of a box of a picture, RGB, row by row. */
function colours(bitmap, { top, left, width, height }) {
  const rows = Math.min(height, Math.max(1, Math.floor(STRIP / width)));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white"; // under what is transparent, as the engine lays it
  const pixels = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row += rows) {
    context.fillRect(0, 0, width, rows);
    context.drawImage(bitmap, -left, -top - row);
    const { data } = context.getImageData(0, 0, width, Math.min(rows, height - row));
    for (let from = 0, to = 3 * row * width; from < data.length; from += 4) {
      pixels[to++] = data[from];
      pixels[to++] = data[from + 1];
      pixels[to++] = data[from + 2];
    }
  }
  return pixels;
}
