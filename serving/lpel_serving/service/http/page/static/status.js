// The status line: what is going on, and what the user can do about it.

import { $ } from "./elements.js";
import { follow, inPercent } from "./progress.js";

export const BUSY = "The server is busy. It will be asked again soon.";

let act = { stop() {}, again() {} };
let advance = null; // of the long work that is under way

function show(text, kind, { waiting = false, again = false } = {}) {
  $("status").textContent = text;
  $("status").className = kind;
  $("countdown").textContent = "";
  $("waiting").hidden = !waiting;
  $("again").hidden = !again;
  advance = null;
}

/** A note beside the status; none if empty. */
export function note(text, failed = false) {
  $("note").textContent = text;
  $("note").classList.toggle("failed", failed);
}

/** Something plain, such as what to do next. */
export function say(text) {
  show(text, "");
}

/** The verdict. */
export function decide(text) {
  show(text, "decided");
}

/** Show running work that may be stopped. */
export function wait(text, stop) {
  act.stop = stop;
  $("progress").removeAttribute("value");
  $("progress-aloud").textContent = "";
  show(text, "", { waiting: true });
}

/** How much of it is done, in [0, 1]. */
export function progress(share) {
  $("progress").value = share;
}

/** How far long work is: so many of all. */
export function advanceTo(progress) {
  const shown = { bar: $("progress"), line: $("countdown"), aloud: $("progress-aloud") };
  advance ??= follow({ ...shown, words: inPercent });
  advance(progress);
}

/** How many seconds are left until it is tried again. */
export function countDown(seconds) {
  if ($("status").textContent !== BUSY) $("status").textContent = BUSY;
  $("countdown").textContent = `in ${seconds} s`;
}

/** Show a failure; `again`, if given, retries. */
export function fail(text, again) {
  act.again = again;
  show(text, "failed", { again: Boolean(again) });
}

/** Mark the shown answer as belonging to another request than the running one. */
export function outdate(is) {
  document.body.classList.toggle("stale", is);
  for (const id of ["answer", "parts", "belief"]) $(id).ariaBusy = is;
}

export function listen() {
  $("stop").addEventListener("click", () => act.stop());
  $("again").addEventListener("click", () => act.again());
}
