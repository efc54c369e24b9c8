// The pair's own curve, measured on demand: does the similarity follow this map?

import { assess, Problem } from "./api.js";
import { drawCurve } from "./curve.js";
import { $, list } from "./elements.js";
import { follow, inNumbers } from "./progress.js";
import { BUSY } from "./status.js";

let running = null; // what can be stopped
let shown = null; // what is drawn

/** Forget what was measured of another explanation. */
export function reset() {
  hide();
  shown = null;
}

/** Put away what was measured, while something else is asked. */
export function hide() {
  running?.abort();
  say("");
  $("curve-answer").hidden = true;
}

/** Show again what was put away. */
export function comeBack() {
  if (shown) showCurve(shown);
}

function say(text, failed = false) {
  $("belief-status").textContent = text;
  $("belief-status").className = failed ? "failed" : "";
}

/** Measure a pair; what is under way already is let go. */
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

/** Say whether the shown answer can be measured: not where it was computed here. */
export function offer({ told }, local) {
  $("belief").hidden = false;
  $("measure").disabled = local;
  $("belief-hint").textContent = local
    ? "Only the server can, and the pictures would have to be sent to it."
    : told.method.control ? "A control: its order is what an explanation has to beat." : "";
}

/**
 * Listen to the buttons; `asked()` gives the pair and the fields of the request, `onLocked(error)`
 * hears if the server wants another key.
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
