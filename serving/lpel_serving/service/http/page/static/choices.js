// The settings of a comparison: method, crop, and whether the browser computes.

import { inSentences, obstacle } from "./askable.js";
import { $, html, list } from "./elements.js";
import { ROLES } from "./faces.js";
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
let chosen = null; // the method that was set before the browser's own was
let uncut = null; // the crop that was set before one that the browser can cut was
let decision = null; // on the pair, once it is known

/** Offer what the server offers; `onChange` is called on every choice. */
export function offer(offered, onChange) {
  about = offered;
  const { methods, default_method: best, crops, browser } = about;
  const usable = [...methods];
  usable.sort((a, b) => (b.name === best) - (a.name === best));
  const slow = ({ embeddings }) => embeddings > SLOW;
  const explaining = usable.filter(({ control }) => !control);
  $("method").replaceChildren(
    group("At once", explaining.filter((method) => !slow(method))),
    group("Slow", explaining.filter(slow)),
    group("Controls: they do not depend on the pair", usable.filter(({ control }) => control)),
  );
  $("method").value = best;
  const cut = ({ name, title }) => html("option", { value: name }, title);
  $("crop").replaceChildren(...crops.map(cut));
  $("crop").value = crops.find((crop) => crop.default)?.name ?? crops[0].name;
  $("here-choice").hidden = !browser;
  for (const id of ["method", "crop", "here"]) {
    $(id).onchange = () => {
      if (id === "crop") own = uncut = null; // the user's own choice now
      refresh();
      onChange();
    };
  }
  $("choices").onsubmit = (event) => event.preventDefault();
  $("choices").hidden = false;
  refresh();
}

function group(label, methods) {
  const options = methods.map((one) => html("option", { value: one.name }, called(one)));
  return html("optgroup", { label }, ...options);
}

/** What a method is called in the menu: in plain words, then by its name. */
function called({ name, title }) {
  return title === name ? name : `${title} (${name})`;
}

/** A method in a sentence: in plain words, in quotation marks. */
export function quoted(name) {
  const { title } = about.methods.find((method) => method.name === name);
  return `“${title}”`;
}

/** Whether the browser computes, and nothing is sent. */
export function here() {
  return $("here").checked;
}

export function method() {
  return $("method").value;
}

/** Put the focus where something else may be chosen. */
export function focus() {
  const one = $("method").disabled ? $("here") : $("method");
  one.focus({ preventScroll: true });
}

export function crop() {
  return $("crop").value;
}

/** The share of the picture that will be cut out, if the page knows it. */
export function fraction() {
  return shareOf(crop()) || 1;
}

/** Set the decision on the pair; null once there is another pair. */
export function decided(whatWas) {
  decision = whatWas;
  refresh();
}

/** Whether the method takes long enough for its progress to be followed. */
export function long() {
  return current().embeddings > 0;
}

/** The best method in place of the one that is set; false if it is set already. */
export function takeBest() {
  const best = about.default_method;
  if ($("method").value === best) return false;
  $("method").value = best;
  refresh();
  return true;
}

/** All choices, and what was sent of each face, to be restored later. */
export function taken(faces) {
  const ofFaces = Object.fromEntries(
    ROLES.map((role) => [role, { chosen: faces[role].chosen, sent: faces[role].sent }]),
  );
  return { method: $("method").value, crop: crop(), here: here(), own, chosen, uncut, faces: ofFaces };
}

/** Both faces as in an earlier request. */
export function asItWas(faces, was) {
  return Object.fromEntries(ROLES.map((role) => [role, { ...faces[role], ...was.faces[role] }]));
}

/** Restore earlier choices. */
export function giveBack(was, faces) {
  ({ own, chosen, uncut } = was);
  $("here").checked = was.here;
  $("method").value = was.method;
  $("crop").value = was.crop;
  for (const role of ROLES) Object.assign(faces[role], was.faces[role]);
  refresh();
}

/** The fields of a request about faces, by role, as is chosen; or as `was`: see `taken`. */
export function fields(faces, was = { method: method(), crop: crop() }) {
  return { method: was.method, crop: was.crop, ...chosenFields(faces, was.crop) };
}

/** Cut faces out as a sample says, until a picture of the user's own is chosen. */
export function cropLikeSample(name) {
  own ??= uncut ?? crop();
  uncut = null;
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

function current() {
  return about.methods.find(({ name }) => name === $("method").value);
}

function refresh() {
  const { browser } = about;
  const local = here();
  if (local) {
    chosen ??= $("method").value;
    $("method").value = browser.method;
  } else if (chosen !== null) {
    $("method").value = chosen;
    chosen = null;
  }
  $("method").disabled = local;
  refreshMethods();
  for (const option of $("crop").options) option.disabled = local && !shareOf(option.value);
  if ($("crop").selectedOptions[0].disabled) {
    uncut = crop();
    $("crop").value = browser.crops[0];
  } else if (!local && uncut !== null) {
    $("crop").value = uncut;
    uncut = null;
  }
  $("privacy").textContent = local ? KEPT_HERE : SENT;
  if (browser) {
    $("here-hint").textContent = local
      ? `No picture leaves this browser. It has no other method than ${onlyMethod(browser)}.`
      : `Fetches the network once, ${megabytes(browser.bytes)}, and sends no picture.`;
  }
}

/** The method that the browser has, with what its file replaces parts of the pictures by. */
function onlyMethod({ method, parameters: { fill } }) {
  return quoted(method) + (fill ? ` with the fill ${fill}` : "");
}

/** Disable methods that cannot be used, and say why: shortly in the menu, in sentences below. */
function refreshMethods() {
  const found = about.methods.map((method) => {
    const it = obstacle(method, decision, about.limits.seconds);
    const option = [...$("method").options].find(({ value }) => value === method.name);
    option.disabled = it !== null;
    option.textContent = it ? `${called(method)}: ${it.short}` : called(method);
    return it;
  });
  list($("method-obstacles"), here() ? [] : inSentences(found.filter(Boolean)));
  $("method-hint").textContent = hint(current());
  list($("method-said"), said(current()));
}

/** A method's caveat and paper, and its parameters with their ranges. */
function said({ caveat, paper, parameter_details: parameters }) {
  const ranges = parameters.map(({ name, meaning, allowed }) =>
    `\`${name}\`: ${meaning} It takes ${allowed}.`);
  return [caveat, ...(paper ? [`Published: ${paper}.`] : []), ...ranges];
}

function hint({ summary, decisions, control, ...most }) {
  const costs = most.costs[decision] ?? most; // until it is decided, the most that it may cost
  const slow = costs.embeddings > SLOW ? "Slow: it" : "It";
  const only = decisions.length === 1 ? ` It explains ${decisions[0]} pairs alone.` : "";
  const apart = control ? " It does not depend on the pair: it is there to measure others by." : "";
  return `${summary} ${slow} ${cost(costs)}.${only}${apart}`;
}
