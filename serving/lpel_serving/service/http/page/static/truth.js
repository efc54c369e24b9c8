// Whether the network is right about a sample pair, whose true answer is known.

import { html } from "./elements.js";
import { subject } from "./subject.js";

/** The sample that both faces belong to, where its truth is known; else null. */
function known({ reference, test }) {
  const sample = reference?.sample;
  const both = sample && sample === test?.sample;
  return both && typeof sample.same_person === "boolean" ? sample : null;
}

/**
 * Say whether the decision is right; nothing where that is not known.
 * @param {HTMLElement} place
 * @param {Record<string, import("./faces.js").Face>} faces  by role
 * @param {"similar" | "dissimilar"} decision
 */
export function showTruth(place, faces, decision) {
  const sample = known(faces);
  if (!sample) return hideTruth(place);
  const right = (decision === "similar") === sample.same_person;
  place.classList.toggle("wrong", !right);
  const said = `The network is ${right ? "right" : "wrong"}: ${who(faces, sample.same_person)}.`;
  const shown = subject.ofFaces ? "who" : "what";
  const map = ` The maps show what the network went by, not ${shown} is in the pictures.`;
  place.replaceChildren(html("strong", {}, said), right ? "" : map);
}

export function hideTruth(place) {
  place.classList.remove("wrong");
  place.replaceChildren();
}

function who({ reference, test }, same) {
  const alike = reference.name === test.name;
  if (same) return `both photographs show ${alike ? reference.name : subject.same}`;
  const two = alike ? subject.different : `${reference.name} and ${test.name}`;
  return `the photographs show ${two}`;
}
