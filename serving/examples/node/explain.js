// Explain pairs of face crops with Node.js and one file:
//
//     node explain.js explainer.onnx REFERENCE TEST [REFERENCE TEST ...] > explanation.json
//
// A file that was made without defaults also needs: threshold=0.5 epsilon=0.7
//
// The crops are PNGs of the network's size. Every output is written as JSON: {"dims", "data"}.

import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-node";
import { PNG } from "pngjs";

process.env.ORT_DISABLE_TELEMETRY = "1"; // or it sends telemetry about each model and its use

const [file, ...words] = process.argv.slice(2);
const paths = words.filter((word) => !word.includes("="));
const settings = words.filter((word) => word.includes("=")).map((word) => word.split("="));

/** The RGB bytes of a PNG, which pngjs gives as RGBA. */
function readCrop(path) {
  const { width, height, data } = PNG.sync.read(readFileSync(path));
  return { width, height, bytes: data.filter((_, place) => place % 4 !== 3) };
}

/** Crops of one size as a tensor: uint8, (batch, S, S, 3). */
function batch(crops) {
  const { width, height } = crops[0];
  const bytes = Uint8Array.from(crops.flatMap((crop) => [...crop.bytes]));
  return new ort.Tensor("uint8", bytes, [crops.length, height, width, 3]);
}

const crops = paths.map(readCrop);
const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
const feeds = {
  reference: batch(crops.filter((_, place) => place % 2 === 0)),
  test: batch(crops.filter((_, place) => place % 2 === 1)),
};
for (const [name, value] of settings) {
  // An input with a default is not in this list, and what is fed to it would be ignored.
  if (!session.inputNames.includes(name)) throw new Error(`${file} does not take ${name} here`);
  feeds[name] = new ort.Tensor("float32", [Number(value)], [1]);
}
const outputs = await session.run(feeds);

const written = Object.entries(outputs).map(([name, { dims, data }]) => [
  name,
  { dims, data: Array.from(data) },
]);
console.log(JSON.stringify(Object.fromEntries(written)));
