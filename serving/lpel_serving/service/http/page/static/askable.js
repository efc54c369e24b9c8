// Which methods can explain a pair, and why the others cannot.

import { duration } from "./words.js";

/**
 * Why a method cannot be used, in a few words for a menu, and in what follows its title in a
 * sentence; null if it can.
 * @param {object} method  as the server lists it
 * @param {?string} decision  on the pair, once it is known
 * @param {number} seconds  that a request may take
 */
export function obstacle(method, decision, seconds) {
  const { name, title, available, reason, decisions, costs, finishes } = method;
  if (!available) {
    return { short: "not here", rest: ` cannot be used here: ${reason}`, title };
  }
  if (decision && !decisions.includes(decision)) {
    const only = decisions.join(" and ");
    const rest = ` can explain ${only} pairs alone, and these two are called ${decision}.`;
    return { short: `${only} pairs alone`, rest, title };
  }
  const cost = decision ? costs[decision] : method;
  if (decision ? cost.finishes : finishes) return null;
  const takes = `would take ${duration(cost.seconds)} here, and a request may take ${seconds} s`;
  const command = `lpel explain REFERENCE TEST --bundle BUNDLE --method ${name}`;
  const rest = ` ${takes}: run it without a server, by \`${command}\`.`;
  return { short: "takes too long here", rest, title };
}

/** Sentences of why methods cannot be used; those with one reason stand in one sentence. */
export function inSentences(obstacles) {
  const byRest = Map.groupBy(obstacles, ({ rest }) => rest);
  const titles = new Intl.ListFormat("en", { type: "conjunction" });
  return [...byRest].map(([rest, of]) => titles.format(of.map((one) => `“${one.title}”`)) + rest);
}
