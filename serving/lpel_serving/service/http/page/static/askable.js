// Which methods can explain a pair, and why the others cannot.

import { duration } from "./words.js";

/**
 * Why a method cannot be used, in a few words for a menu and in a sentence; null if it can.
 * @param {object} method  as the server lists it
 * @param {?string} decision  on the pair, once it is known
 * @param {number} seconds  that a request may take
 */
export function obstacle(method, decision, seconds) {
  const { name, title, available, reason, decisions, costs, finishes } = method;
  if (!available) {
    return { short: "not here", sentence: `“${title}” cannot be used here: ${reason}` };
  }
  if (decision && !decisions.includes(decision)) {
    const only = decisions.join(" and ");
    const sentence =
      `“${title}” explains ${only} pairs alone, and these two are called ${decision}.`;
    return { short: `${only} pairs alone`, sentence };
  }
  const cost = decision ? costs[decision] : method;
  if (decision ? cost.finishes : finishes) return null;
  const takes = `would take ${duration(cost.seconds)} here, and a request may take ${seconds} s`;
  const command = `lpel explain REFERENCE TEST --bundle BUNDLE --method ${name}`;
  const sentence = `“${title}” ${takes}: run it without a server, by \`${command}\`.`;
  return { short: "takes too long here", sentence };
}
