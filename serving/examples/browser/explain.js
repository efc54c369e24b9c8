// Explains two face crops in the browser: one ONNX file, onnxruntime's WebAssembly, no server.

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

const ROLES = ["reference", "test"];
const FOR = [200, 16, 46];
const AGAINST = [31, 111, 180];
const STRONGEST = 0.85; // of the colour laid over a face, which stays visible under it
const TINY = 1.17549435e-38; // of float32: what spans are at least, as in the file

ort.env.wasm.proxy = true; // in a worker, so that the page answers while the network runs

const $ = (id) => document.getElementById(id);
const files = {}; // by role: the pictures as chosen
let crops = {}; // by role: what the network is shown
const loading = new Map(); // by URL: explainers, as promises
let found = null; // every output of the file
let asked = 0; // how many explanations were asked for: only the last is shown

// ---- the file ----

/** The bytes of a file beside the page, telling of the progress: it is some 100 MB. */
async function read(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`There is no ${url} beside this page.`);
  const total = Number(response.headers.get("Content-Length"));
  if (!total) $("progress").removeAttribute("value");
  const parts = [];
  let length = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    if (total) $("progress").value = length / total;
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function load(url) {
  say("Reading the explainer …");
  $("progress").hidden = false;
  try {
    const bytes = await read(url);
    return await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  } finally {
    $("progress").hidden = true;
  }
}

/** The explainer that is asked for, loaded once. */
function explainer() {
  const url = $("explainer").value.trim();
  if (!loading.has(url)) {
    const promise = load(url);
    loading.set(url, promise);
    promise.catch(() => loading.delete(url)); // so that it may be tried again
  }
  return loading.get(url);
}

// ---- the pictures ----

/** A picture as the network takes it: its own pixels, or its middle, resized. */
async function crop(file, side) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(file, options).catch(() => {
    throw new Error(`${file.name} is no picture that this browser knows.`);
  });
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  drawMiddle(context, bitmap, side);
  const resized = bitmap.width !== side || bitmap.height !== side;
  return { canvas, resized, pixels: context.getImageData(0, 0, side, side).data };
}

/** uint8, (1, S, S, 3). */
function tensor({ canvas: { width: side }, pixels }) {
  return new ort.Tensor("uint8", pixels.filter((_, place) => place % 4 !== 3), [1, side, side, 3]);
}

async function choose(role, file) {
  files[role] = file;
  $(`${role}-hint`).textContent = file.name;
  const bitmap = await createImageBitmap(file).catch(() => null);
  const canvas = $(`${role}-crop`);
  if (bitmap) drawMiddle(canvas.getContext("2d"), bitmap, canvas.width);
  canvas.closest("label").classList.toggle("chosen", bitmap !== null);
  if (ROLES.every((name) => files[name])) await explain();
  else say("One more face.");
}

// ---- the explanation ----

async function explain() {
  const turn = ++asked;
  $("explanation").hidden = true;
  try {
    const session = await explainer();
    const side = session.inputMetadata[0].shape[1];
    const read = await Promise.all(ROLES.map((role) => crop(files[role], side)));
    if (turn === asked) say("Comparing the two faces …");
    const outputs = await session.run({ reference: tensor(read[0]), test: tensor(read[1]) });
    if (turn !== asked) return;
    crops = { reference: read[0], test: read[1] };
    found = outputs;
    show(side);
  } catch (error) {
    if (turn === asked) say(error.message, "failed");
  }
}

function show(side) {
  const similarity = found.similarity.data[0].toFixed(3).replace("-", "−");
  say("", "decided");
  const decision = document.createElement("b");
  decision.textContent = found.similar.data[0] ? "Similar" : "Dissimilar";
  $("status").append(decision, `: their similarity is ${similarity}.`);
  for (const role of ROLES) {
    $(`${role}-hint`).textContent = files[role].name;
    if (crops[role].resized) $(`${role}-hint`).textContent += `, its middle, ${side} by ${side} pixels`;
  }
  const signed = ROLES.some((role) => found[`${role}_heat_map`].data.some((value) => value < 0));
  $("least").textContent = signed ? "against the decision" : "least";
  $("most").textContent = signed ? "for it" : "most";
  document.querySelector(".legend").classList.toggle("unsigned", !signed);
  $("explanation").hidden = false;
  for (const role of ROLES) {
    drawHeatMap(role);
    drawReconstruction(role);
  }
  drawMasks();
}

