// How a pair is compared: by which method, cut out how, and where it is computed.

import { $, html } from "./elements.js";
import { chosenFields } from "./found.js";
import { shareOf } from "./pictures.js";
import { cost, megabytes } from "./words.js";

const SENT =
  "Your pictures go to this server and nowhere else. It writes them nowhere; the latest it may " +
  "hold in its memory, to answer sooner when they are asked about again.";
const KEPT_HERE = "Your pictures are computed with in this browser, and go nowhere.";
const SLOW = 100; // more embeddings than this take seconds

let about = null;
let own = null; // the crop that was set before a sample set its own

/** Offer what the server offers; `onChange` hears of every choice. */
export function offer(offered, onChange) {
  about = offered;
  const { methods, default_method: best, crops, browser } = about;
  const usable = methods.filter((method) => method.available);
  usable.sort((a, b) => (b.name === best) - (a.name === best));
  const slow = ({ embeddings }) => embeddings > SLOW;
  const explaining = usable.filter(({ control }) => !control);
  $("method").replaceChildren(
    group("At once", explaining.filter((method) => !slow(method))),
    group("Slow", explaining.filter(slow)),
    group("Controls: they know nothing of the pair", usable.filter(({ control }) => control)),
  );
  $("method").value = best;
  const cut = ({ name, title }) => html("option", { value: name }, title);
  $("crop").replaceChildren(...crops.map(cut));
  $("crop").value = crops.find((crop) => crop.default)?.name ?? crops[0].name;
  $("here-choice").hidden = !browser;
  for (const id of ["method", "crop", "here"]) {
    $(id).onchange = () => {
      if (id === "crop") own = null; // the user's own choice now
      refresh();
      onChange();
    };
  }
  $("choices").onsubmit = (event) => event.preventDefault();
  $("choices").hidden = false;
  refresh();
}

function group(label, methods) {
  const called = ({ name, title }) => (title === name ? name : `${title} (${name})`);
  const options = methods.map((one) => html("option", { value: one.name }, called(one)));
  return html("optgroup", { label }, ...options);
}

/** Whether the browser computes, and nothing is sent. */
export function here() {
  return $("here").checked;
}

export function crop() {
  return $("crop").value;
}

/** The share of the picture that will be cut out, as far as the page can tell. */
export function fraction() {
  return shareOf(crop()) || 1;
}

/** The fields of a request about faces, by role. */
export function fields(faces) {
  return { method: $("method").value, crop: crop(), ...chosenFields(faces, crop()) };
}

/** Cut faces out as a sample says, until a picture of the user's own is chosen. */
export function cropLikeSample(name) {
  own ??= crop();
  const known = [...$("crop").options].some((option) => option.value === name);
  if (!known) $("crop").append(html("option", { value: name }, name)); // a share: any may be asked
  $("crop").value = name;
  refresh();
}

/** Cut faces out as before the sample; false if none was taken. */
export function cropAsBefore() {
  if (own === null) return false;
  $("crop").value = own;
  own = null;
  refresh();
  return true;
}

function refresh() {
  const { browser } = about;
  const local = here();
  if (local) $("method").value = browser.method ?? about.default_method;
  $("method").disabled = local;
  for (const option of $("crop").options) option.disabled = local && !shareOf(option.value);
  if ($("crop").selectedOptions[0].disabled) $("crop").value = browser.crops[0];
  $("method-hint").textContent = hint(about.methods.find(({ name }) => name === $("method").value));
  $("privacy").textContent = local ? KEPT_HERE : SENT;
  if (browser) {
    $("here-hint").textContent = local
      ? "No picture leaves this browser."
      : `Fetches the network once, ${megabytes(browser.bytes)}, and sends no picture.`;
  }
}

function hint({ summary, embeddings, decisions, control }) {
  const slow = embeddings > SLOW ? "Slow: it" : "It";
  const only = decisions.length === 1 ? ` It explains ${decisions[0]} pairs alone.` : "";
  const apart = control ? " It knows nothing of the pair: it is there to measure others by." : "";
  return `${summary} ${slow} ${cost(embeddings)}.${only}${apart}`;
}
