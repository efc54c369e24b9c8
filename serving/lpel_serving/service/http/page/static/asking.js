// Gets the chosen explanation, from the server or computed in this browser.

import * as answers from "./answers.js";
import * as api from "./api.js";
import { explainHere } from "./browser_engine.js";
import * as choices from "./choices.js";
import { ROLES } from "./faces.js";
import { fit } from "./sending.js";
import * as status from "./status.js";
import { subject } from "./subject.js";
import { epsilon } from "./view.js";

/** The fields of a request about faces, by role; as `was`, if given: see `choices.taken`. */
export const asked = (faces, was) => ({ ...choices.fields(faces, was), epsilon: epsilon() });

/**
 * Get it, showing progress; nothing is shown once the signal is aborted. `onFit()` is called when
 * it is settled what is sent of the pictures.
 * @returns {Promise<answers.Answer>}
 */
export function ask(about, faces, { signal, stop, onFit }) {
  const unless = (act) => (value) => signal.aborted || act(value);
  return choices.here()
    ? computeHere(about, faces, { signal, unless, stop, onFit })
    : askServer(about, faces, { signal, unless, onFit });
}

async function askServer(about, faces, { signal, unless, onFit }) {
  await fit(faces, about.limits.request_bytes, signal);
  onFit();
  const onWait = unless(status.countDown);
  const onProgress = choices.long() ? unless(status.advanceTo) : null;
  return answers.ofServer(await api.explain(faces, asked(faces), { signal, onWait, onProgress }));
}

function computeHere(about, faces, { signal, unless, stop, onFit }) {
  for (const role of ROLES) faces[role].sent = null;
  onFit();
  return explainHere(about, faces, choices.crop(), {
    signal,
    onFetch: unless(() => status.wait("Fetching the network …", stop)),
    onProgress: unless(status.progress),
    onLoad: unless(() => status.wait(`Comparing the two ${subject.many} here …`, stop)),
  });
}
