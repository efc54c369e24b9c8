// The same explanation without the server: explainer.onnx in onnxruntime's WebAssembly.

import { writeArray } from "./arrays.js";
import { bytes } from "./api.js";
import { ROLES } from "./faces.js";
import { cut, PictureError } from "./pictures.js";
import { localCaveats, localWords } from "./words.js";

/** The outputs that the page shows: what a decoder draws, where the bundle has one. */
const shown = ({ reconstruction_shape: drawn }) => [
  "similarity",
  "similar",
  ...ROLES.flatMap((role) => [`${role}_heat_map`, ...(drawn ? [`${role}_reconstruction`] : [])]),
];

let loading = null; // the session, as a promise: fetched once

/** Forget a failed load, so that it is tried again; immediately, if another request aborted it. */
async function engine(browser, options) {
  for (;;) {
    const load = (loading ??= fetched(browser, options));
    try {
      return await load;
    } catch (error) {
      if (loading === load) loading = null;
      if (error.name !== "AbortError" || options.signal.aborted) throw error;
    }
  }
}

async function fetched({ explainer, runtime }, { onFetch, ...options }) {
  onFetch();
  const [ort, model] = await Promise.all([import(runtime), bytes(explainer, options)]);
  ort.env.wasm.proxy = true; // in a worker, so that the page answers while the network runs
  return { ort, session: await ort.InferenceSession.create(model, { logSeverityLevel: 3 }) };
}

/**
 * Explain a pair here.
 * @param {object} about  what the server offers
 * @param {Record<string, import("./faces.js").Face>} faces
 * @param {string} crop  a centred one
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {() => void} options.onFetch  called before the network is fetched
 * @param {(share: number) => void} options.onProgress  called with the share that has arrived
 * @param {() => void} options.onLoad  called when it is loaded
 * @returns {Promise<import("./answers.js").Answer>}
 */
export async function explainHere(about, faces, crop, { onLoad, ...options }) {
  const { ort, session } = await engine(about.browser, options);
  onLoad();
  const [size] = about.image_shape; // a square
  if (crop === "none") ROLES.forEach((role) => refuseOblong(faces[role], role, about));
  const crops = ROLES.map((role) => cut(faces[role].bitmap, crop, size));
  // Copies: buffers are transferred to the worker, and the page draws the crops later.
  const tensors = crops.map(
    ({ data }) => new ort.Tensor("uint8", data.slice(), [1, size, size, 3]),
  );
  const outputs = await session.run({ reference: tensors[0], test: tensors[1] }, shown(about));
  const of = (role, place) => ({
    crop: crops[place],
    heatMap: sized(outputs[`${role}_heat_map`]),
    reconstruction: about.reconstruction_shape && sized(outputs[`${role}_reconstruction`]),
  });
  const pictures = Object.fromEntries(ROLES.map((role, place) => [role, of(role, place)]));
  return { result: toResult(about, crop, outputs, pictures), pictures };
}

/** As the server does: what is taken whole is not cut, and not stretched by a pixel or more. */
function refuseOblong({ bitmap: { width, height }, name }, role, { browser, image_shape: [size] }) {
  if (Math.abs(height - width) * size < Math.max(height, width, size)) return;
  const cutting = browser.crops.some((crop) => crop !== "none");
  throw new PictureError(
    `${name} has ${width} by ${height} pixels, and the network takes squares. ` +
      (cutting
        ? "Choose a crop that cuts out its middle."
        : "Let the server compute: it has other crops."),
    role,
  );
}

function sized({ dims, data }) {
  return { data, height: dims[1], width: dims[2] };
}

function toResult(about, crop, outputs, pictures) {
  const [similarity, threshold] = [outputs.similarity.data[0], about.threshold];
  const decided = {
    similarity,
    threshold,
    margin: similarity === Math.fround(threshold) ? 0 : similarity - threshold, // in float32
    decision: outputs.similar.data[0] ? "similar" : "dissimilar",
  };
  const explained = ({ heatMap, reconstruction }) => ({
    heat_map: writeArray(heatMap),
    ...(reconstruction && { reconstruction: writeArray(reconstruction) }),
  });
  const { method: name, parameters, caveats } = about.browser;
  return {
    ...decided,
    words: localWords(decided),
    caveats: localCaveats(caveats),
    beside_map: caveats[0],
    explanations: Object.fromEntries(ROLES.map((role) => [role, explained(pictures[role])])),
    faces: { reference: null, test: null },
    method: { name, parameters },
    crop,
    embedder: about.embedder,
    bundle: about.bundle,
    computed: "in the browser",
  };
}
