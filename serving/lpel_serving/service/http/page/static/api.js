// The page's requests to its server, and the errors that come back.

const PATIENCE = 20; // how often a busy server is asked again
const UNKNOWN_WAIT = 5; // seconds, where it does not say how long

let key = null; // in memory alone, and gone with the page

export function useKey(text) {
  key = text || null;
}

/** An error in words; `about` names the picture or field, if it is about one. */
export class Problem extends Error {
  constructor(detail, { status = 0, about = null } = {}) {
    super(detail);
    this.status = status;
    this.about = about;
  }
}

/**
 * Send a request; retry while the server is busy.
 * @param {string} path
 * @param {object} options
 * @param {FormData} [options.body]
 * @param {string} [options.accept]
 * @param {AbortSignal} [options.signal]
 * @param {(seconds: number) => void} [options.onWait]  called every second with the seconds left
 * @returns {Promise<Response>}
 */
async function ask(path, { body, accept = "application/json", signal, onWait } = {}) {
  const headers = { Accept: accept, ...(key && { Authorization: `Bearer ${key}` }) };
  for (let turn = 0; ; turn++) {
    const response = await send(path, { method: body ? "POST" : "GET", body, headers, signal });
    if (response.ok) return response;
    if (response.status !== 503 || turn === PATIENCE) throw await problemOf(response);
    await wait(Number(response.headers.get("Retry-After")) || UNKNOWN_WAIT, signal, onWait);
  }
}

async function send(path, options) {
  try {
    return await fetch(path, { ...options, cache: "no-cache" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw gone();
  }
}

function gone() {
  return new Problem("The server does not answer. Is it running, and is the network there?");
}

async function problemOf(response) {
  const problem = await response.json().catch(() => ({}));
  const detail = problem.detail ?? `The server refused, and does not say why (${response.status}).`;
  return new Problem(detail, { status: response.status, about: problem.about });
}

async function wait(seconds, signal, onWait = () => {}) {
  for (let left = Math.ceil(seconds); left > 0; left--) {
    onWait(left);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    signal?.throwIfAborted();
  }
}

/** The form of a request about a pair, without the files' own names. */
function form(pair, fields) {
  const body = new FormData();
  for (const role of ["reference", "test"]) body.append(role, pair[role].sent.blob, role);
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return body;
}

/** What this server offers. */
export async function about() {
  return (await ask("/v1/about")).json();
}

/**
 * Explain a pair: the answer in JSON, its arrays in base64. With `onProgress`, for methods that
 * take long, line by line.
 */
export async function explain(pair, fields, { onProgress, ...options }) {
  const wanted = { include: "heat_map,reconstruction,crop", arrays: "base64" };
  const body = form(pair, { ...fields, ...wanted });
  if (onProgress) return inLines("/v1/explain", { body, onProgress, ...options });
  return (await ask("/v1/explain", { body, ...options })).json();
}

/** Explain a pair as a file of another type, such as image/png. */
export async function explainAs(accept, pair, fields, options) {
  const response = await ask("/v1/explain", { body: form(pair, fields), accept, ...options });
  return response.blob();
}

/** Measure a pair's own curve: progress line by line, and at last the result. */
export function assess(pair, fields, options) {
  return inLines("/v1/assess", { body: form(pair, fields), ...options });
}

async function inLines(path, { onProgress, ...options }) {
  const response = await ask(path, { accept: "application/x-ndjson", ...options });
  for await (const line of lines(response.body)) {
    const { progress, result, problem } = JSON.parse(line);
    if (progress) onProgress(progress);
    if (problem) throw new Problem(problem.detail, problem);
    if (result) return result;
  }
  throw gone();
}

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let { done, value } = await next(reader); !done; { done, value } = await next(reader)) {
    const parts = (text + value).split("\n");
    text = parts.pop();
    yield* parts.filter(Boolean);
  }
  if (text) yield text;
}

/** Fetch a large file, reporting the share that has arrived. */
export async function bytes(path, { signal, onProgress, ...options }) {
  const response = await ask(path, { accept: "*/*", signal, ...options });
  const total = Number(response.headers.get("Content-Length"));
  const parts = [];
  let length = 0;
  const reader = response.body.getReader();
  for (let { done, value } = await next(reader); !done; { done, value } = await next(reader)) {
    parts.push(value);
    length += value.length;
    if (total) onProgress(length / total);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function next(reader) {
  try {
    return await reader.read();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw gone();
  }
}

/** Fetch a face of a sample. */
export async function samplePicture(url) {
  return (await ask(url, { accept: "image/*" })).blob();
}
