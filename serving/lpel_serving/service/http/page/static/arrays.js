// Arrays as the server sends them: {dtype, shape, base64}, row-major, little-endian.

const KINDS = { float32: Float32Array, uint8: Uint8Array, bool: Uint8Array };

/**
 * @typedef {object} Picture
 * @property {Float32Array | Uint8Array} data  row-major, its channels last: three, or one if grey
 * @property {number} height
 * @property {number} width
 */

/** @returns {Picture} */
export function readArray({ dtype, shape, base64 }) {
  const text = atob(base64);
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return { data: new KINDS[dtype](bytes.buffer), height: shape[0], width: shape[1] };
}

/** The same way back. A mask is given as an array of booleans. */
export function writeArray({ data, height, width }) {
  const dtype = data instanceof Float32Array ? "float32" : Array.isArray(data) ? "bool" : "uint8";
  const values = Array.isArray(data) ? Uint8Array.from(data) : data;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const channels = values.length / (height * width);
  const shape = channels === 1 ? [height, width] : [height, width, channels];
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return { dtype, shape, base64: btoa(text) };
}
