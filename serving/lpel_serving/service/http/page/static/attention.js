// Where the user looks, and where the keyboard is: neither is lost when the page changes.

import { $ } from "./elements.js";
import { canvases } from "./faces.js";

const MOVING = ["wheel", "touchmove", "pointerdown", "keydown"];
const SUCCESSORS = { measure: "measure-stop", "measure-stop": "measure", stop: "again", again: "stop" };

/**
 * Bring both faces into the window, unless they are seen already. There they stay while the page
 * grows below them, until the user moves on.
 */
export function bringIntoView(cards) {
  const { classList } = document.body;
  classList.add("settled");
  for (const kind of MOVING) addEventListener(kind, () => classList.remove("settled"), { once: true });
  const overlays = Object.values(cards).map((card) => canvases(card).overlay);
  const boxes = overlays.map((overlay) => overlay.getBoundingClientRect());
  if (boxes.every(({ top, bottom }) => top >= 0 && bottom <= innerHeight)) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  $("faces").scrollIntoView({ block: "start", behavior: still ? "instant" : "smooth" });
}

/** Lead a finger from the choices, which lie far below on a phone, to what comes of them. */
export function leadBack(cards) {
  const chosen = Object.values(cards).some((card) => !card.classList.contains("empty"));
  if (chosen && matchMedia("(pointer: coarse)").matches) bringIntoView(cards);
}

/** Keep the focus on the page when the control that has it is hidden, disabled or taken away. */
export function keepFocus() {
  let last = null; // which control had it
  let seen = false; // whether the focus was visible, as for users of the keyboard
  document.addEventListener("focusin", ({ target }) => {
    last = target;
    seen = target.matches(":focus-visible");
  });
  document.addEventListener("focusout", ({ target }) => {
    if (usable(target)) last = null; // it was left
  });
  new MutationObserver(() => {
    if (last && !usable(last)) successor(last).focus({ preventScroll: !seen });
  }).observe(document.body, {
    subtree: true,
    childList: true,
    attributeFilter: ["hidden", "disabled"],
  });
}

function usable(element) {
  return element.checkVisibility() && !element.disabled;
}

/** What takes its place; the line of what is going on, if nothing does. */
function successor(element) {
  const choose = element.closest(".face")?.querySelector(".choose");
  const places = [$(SUCCESSORS[element.id]), choose, $("status")];
  return places.find((place) => place && usable(place));
}
