// An answer in two halves: the result as JSON, to be saved, and the pictures to be drawn.

import { readArray, writeArray } from "./arrays.js";
import { ROLES } from "./faces.js";
import { intersectionOverUnion, share } from "./mask.js";
import { whole } from "./pictures.js";

/**
 * @typedef {object} Answer
 * @property {object} result  JSON, with the keys of /v1/explain
 * @property {Record<string, {crop: Picture, heatMap: Picture, reconstruction?: Picture,
 *   control?: boolean}>} pictures  reconstruction: where the bundle has a decoder; control: the map
 *   does not depend on the pair
 * @property {object} [asked]  the choices of its request: see `choices.taken`
 */

/** @returns {Promise<Answer>} of the server's result, its arrays in base64 */
export async function ofServer(result) {
  const of = async (role) => {
    const { heat_map, reconstruction, crop } = result.explanations[role];
    return [
      role,
      {
        heatMap: readArray(heat_map),
        reconstruction: reconstruction && readArray(reconstruction),
        crop: await readPng(crop),
        control: result.method.control,
      },
    ];
  };
  return { result, pictures: Object.fromEntries(await Promise.all(ROLES.map(of))) };
}

async function readPng(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const options = { colorSpaceConversion: "none" };
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), options);
  return whole(bitmap);
}

const SAID_OF = /\b(reference|test)(?= picture| photograph)/g;

/** Sentences about the two pictures with the roles exchanged: still the reference first. */
function otherwise(words) {
  const other = { reference: "test", test: "reference" };
  return inOrder(words).map((one) => one.replace(SAID_OF, (role) => other[role]));
}

/** Put the sentences about the test before those about the reference, part by part. */
function inOrder(words) {
  const begins = (text) => (one) => one.startsWith(text);
  const found = words.filter(begins("There are "));
  const rest = words.filter((one) => !found.includes(one));
  const [first, second] = ["reference", "test"].map((role) =>
    rest.findIndex(begins(`In the ${role} picture`)),
  );
  if (first < 0 || second < first) return [...rest, ...found.toReversed()];
  const maps = [...rest.slice(second), ...rest.slice(first, second)];
  return [...rest.slice(0, first), ...maps, ...found.toReversed()];
}

/** The same pair with the roles exchanged: it was explained both ways. */
export function swapped({ result, pictures, asked }) {
  const exchange = ({ reference, test }) => ({ reference: test, test: reference });
  return {
    result: {
      ...result,
      words: otherwise(result.words),
      explanations: exchange(result.explanations),
      plausibility: result.plausibility &&
        { ...result.plausibility, ...exchange(result.plausibility) },
      faces: exchange(result.faces),
    },
    pictures: exchange(pictures),
    asked: { ...asked, faces: exchange(asked.faces) },
  };
}

/** What is saved as JSON: the result with the masks at the slider's epsilon. */
export function record({ result, pictures }, masks, epsilon) {
  const of = (role) => ({
    ...result.explanations[role],
    mask_share: share(masks[role]),
    mask: writeArray({ ...pictures[role].heatMap, data: masks[role] }),
  });
  return {
    ...result,
    method: { ...result.method, epsilon },
    agreement: {
      ...result.agreement,
      mask_iou: intersectionOverUnion(masks.reference, masks.test),
    },
    explanations: Object.fromEntries(ROLES.map((role) => [role, of(role)])),
  };
}
