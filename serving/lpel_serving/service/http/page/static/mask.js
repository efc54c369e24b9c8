// Which parts of a map matter most: Eq. 4.7, in float32 as the engine computes it.

const TINY = 1.17549435e-38; // of float32: what a span is at least, as in explainer.onnx

/**
 * Where the map, scaled to [0, 1], exceeds epsilon.
 * @param {Float32Array} heatMap
 * @param {number} epsilon
 * @returns {boolean[]}
 */
export function mask(heatMap, epsilon) {
  const low = heatMap.reduce((a, b) => Math.min(a, b));
  const high = heatMap.reduce((a, b) => Math.max(a, b));
  const span = Math.max(Math.fround(high - low), TINY);
  const limit = Math.fround(epsilon);
  return Array.from(heatMap, (v) => Math.fround(Math.fround(v - low) / span) > limit);
}

/** The map scaled to [0, 1], without a sign: a control's map is an ordering only. */
export function scaled({ data, ...size }) {
  const low = data.reduce((a, b) => Math.min(a, b));
  const high = data.reduce((a, b) => Math.max(a, b));
  return { data: data.map((value) => (value - low) / Math.max(high - low, TINY)), ...size };
}

/** The share of a picture that a mask marks. */
export function share(marked) {
  return marked.filter(Boolean).length / marked.length;
}

/** Of what either of two masks marks, the share that both do; 1 if neither marks anything. */
export function intersectionOverUnion(first, second) {
  const either = first.filter((one, place) => one || second[place]).length;
  const both = first.filter((one, place) => one && second[place]).length;
  return either ? both / either : 1;
}

/** The share of a map that speaks against the decision; 0 for one without a sign. */
export function opposed(heatMap) {
  const sum = (part) => heatMap.reduce((total, value) => total + Math.max(part * value, 0), 0);
  const against = sum(-1);
  return against && against / (against + sum(1));
}
