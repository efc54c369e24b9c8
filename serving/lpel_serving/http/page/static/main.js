// What happens when: faces come in, are explained by the server or here, and shown.

import * as api from "./api.js";
import * as answers from "./answers.js";
import { ask, asked } from "./asking.js";
import * as belief from "./belief.js";
import * as choices from "./choices.js";
import { $ } from "./elements.js";
import { complain, makeCards, ROLES, showFace } from "./faces.js";
import { listen as listenToFound, showFound } from "./found.js";
import { askForKey } from "./key.js";
import { PictureError, read } from "./pictures.js";
import { offerSamples } from "./samples.js";
import { offer as offerSaving, saveJson, saveMade } from "./saving.js";
import * as status from "./status.js";
import { epsilon, masks, redraw, showPictures } from "./view.js";
import { hideVerdict, showVerdict } from "./verdict.js";
import { alternatives, megabytes } from "./words.js";

const OVERHEAD = 4096; // bytes of a request that are not its pictures
const APART = "One more face of yours: ours are close-ups, and would not compare.";
const UNDISPLAYED = new Set(["PPM"]); // formats that the server reads and browsers do not

let about = null; // what the server offers
let faces = {}; // by role
const newest = {}; // by role: the file that was put there last
let answer = null; // what is shown
let running = null; // the explanation under way: a newer one supersedes it
const cards = makeCards(takeFiles, () => (faces.reference ? "test" : "reference"));
const others = { reference: "test", test: "reference" };

// ---- faces come in ----

async function takeFiles(role, files) {
  if (!about) return;
  const apart = choices.cropAsBefore(); // a sample's faces are cut out already, and go together
  if (apart) ROLES.forEach((each) => setFace(each, null));
  const chosen = files.slice(0, 2).map((file, place) => [place ? others[role] : role, file]);
  await Promise.all(chosen.map(([each, file]) => takeFile(each, file, file.name)));
  await explain();
  if (apart && faces[role] && !faces[others[role]]) status.say(APART);
}

async function takeSample(sample, files) {
  choices.cropLikeSample(sample.crop);
  await Promise.all(ROLES.map((role, i) => takeFile(role, files[i], sample[role].name)));
  await explain();
}

async function takeFile(role, file, name) {
  setFace(role, null);
  newest[role] = file;
  try {
    if (!choices.here() && isTooLarge(file.size)) throw new PictureError(tooLarge(name));
    const formats = alternatives(about.formats.filter((format) => !UNDISPLAYED.has(format)));
    const limits = { pixels: about.limits.pixels, formats };
    const bitmap = await read(file, name, limits);
    if (newest[role] === file) setFace(role, { file, name, bitmap });
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    if (newest[role] !== file) return;
    complain(cards[role], error.message);
  }
}

function isTooLarge(bytes) {
  return bytes + OVERHEAD > about.limits.request_bytes;
}

function tooLarge(name) {
  const most = megabytes(about.limits.request_bytes);
  return `${name} is too large: the server takes ${most} for both.`;
}

function setFace(role, face) {
  faces = { ...faces, [role]: face };
  complain(cards[role], "");
  $("swap").disabled = !ROLES.some((each) => faces[each]);
  forget();
}

/** Take back what was shown of a pair; the faces stay. */
function forget() {
  running?.abort();
  answer = null;
  for (const role of ROLES) showFace(cards[role], faces[role], choices.fraction());
  status.say("");
  status.note("");
  document.body.classList.remove("stale");
  hideVerdict();
  belief.reset();
  choices.decided(null);
}

/** Take another of the faces in a photograph. */
function takeFace(role, place) {
  faces[role].chosen = { crop: choices.crop(), place };
  return explain();
}

/** Exchange the roles: the pictures at once, for both were explained; then the words. */
async function swap() {
  const shown = answer;
  faces = { reference: faces.test, test: faces.reference };
  for (const role of ROLES) setFace(role, faces[role]);
  if (shown) showAnswer(answers.swapped(shown));
  await explain();
}

// ---- the explanation ----

