// The progress of long work: a bar, a line, and occasional announcements to screen readers.

import { percent } from "./words.js";

const STEADY = 2000; // milliseconds until a rate is believed
const ENOUGH = 0.03; // of the work until it is
const ALOUD = 0.25; // shares of the work between two announcements

/** How long is left, in words that do not change with every second. */
function leftInWords(seconds) {
  if (seconds < 5) return "a few seconds left";
  if (seconds < 55) return `about ${5 * Math.round(seconds / 5)} s left`;
  if (seconds < 110) return `about ${10 * Math.round(seconds / 10)} s left`;
  const minutes = Math.round(seconds / 60);
  return `about ${minutes} minutes left`;
}

/** As a share of the whole. */
export const inPercent = ({ done, total }) => percent(total ? done / total : 1);

/** As a count of the whole. */
export const inNumbers = ({ done, total }) => `${done} of ${total}`;

/**
 * Show the progress of steady work.
 * @param {object} shown
 * @param {HTMLProgressElement} shown.bar
 * @param {HTMLElement} shown.line  visible: it changes with every step
 * @param {HTMLElement} shown.aloud  a live region, which changes seldom
 * @param {(progress: {done: number, total: number}) => string} shown.words
 * @returns {(progress: {done: number, total: number}) => void}
 */
export function follow({ bar, line, aloud, words }) {
  let begun = null; // when the first step came, and how far it was
  let said = 0;
  aloud.textContent = "";
  return ({ done, total }) => {
    begun ??= { at: performance.now(), done };
    const share = total ? Math.min(1, done / total) : 1;
    const left = secondsLeft(begun, done, total);
    const text = [words({ done, total }), left].filter(Boolean).join(", ");
    bar.value = share;
    line.textContent = text;
    if (left && share < 1 && (said === 0 || share >= said + ALOUD)) {
      said = Math.max(share, ALOUD * Math.floor(share / ALOUD));
      aloud.textContent = [percent(share), left].join(", ");
    }
  };
}

function secondsLeft({ at, done: first }, done, total) {
  const passed = performance.now() - at;
  if (done >= total || passed < STEADY || done - first < ENOUGH * total) return "";
  return leftInWords((passed / 1000) * ((total - done) / (done - first)));
}
