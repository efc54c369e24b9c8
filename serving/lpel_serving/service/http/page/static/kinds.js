// The format of a picture file, by its content, never by its name.

const AT_MOST = 1000; // pieces of a file that are looked at for a second picture

/**
 * The names of formats are those of `lpel_serving.images.reading.FORMATS`, where the server reads them.
 * @type {[string, RegExp][]}
 */
const BEGINNINGS = [
  ["JPEG", /^\xff\xd8\xff/],
  ["PNG", /^\x89PNG\r\n\x1a\n/],
  ["WEBP", /^RIFF[^]{4}WEBP/],
  ["GIF", /^GIF8/],
  ["BMP", /^BM/],
  ["AVIF", /^[^]{4}ftyp[^]{0,40}avi[fs]/],
  ["HEIC", /^[^]{4}ftyp(he|mif1|msf1)/],
  ["TIFF", /^(II\*\0|MM\0\*)/],
  ["ICO", /^\0\0\x01\0/],
  ["PPM", /^P[1-6]\s/],
  ["SVG", /^[^\0]*<svg\b/],
];

const MOVES = { PNG: pngMoves, WEBP: webpMoves, GIF: gifMoves, AVIF: avifMoves };

/**
 * @param {Blob} file
 * @returns {Promise<{format: string | null, moves: boolean}>}  null where it is no format known
 *   here; whether it holds more pictures than one, to be shown in turn
 */
export async function kindOf(file) {
  const start = await textOf(file, 0, 1024);
  const [format] = BEGINNINGS.find(([, beginning]) => beginning.test(start)) ?? [null];
  return { format, moves: Boolean(await MOVES[format]?.(file, start)) };
}

/** Bytes of a file as characters, one each. */
async function textOf(file, from, length) {
  return String.fromCharCode(...new Uint8Array(await bytesOf(file, from, length)));
}

function bytesOf(file, from, length) {
  return file.slice(from, from + length).arrayBuffer();
}

async function pngMoves(file) {
  for (let [at, turn] = [8, 0]; at + 12 <= file.size && turn < AT_MOST; turn++) {
    const chunk = new DataView(await bytesOf(file, at, 12));
    const name = await textOf(file, at + 4, 4);
    if (name === "acTL") return chunk.getUint32(8) > 1;
    if (name === "IDAT") return false;
    at += 12 + chunk.getUint32(0);
  }
  return false;
}

async function webpMoves(file) {
  let pictures = 0;
  for (let [at, turn] = [12, 0]; at + 8 <= file.size && turn < AT_MOST; turn++) {
    const length = new DataView(await bytesOf(file, at, 8)).getUint32(4, true);
    pictures += (await textOf(file, at, 4)) === "ANMF";
    if (pictures > 1) return true;
    at += 8 + length + (length % 2);
  }
  return false;
}

async function gifMoves(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const table = (packed) => (packed & 128 ? 3 << ((packed & 7) + 1) : 0); // bytes of its colours
  let [at, pictures] = [13 + table(bytes[10]), 0];
  while (at < bytes.length && pictures < 2) {
    const [isPicture, isExtension] = [bytes[at] === 0x2c, bytes[at] === 0x21];
    if (!isPicture && !isExtension) break;
    pictures += isPicture;
    at += isPicture ? 11 + table(bytes[at + 9]) : 2;
    while (bytes[at]) at += bytes[at] + 1; // its data, in pieces
    at++;
  }
  return pictures > 1;
}

function avifMoves(_, start) {
  return start.slice(8, 12) === "avis";
}
