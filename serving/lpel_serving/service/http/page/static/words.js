// Numbers and short sentences, as the page writes them.

import { subject } from "./subject.js";

const MINUS = "−";

/** With a fixed number of decimals and a proper minus sign. */
export function fixed(value, places = 3) {
  const written = value.toFixed(places);
  return (Number(written) === 0 ? written.replace("-", "") : written).replace("-", MINUS);
}

/** A share as per cent: 0 % and 100 % are kept for none and all. */
export function percent(share) {
  if (share > 0 && share < 0.0005) return "< 0.1 %";
  if (share < 1 && share >= 0.9995) return "> 99.9 %";
  const extreme = share !== 0 && share !== 1 && (share < 0.01 || share > 0.99);
  return `${(100 * share).toFixed(extreme ? 1 : 0)} %`;
}

export function count(number, one, many) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function megabytes(bytes) {
  return `${Math.max(1, Math.round(bytes / 1e6))} MB`;
}

/** About how long something takes. */
export function duration(seconds) {
  if (seconds < 1) return "less than a second";
  if (seconds < 120) return `about ${Math.round(seconds)} s`;
  return `about ${Math.round(seconds / 60)} minutes`;
}

/** "a, b or c". */
export function alternatives(names) {
  return names.join(", ").replace(/, ([^,]*)$/, " or $1");
}

/** What a method costs for one pair, in embeddings and in time. */
export function cost({ embeddings, seconds }) {
  if (embeddings === 0) return "asks the network nothing more";
  const time = seconds >= 1 ? `, ${duration(seconds)} here` : "";
  return `asks the network about ${count(embeddings, "more picture", "more pictures")}${time}`;
}

/**
 * Similarity and threshold to three places, on the network's own scale, and how far the one is
 * above or below the other, by the server's rule: of the rounded numbers, so that readers who
 * subtract find the same.
 * @returns {{measure: string, shown: string, limit: string, apart: number, distance: string}}  the
 *     distance is empty where the two are equal
 */
export function sideBySide({ similarity, threshold, margin, comparison }) {
  const own = comparison ?? { measure: "similarity", value: similarity, threshold };
  // As they are compared, so that rounding cannot exchange them.
  const [shown, limit] = [own.value, own.threshold].map((value) => fixed(Math.fround(value)));
  const apart = Math.abs(thousandths(shown) - thousandths(limit)) / 1000;
  const far = apart ? fixed(apart) : "less than 0.001";
  const above = margin > 0 === !fallsWithLikeness(comparison);
  const distance = margin === 0 ? "" : `${far} ${above ? "above" : "below"}`;
  return { measure: own.measure, shown, limit, apart, distance };
}

/** Whether a number is the smaller the more alike two pictures are. */
export const fallsWithLikeness = (comparison) => comparison?.kind === "euclidean";

function thousandths(written) {
  return Math.round(1000 * Number(written.replace(MINUS, "-")));
}

/** The verdict on a pair that was compared here. */
export function localWords({ decision, ...numbers }) {
  const { shown, limit, distance } = sideBySide(numbers);
  const place = distance ? `which is ${distance}` : "exactly";
  return [
    `The network calls the two ${subject.many} ${decision}.`,
    `Their similarity is ${shown}, ${place} the threshold of ${limit}.`,
    "This was computed in your browser. No picture was sent.",
  ];
}

/** The caveats of a comparison in the browser, those of its maps included, and what is left out. */
export const localCaveats = (ofMaps) => [
  subject.ofFaces
    ? "This shows what the network decided, not who is in the pictures: do not refuse, accuse or " +
      "watch anybody because of it."
    : "This shows what the network decided, not whether that is right.",
  ...ofMaps,
  `How sure the decision is, ${subject.ofFaces ? "the parts of the faces in numbers, " : ""}and ` +
    `whether the pictures are like photographs of ${subject.many} at all, only the server reports.`,
];