async function explain() {
  running?.abort();
  if (!ROLES.every((role) => faces[role])) return status.say(whatNext());
  for (const role of ROLES) complain(cards[role], "");
  if (!choices.here() && tooMuch()) return;
  const mine = new AbortController();
  running = mine;
  belief.hide();
  status.note("");
  document.body.classList.toggle("stale", answer !== null); // what is shown was asked otherwise
  status.wait("Comparing the two faces …", stop);
  try {
    const found = await ask(about, faces, mine.signal, stop);
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
  return chosen ? "One more face." : "Choose two faces, or take a pair of ours.";
}

/** Refuse pictures that are too large together before they are sent. */
function tooMuch() {
  const sizes = ROLES.map((role) => faces[role].file.size);
  if (!isTooLarge(sizes[0] + sizes[1])) return false;
  const larger = ROLES[sizes[1] > sizes[0] ? 1 : 0];
  complain(cards[larger], tooLarge("Together with the other one this picture"));
  status.say(whatNext());
  return true;
}

function stop() {
  running?.abort();
  if (answer) return comeBack("Stopped.");
  forget();
  status.fail("Stopped.", explain);
  $("again").focus();
}

/** Show again what was shown before something else was asked, and say why. */
function comeBack(why, failed = false) {
  choices.giveBack(answer.asked, faces);
  showAnswer(answer);
  belief.comeBack();
  status.note(`${why} Shown again is the answer by ${answer.asked.method}.`, failed);
  if (!document.activeElement.checkVisibility()) choices.focus(); // it was on Stop
}

async function refuse(error) {
  if (error.status === 401) return forget(), askForKey(explain);
  if (ROLES.includes(error.about)) {
    forget();
    complain(cards[error.about], error.message);
    return status.say(whatNext());
  }
  if (!(error instanceof api.Problem)) console.error(error);
  const aboutMethod = error.about === "method" && choices.method() === answer?.asked.method;
  if (answer && !aboutMethod) return comeBack(error.message, true);
  if (error.about === "method" && choices.takeBest()) {
    await explain();
    return answer && status.note(`${error.message} Shown is the answer by ${choices.method()}.`);
  }
  forget();
  return status.fail(error.message, explain);
}

function showAnswer(found) {
  found.asked ??= choices.taken(faces);
  document.body.classList.remove("stale");
  showAnswerPictures(found);
  showVerdict(found);
  choices.decided(found.told.decision);
  offerSaving(choices.here(), about.figures);
  belief.offer(found, choices.here());
}

function showAnswerPictures(found) {
  answer = found;
  const names = Object.fromEntries(ROLES.map((role) => [role, faces[role].name]));
  showPictures(cards, found.pictures, names);
  for (const role of ROLES) showFound(cards[role], faces[role].bitmap, found.told.faces?.[role]);
}

// ---- files ----

const saveFrom = (accept, name) => saveMade(() => api.explainAs(accept, faces, asked(faces)), name);

function saveNumbers() {
  saveJson(answers.record(answer, masks(answer.pictures), epsilon()), "explanation.json");
}

// ---- the beginning ----

async function begin() {
  status.say("Reading what this server offers …");
  try {
    about = await api.about();
  } catch (error) {
    return error.status === 401 ? askForKey(begin) : status.fail(error.message, begin);
  }
  choices.offer(about, changed);
  $("provenance").textContent =
    `${about.embedder}, bundle ${about.bundle.slice(0, 12)}, lpel ${about.version}.`;
  status.say(whatNext());
  await offerSamples(about.samples, takeSample);
}

async function changed() {
  if (!answer) for (const role of ROLES) showFace(cards[role], faces[role], choices.fraction());
  await explain();
}

function listen() {
  status.listen();
  belief.listen(() => ({ pair: faces, fields: choices.fields(faces) }));
  listenToFound(cards, takeFace);
  for (const id of ["epsilon", "opacity"]) {
    $(id).addEventListener("input", () => redraw(cards, answer?.pictures));
  }
  addEventListener("resize", () => redraw(cards, answer?.pictures));
  $("swap").addEventListener("click", swap);
  $("save-numbers").addEventListener("click", saveNumbers);
  $("save-figure").addEventListener("click", () => saveFrom("image/png", "explanation.png"));
  const npz = () => saveFrom("application/x-npz", "explanation.npz");
  $("save-arrays").addEventListener("click", npz);
}

for (const role of ROLES) showFace(cards[role], null);
listen();
redraw(cards, null);
await begin();
