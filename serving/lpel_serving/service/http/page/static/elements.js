// Making elements.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** An element of HTML with attributes and children. */
export function html(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An element of SVG with attributes and children. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Name what a picture shows, for screen readers, after its visible caption. */
export function callPicture(canvas, shows) {
  const caption = canvas.parentElement.querySelector("figcaption")?.textContent;
  canvas.ariaLabel = caption ? `${caption}: ${shows}` : shows;
}

/** Fill a list with a text for each of its points; what stands in backticks is code. */
export function list(element, texts) {
  element.replaceChildren(...texts.map((text) => html("li", {}, ...parts(text))));
}

function parts(text) {
  const whole = text.replaceAll(" %", "\u00a0%"); // no line ends before its per cent sign
  return whole.split("`").map((part, place) => (place % 2 ? html("code", {}, part) : part));
}
