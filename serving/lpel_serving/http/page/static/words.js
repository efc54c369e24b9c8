// Numbers and short sentences, as the page writes them.

const MINUS = "−";

/** With so many places behind the point, and a minus that is one. */
export function fixed(value, places = 3) {
  return value.toFixed(places).replace("-", MINUS);
}

export function difference(value) {
  return (value < 0 ? "" : "+") + fixed(value);
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

/** "a, b or c". */
export function alternatives(names) {
  return names.join(", ").replace(/, ([^,]*)$/, " or $1");
}

/** What a method costs, in embeddings that it asks of the network for one pair. */
export function cost(embeddings) {
  if (embeddings === 0) return "asks the network nothing more";
  return `asks the network about ${count(embeddings, "more picture", "more pictures")}`;
}

/** The verdict on a pair that was compared here. */
export function localWords({ decision, similarity, margin, threshold }) {
  const side = margin > 0 ? "above" : "below";
  return [
    `The network calls the two faces ${decision}.`,
    `Their similarity is ${fixed(similarity)}, which is ${fixed(Math.abs(margin))} ${side} the ` +
      `threshold of ${fixed(threshold)}.`,
    "This was computed in your browser. No picture was sent.",
  ];
}

/** What a comparison in the browser cannot prove, and what it leaves out. */
export const LOCAL_CAVEATS = [
  "This tells what the network decided, not who is in the pictures: let it be no ground to " +
    "refuse, accuse or watch anybody.",
  "The map is told from the two embeddings alone; nothing was hidden to make it, and much of it " +
    "is common to all faces.",
  "How sure the decision is, the parts of the faces in numbers, and whether the pictures are like " +
    "photographs of faces at all, only the server reports.",
];