/** Eq. 4.7 in float32, as the file computes it: where the map, scaled to [0, 1], exceeds epsilon. */
function mask(heatMap, epsilon) {
  const low = heatMap.reduce((a, b) => Math.min(a, b));
  const high = heatMap.reduce((a, b) => Math.max(a, b));
  const span = Math.max(Math.fround(high - low), TINY);
  const limit = Math.fround(epsilon);
  return Array.from(heatMap, (v) => Math.fround(Math.fround(v - low) / span) > limit);
}

/** Every output, the masks as the slider has them: by name, {dims, data}. */
function record() {
  const epsilon = $("epsilon").valueAsNumber;
  const entries = Object.entries(found).map(([name, { dims, data }]) => [
    name,
    { dims, data: Array.from(data) },
  ]);
  const arrays = Object.fromEntries(entries);
  for (const role of ROLES) arrays[`${role}_mask`].data = mask(heatMap(role), epsilon).map(Number);
  return { epsilon, arrays };
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(record())]));
  link.download = "explanation.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// ---- drawing ----

const heatMap = (role) => found[`${role}_heat_map`].data;

/** A square picture of RGBA from a function of the pixel's place. */
function picture(count, colour) {
  const side = Math.sqrt(count);
  const image = new ImageData(side, side);
  for (let place = 0; place < count; place++) image.data.set(colour(place), 4 * place);
  const canvas = new OffscreenCanvas(side, side);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** The largest square in the middle of an image, `side` pixels large. */
function drawMiddle(context, image, side) {
  const size = Math.min(image.width, image.height);
  const [x, y] = [(image.width - size) / 2, (image.height - size) / 2];
  context.drawImage(image, x, y, size, size, 0, 0, side, side);
}

/** Lay an image over the whole of a canvas, in one of the ways of its context. */
function cover(canvas, image, way = {}) {
  const context = canvas.getContext("2d");
  context.save();
  Object.assign(context, { imageSmoothingQuality: "high" }, way);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  context.restore();
}

function drawHeatMap(role) {
  const canvas = $(`${role}-heat-map`);
  const values = heatMap(role);
  const most = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0) || 1;
  cover(canvas, crops[role].canvas, { filter: "grayscale(1)" });
  cover(canvas, picture(values.length, (place) => {
    const strength = Math.abs(values[place]) / most;
    return [...(values[place] < 0 ? AGAINST : FOR), 255 * STRONGEST * strength];
  }));
  canvas.ariaLabel = `Heat-map over the ${role}`;
}

function drawReconstruction(role) {
  const canvas = $(`${role}-reconstruction`);
  const values = found[`${role}_reconstruction`].data; // about [0, 1]; an ImageData clamps it
  cover(canvas, picture(values.length / 3, (place) => [
    ...Array.from(values.subarray(3 * place, 3 * place + 3), (value) => 255 * value),
    255,
  ]));
  canvas.ariaLabel = `The ${role}, drawn from the network's numbers alone`;
}

/** Each face in its colours where the mask marks it; the rest fades into the page. */
function drawMasks() {
  const epsilon = $("epsilon").valueAsNumber;
  $("epsilon-value").textContent = epsilon.toFixed(2);
  for (const role of ROLES) {
    const marked = mask(heatMap(role), epsilon);
    const share = marked.filter(Boolean).length / marked.length;
    const canvas = $(`${role}-mask`);
    const window = new OffscreenCanvas(canvas.width, canvas.height);
    const holes = picture(marked.length, (place) => [0, 0, 0, marked[place] ? 255 : 0]);
    cover(window, holes, { imageSmoothingEnabled: false });
    cover(window, crops[role].canvas, { globalCompositeOperation: "source-in" });
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    cover(canvas, crops[role].canvas, { filter: "grayscale(1)", globalAlpha: 0.3 });
    cover(canvas, window);
    canvas.ariaLabel = `The ${(100 * share).toFixed(0)} % of the ${role} that matter most`;
  }
}

function say(text, kind = "") {
  $("status").textContent = text;
  $("status").className = kind;
}

// ---- what the user does ----

for (const role of ROLES) {
  const input = $(role);
  const card = input.closest("label");
  input.addEventListener("change", () => input.files[0] && choose(role, input.files[0]));
  card.addEventListener("dragover", (event) => {
    event.preventDefault();
    card.classList.add("over");
  });
  card.addEventListener("dragleave", () => card.classList.remove("over"));
  card.addEventListener("drop", (event) => {
    event.preventDefault();
    card.classList.remove("over");
    if (event.dataTransfer.files[0]) choose(role, event.dataTransfer.files[0]);
  });
}
$("epsilon").addEventListener("input", drawMasks);
$("explainer").addEventListener("change", () => ROLES.every((name) => files[name]) && explain());
$("save").addEventListener("click", save);
