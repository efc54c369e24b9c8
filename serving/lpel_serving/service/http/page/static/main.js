// The page's flow: faces are chosen, explained by the server or here, and shown.

import * as api from "./api.js";
import * as answers from "./answers.js";
import { ask, asked } from "./asking.js";
import { bringIntoView, keepFocus, leadBack } from "./attention.js";
import * as belief from "./belief.js";
import * as choices from "./choices.js";
import { $ } from "./elements.js";
import { complain, makeCards, ROLES, setProportions, showDone, showFace } from "./faces.js";
import { listen as listenToFound, showFound } from "./found.js";
import { askForKey } from "./key.js";
import { PictureError, read } from "./pictures.js";
import { mark, offerSamples } from "./samples.js";
import { listen as listenToSaving, offerToSave } from "./saving.js";
import { doneTo } from "./sending.js";
import * as status from "./status.js";
import { subject } from "./subject.js";
import { epsilon, masks, redraw, showPictures } from "./view.js";
import { hideVerdict, showVerdict } from "./verdict.js";

const APART = `One more ${subject.thing} of yours: ours are close-ups, and would not compare.`;

let about = null; // what the server offers
let faces = {}; // by role
let newest = {}; // by role: what was put there last
let answer = null; // what is shown
let running = null; // the explanation under way: a newer one supersedes it
const { promise: offered, resolve: offer } = Promise.withResolvers(); // what the server takes
const cards = makeCards(takeFiles, () => (faces.reference ? "test" : "reference"), offered);
const others = { reference: "test", test: "reference" };

// ---- choosing faces ----

async function takeFiles(role, files) {
  const chosen = files.map((file, place) => [place ? others[role] : role, file]);
  mark(null);
  const apart = choices.cropAsBefore(); // a sample's faces are cut out already, and go together
  if (apart) ROLES.forEach(empty);
  await Promise.all(chosen.map(([each, file]) => takeFile(each, file, file.name)));
  bringIntoView(cards);
  await explain();
  if (apart && faces[role] && !faces[others[role]]) status.say(APART);
}

async function takeSample(sample, files) {
  mark(sample);
  choices.cropLikeSample(sample.crop);
  await Promise.all(ROLES.map((role, i) => takeFile(role, files[i], sample[role].name, sample)));
  bringIntoView(cards);
  await explain();
}

function empty(role) {
  setFace(role, null);
  return (newest[role] = {}); // what is still being read for it comes too late
}

async function takeFile(role, file, name, sample = null) {
  const mine = empty(role);
  const place = () => ROLES.find((each) => newest[each] === mine); // a swap may have moved it
  try {
    const limits = { pixels: about.limits.pixels, formats: about.formats };
    const face = { file, name, sample, ...(await read(file, name, limits)) };
    if (place()) setFace(place(), face);
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    if (place()) complain(cards[place()], error.message);
  }
}

function setFace(role, face) {
  faces = { ...faces, [role]: face };
  complain(cards[role], "");
  $("swap").disabled = !ROLES.some((each) => faces[each]);
  forget();
}

/** Clear what is shown of a pair; the faces stay. */
function forget() {
  running?.abort();
  answer = null;
  for (const role of ROLES) showFace(cards[role], faces[role], choices.fraction());
  status.say("");
  status.note("");
  status.outdate(false);
  hideVerdict();
  belief.reset();
  choices.decided(null);
}

/** Take another of the faces in a photograph. */
function takeFace(role, place) {
  faces[role].chosen = { crop: choices.crop(), place };
  return explain();
}

/** Exchange the roles: first the pictures, since both were explained, then the words. */
async function swap() {
  const shown = answer;
  faces = { reference: faces.test, test: faces.reference };
  newest = { reference: newest.test, test: newest.reference };
  for (const role of ROLES) setFace(role, faces[role]);
  if (shown) showAnswer(answers.swapped(shown));
  await explain();
}

// ---- the explanation ----

async function explain() {
  running?.abort();
  if (!ROLES.every((role) => faces[role])) return status.say(whatNext());
  for (const role of ROLES) complain(cards[role], "");
  const mine = new AbortController();
  running = mine;
  belief.hide();
  status.note("");
  status.outdate(answer !== null); // what is shown belongs to another request
  status.wait(`Comparing the two ${subject.many} …`, stop);
  try {
    const onFit = () => ROLES.forEach((role) => showDone(cards[role], faces[role]));
    const found = await ask(about, faces, { signal: mine.signal, stop, onFit });
    if (mine.signal.aborted) return;
    belief.reset();
    showAnswer(found);
  } catch (error) {
    if (!mine.signal.aborted) await refuse(error);
  }
}

