// An answer in two halves: what was told, as it may be saved, and the pictures to be drawn.

import { readArray, writeArray } from "./arrays.js";
import { ROLES } from "./faces.js";
import { intersectionOverUnion, share } from "./mask.js";
import { cut } from "./pictures.js";

/**
 * @typedef {object} Answer
 * @property {object} told  in JSON's own types, as /v1/explain has them
 * @property {Record<string, {crop: Picture, heatMap: Picture, reconstruction: Picture,
 *   control?: boolean}>} pictures  control: the map knows nothing of the pair
 * @property {object} [asked]  what was chosen when it was asked: see `choices.taken`
 */

/** @returns {Promise<Answer>} of what the server told, its arrays in base64 */
export async function ofServer(told) {
  const of = async (role) => {
    const { heat_map, reconstruction, crop } = told.explanations[role];
    return [
      role,
      {
        heatMap: readArray(heat_map),
        reconstruction: readArray(reconstruction),
        crop: await readPng(crop),
        control: told.method.control,
      },
    ];
  };
  return { told, pictures: Object.fromEntries(await Promise.all(ROLES.map(of))) };
}

async function readPng(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const options = { colorSpaceConversion: "none" };
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), options);
  return cut(bitmap, 1, bitmap.width);
}

const SAID_OF = /\b(reference|test)(?= picture| photograph)/g;

/** What was said of one of the two pictures, said of the other: still the reference first. */
function otherwise(words) {
  const other = { reference: "test", test: "reference" };
  return inOrder(words).map((one) => one.replace(SAID_OF, (role) => other[role]));
}

/** Put what is said of the test before what is said of the reference, part by part. */
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
export function swapped({ told, pictures, asked }) {
  const exchange = ({ reference, test }) => ({ reference: test, test: reference });
  return {
    told: {
      ...told,
      words: otherwise(told.words),
      explanations: exchange(told.explanations),
      plausibility: told.plausibility && { ...told.plausibility, ...exchange(told.plausibility) },
      faces: exchange(told.faces),
    },
    pictures: exchange(pictures),
    asked: { ...asked, faces: exchange(asked.faces) },
  };
}

/** What is saved as JSON: the answer with its masks as the slider has them. */
export function record({ told, pictures }, masks, epsilon) {
  const of = (role) => ({
    ...told.explanations[role],
    mask_share: share(masks[role]),
    mask: writeArray({ data: masks[role], side: pictures[role].heatMap.side }),
  });
  return {
    ...told,
    method: { ...told.method, epsilon },
    agreement: { ...told.agreement, mask_iou: intersectionOverUnion(masks.reference, masks.test) },
    explanations: Object.fromEntries(ROLES.map((role) => [role, of(role)])),
  };
}
