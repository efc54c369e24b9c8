// From a picture file to the square that the network sees, as `lpel_serving.crops` cuts it.

import { resize } from "./bicubic.js";

/** What a picture cannot be used for, in words for whoever chose it. */
export class PictureError extends Error {}

/**
 * Read a picture: upright, its colours as they stand in the file.
 * @param {Blob} file
 * @param {string} name  what complaints call it
 * @param {{pixels: number, formats: string}} limits
 * @returns {Promise<ImageBitmap>}
 */
export async function read(file, name, limits) {
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none" };
  const bitmap = await createImageBitmap(file, options).catch(() => {
    throw new PictureError(
      `${name} is not a picture that this browser can open. Choose a file of ${limits.formats}.`,
    );
  });
  if (bitmap.width * bitmap.height > limits.pixels) {
    const most = Math.floor(limits.pixels / 1e6);
    bitmap.close();
    throw new PictureError(`${name} has more than ${most} million pixels. Make it smaller.`);
  }
  return bitmap;
}

/** Round as Python does: a half to the even neighbour. */
function roundHalfToEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}

/** The share of a crop's name: 1 for "none", NaN for a crop that is no centred square. */
export function shareOf(crop) {
  return crop === "none" ? 1 : Number(crop);
}

/**
 * The square in the middle whose side is a share of the shorter side.
 * @param {{width: number, height: number}} picture
 * @param {number} fraction
 * @returns {{top: number, left: number, side: number}}
 */
export function middle({ width, height }, fraction) {
  const side = Math.max(1, roundHalfToEven(Math.min(height, width) * fraction));
  return {
    top: Math.floor((height - side) / 2),
    left: Math.floor((width - side) / 2),
    side,
  };
}

/**
 * Cut the middle out of a picture, and resize it to what the network takes.
 * @param {ImageBitmap} bitmap
 * @param {number} fraction
 * @param {number} size
 * @returns {import("./arrays.js").Picture} RGB, uint8
 */
export function cut(bitmap, fraction, size) {
  const { top, left, side } = middle(bitmap, fraction);
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white"; // under what is transparent, as the engine lays it
  context.fillRect(0, 0, side, side);
  context.drawImage(bitmap, -left, -top);
  const coloured = context.getImageData(0, 0, side, side).data;
  const pixels = new Uint8Array(side * side * 3);
  for (let from = 0, to = 0; from < coloured.length; from += 4) {
    pixels[to++] = coloured[from];
    pixels[to++] = coloured[from + 1];
    pixels[to++] = coloured[from + 2];
  }
  return { data: resize(pixels, side, size), side: size };
}