function whatNext() {
  if (ROLES.some((role) => cards[role].classList.contains("refused"))) {
    return "That will not do: choose another picture.";
  }
  const chosen = ROLES.some((role) => faces[role]);
  return chosen
    ? `One more ${subject.thing}.`
    : `Choose two ${subject.many}, or take a pair of ours.`;
}

function stop() {
  running?.abort();
  if (answer) return comeBack("Stopped.");
  forget();
  status.fail("Stopped.", explain);
  $("again").focus();
}

/** Show the earlier answer again, and say why. */
function comeBack(why, failed = false) {
  choices.giveBack(answer.asked, faces);
  for (const role of ROLES) showDone(cards[role], faces[role]);
  showAnswer(answer);
  belief.comeBack();
  const by = choices.quoted(answer.asked.method);
  status.note(`${why} Shown again is the answer by ${by}.`, failed);
  if (!document.activeElement.checkVisibility()) choices.focus(); // it was on Stop
}

async function refuse(error) {
  if (error.status === 401) return forget(), askForKey(explain);
  if (ROLES.includes(error.about)) {
    forget();
    complain(cards[error.about], error.message);
    return status.say(whatNext());
  }
  if (!(error instanceof api.Problem || error instanceof PictureError)) console.error(error);
  const aboutMethod = error.about === "method" && choices.method() === answer?.asked.method;
  if (answer && !aboutMethod) return comeBack(error.message, true);
  if (error.about === "method" && choices.takeBest()) {
    await explain();
    const by = choices.quoted(choices.method());
    return answer && status.note(`${error.message} Shown is the answer by ${by}.`);
  }
  forget();
  return status.fail(error.message, explain);
}

function showAnswer(found) {
  found.asked ??= choices.taken(faces);
  status.outdate(false);
  showAnswerPictures(found);
  showVerdict(found, faces);
  choices.decided(found.result.decision);
  offerToSave(choices.here(), about.figures);
  belief.offer(found, choices.here());
}

function showAnswerPictures(found) {
  answer = found;
  const names = Object.fromEntries(ROLES.map((role) => [role, faces[role].name]));
  showPictures(cards, found.pictures, names);
  for (const role of ROLES) showFound(cards[role], faces[role], found.result.faces?.[role]);
}

/** The pair of the shown answer: another request may be running. */
const shownPair = () => choices.asItWas(faces, answer.asked);

/** The shown answer as a file that the server makes. */
function made(accept) {
  const pair = shownPair();
  return api.explainAs(accept, pair, asked(pair, answer.asked));
}

/** What is saved as JSON. */
function record() {
  const pair = shownPair();
  const prepared = Object.fromEntries(ROLES.map((role) => [role, doneTo(pair[role]) || null]));
  return { ...answers.record(answer, masks(answer.pictures), epsilon()), prepared };
}

// ---- start ----

async function begin() {
  status.say("Reading what this server offers …");
  try {
    about = await api.about();
    setProportions(cards, about.image_shape);
  } catch (error) {
    return error.status === 401 ? askForKey(begin) : status.fail(error.message, begin);
  }
  choices.offer(about, changed);
  $("provenance").textContent =
    `${about.embedder}, bundle ${about.bundle.slice(0, 12)}, lpel ${about.version}.`;
  status.say(whatNext());
  offer();
  await offerSamples(about.samples, takeSample);
}

async function changed() {
  if (!answer) for (const role of ROLES) showFace(cards[role], faces[role], choices.fraction());
  leadBack(cards);
  await explain();
}

function listen() {
  status.listen();
  belief.listen(() => {
    const pair = shownPair();
    return { pair, fields: choices.fields(pair, answer.asked) };
  }, refuse);
  listenToFound(cards, takeFace);
  for (const id of ["epsilon", "opacity"]) {
    $(id).addEventListener("input", () => redraw(cards, answer?.pictures));
  }
  addEventListener("resize", () => redraw(cards, answer?.pictures));
  $("swap").addEventListener("click", swap);
  listenToSaving(made, record, refuse);
  keepFocus();
}

for (const id of ["main", "footer"]) $(id).hidden = false; // without this script they are dead
for (const role of ROLES) showFace(cards[role], null);
listen();
redraw(cards, null);
await begin();
