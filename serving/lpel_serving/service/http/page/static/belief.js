// The faithfulness check of the shown pair: its deletion curve, measured on demand.

import { assess, Problem } from "./api.js";
import { drawCurve } from "./curve.js";
import { $, list } from "./elements.js";
import { follow, inNumbers } from "./progress.js";
import { BUSY } from "./status.js";

let running = null; // what can be stopped
let shown = null; // what is drawn

/** Clear the measurement of another explanation. */
export function reset() {
  hide();
  shown = null;
}

/** Hide the measurement during another request. */
export function hide() {
  running?.abort();
  say("");
  $("curve-answer").hidden = true;
}

/** Show the hidden measurement again. */
export function comeBack() {
  if (shown) showCurve(shown);
}

function say(text, failed = false) {
  $("belief-status").textContent = text;
  $("belief-status").className = failed ? "failed" : "";
}

/** Measure a pair; a running measurement is cancelled. */
async function measure({ pair, fields }, onLocked) {
  reset();
  const mine = new AbortController();
  running = mine;
  show(true);
  const [bar, line, aloud] = ["measured", "measured-count", "measured-aloud"].map($);
  try {
    const found = await assess(pair, fields, {
      signal: mine.signal,
      onProgress: follow({ bar, line, aloud, words: inNumbers }),
      onWait: (seconds) => {
        line.textContent = `busy: again in ${seconds} s`;
        if (aloud.textContent !== BUSY) aloud.textContent = BUSY; // said once, not every second
      },
    });
    if (!mine.signal.aborted) showCurve((shown = found));
  } catch (error) {
    if (mine.signal.aborted) return;
    say(error instanceof Problem ? error.message : String(error), true);
    if (error.status === 401) onLocked(error);
  } finally {
    if (running === mine) show(false);
  }
}

function show(busy) {
  $("measuring").hidden = !busy;
  $("measure").hidden = busy;
  $("measured").value = 0;
  $("measured-count").textContent = "";
  $("measured-aloud").textContent = "";
}

function showCurve(result) {
  const [headline, ...more] = result.words;
  say(headline);
  $("curve-title").textContent = result.title;
  $("curve-scale").textContent = result.scale;
  $("curve-answer").hidden = false;
  drawCurve($("curve"), result);
  list($("curve-words"), more);
  list($("curve-caveats"), result.caveats);
}

/** Offer to measure the shown answer, unless it was computed here. */
export function offer({ result }, local) {
  $("belief").hidden = false;
  $("measure").disabled = local;
  $("belief-hint").textContent = local
    ? "Only the server can, and the pictures would have to be sent to it."
    : result.method.control ? "A control: its order is what an explanation has to beat." : "";
}

/**
 * Listen to the buttons; `asked()` gives the pair and the fields of the request, `onLocked(error)`
 * is called if the server requires another key.
 */
export function listen(asked, onLocked) {
  $("measure").addEventListener("click", () => measure(asked(), onLocked));
  $("measure-stop").addEventListener("click", () => {
    reset();
    show(false);
    say("Stopped.");
    $("measure").focus();
  });
  new ResizeObserver(() => shown && drawCurve($("curve"), shown)).observe($("curve-answer"));
}
