// Resizing as Pillow does it, to the bit: what is computed here must see the server's pixels.
//
// Pillow's bicubic filter is antialiased: where a picture shrinks, the filter widens. It works in
// fixed point, first along the rows, then along the columns, with 8 bits in between.

const BITS = 22; // after the point, of a weight
const ONE = 2 ** BITS;
const HALF = 2 ** (BITS - 1);
const REACH = 2; // of the filter, in pixels, where nothing shrinks

/** Keys' cubic convolution with a = -1/2. */
function cubic(distance) {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * -0.5;
  return 0;
}

/** For each pixel of the result: the first pixel that it is made of, and all their weights. */
function weightsOf(from, to) {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = REACH * stretch;
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const end = Math.min(Math.trunc(centre + reach + 0.5), from);
    const exact = Array.from({ length: end - first }, (__, step) =>
      cubic((step + first - centre + 0.5) * (1 / stretch)),
    );
    const sum = exact.reduce((total, weight) => total + weight, 0);
    const weights = Int32Array.from(exact, (weight) => {
      const share = sum ? weight / sum : weight;
      return Math.trunc((share < 0 ? -0.5 : 0.5) + share * ONE);
    });
    return { first, weights };
  });
}

const clip = (sum) => Math.min(Math.max(sum >> BITS, 0), 255);

/**
 * Resize along the rows, and turn the picture over its diagonal.
 * @param {Uint8Array} pixels  RGB, (height, width, 3)
 * @returns {Uint8Array} RGB, (to, height, 3)
 */
function resizeRows(pixels, height, width, to) {
  const result = new Uint8Array(to * height * 3);
  weightsOf(width, to).forEach(({ first, weights }, column) => {
    for (let row = 0; row < height; row++) {
      const start = 3 * (row * width + first);
      let [red, green, blue] = [HALF, HALF, HALF];
      for (let step = 0; step < weights.length; step++) {
        const [place, weight] = [start + 3 * step, weights[step]];
        red += pixels[place] * weight;
        green += pixels[place + 1] * weight;
        blue += pixels[place + 2] * weight;
      }
      result.set([clip(red), clip(green), clip(blue)], 3 * (column * height + row));
    }
  });
  return result;
}

/**
 * Resize to a square, as Pillow's `resize((size, size), BICUBIC)` does.
 * @param {Uint8Array} pixels  RGB, (height, width, 3)
 * @param {{width: number, height: number}} from
 * @param {number} size
 * @returns {Uint8Array} RGB, (size, size, 3)
 */
export function resize(pixels, { width, height }, size) {
  if (width === size && height === size) return pixels;
  const narrow = resizeRows(pixels, height, width, size); // (size, height, 3), turned
  return resizeRows(narrow, size, height, size); // and turned back
}
