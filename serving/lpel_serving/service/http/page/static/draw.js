// Pictures and maps, drawn in canvases.

import { middle } from "./pictures.js";

const FOR = [200, 16, 46];
const AGAINST = [31, 111, 180];
const GREY = [0.299, 0.587, 0.114]; // of red, green and blue, in luminance
const COARSE = 16; // sides of a map that is drawn as the squares that were asked about
const FADED = 0.25; // what is left of a face where it matters less

/** A picture of RGBA, from a function of the pixel's position. */
function picture({ width, height }, colour) {
  const image = new ImageData(width, height);
  for (let place = 0; place < width * height; place++) image.data.set(colour(place), 4 * place);
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Lay an image over the whole of a canvas, in one of the ways of its context. */
function cover(canvas, image, way = {}) {
  const context = canvas.getContext("2d");
  context.save();
  Object.assign(context, { imageSmoothingQuality: "high" }, way);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  context.restore();
}

/** Clear a canvas. */
export function clear(canvas) {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

/** The colours of a pixel of a crop, `grey` of them taken away. */
function pixel({ data }, place, grey = 0) {
  const colours = [0, 1, 2].map((channel) => data[3 * place + channel]);
  const luminance = colours.reduce((sum, colour, channel) => sum + GREY[channel] * colour, 0);
  return colours.map((colour) => colour + grey * (luminance - colour));
}

/** Give a canvas the proportions of the network's images. */
export function fit(canvas, [height, width]) {
  const high = Math.max(1, Math.round((canvas.width * height) / width));
  if (canvas.height !== high) canvas.height = high; // which clears it
}

/** A photograph before the answer: with the box that will be cut out, if that is known. */
export function drawPreview(canvas, bitmap, fraction) {
  const { top, left, width, height } = middle(bitmap, fraction, canvas);
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // under what is transparent, as the engine lays it
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, width, height, 0, 0, canvas.width, canvas.height);
}

/** What the network saw. */
export function drawCrop(canvas, crop) {
  cover(canvas, picture(crop, (place) => [...pixel(crop, place), 255]));
}

/** The decoder's output: about [0, 1], which an ImageData rounds and clamps. */
export function drawReconstruction(canvas, { data, ...size }) {
  const channels = data.length / (size.width * size.height);
  const colours = (place) =>
    [0, 1, 2].map((channel) => 255 * data[channels * place + Math.min(channel, channels - 1)]);
  cover(canvas, picture(size, (place) => [...colours(place), 255]));
}

/** The map in colours over a face that loses its own, and a line around what matters most. */
export function drawOverlay(canvas, { crop, heatMap, marked, opacity }) {
  const { data } = heatMap;
  const most = data.reduce((top, value) => Math.max(top, Math.abs(value)), 0) || 1;
  cover(canvas, picture(crop, (place) => [...pixel(crop, place, opacity), 255]));
  cover(
    canvas,
    picture(heatMap, (place) => {
      const strength = (255 * opacity * Math.abs(data[place])) / most;
      return [...(data[place] < 0 ? AGAINST : FOR), strength];
    }),
    { imageSmoothingEnabled: Math.max(heatMap.width, heatMap.height) > COARSE },
  );
  strokeOutline(canvas, marked, heatMap);
}

/** A face in its colours where the mask marks it; the rest fades into the page. */
export function drawMarked(canvas, crop, marked, size) {
  const window = new OffscreenCanvas(canvas.width, canvas.height);
  const holes = picture(size, (place) => [0, 0, 0, marked[place] ? 255 : 0]);
  const face = picture(crop, (place) => [...pixel(crop, place), 255]);
  const faded = picture(crop, (place) => [...pixel(crop, place, 1), 255 * FADED]);
  cover(window, holes, { imageSmoothingEnabled: false });
  cover(window, face, { globalCompositeOperation: "source-in" });
  clear(canvas);
  cover(canvas, faded);
  cover(canvas, window);
}

/** The border of a mask: the edges of its cells that have an unmarked cell beyond them. */
function outline(marked, { width, height }, canvas) {
  const path = new Path2D();
  const [wide, high] = [canvas.width / width, canvas.height / height]; // of a cell
  const is = (row, column) =>
    row >= 0 && column >= 0 && row < height && column < width && marked[row * width + column];
  for (let row = 0; row <= height; row++) {
    for (let column = 0; column <= width; column++) {
      const [x, y] = [column * wide, row * high];
      if (is(row, column) !== is(row - 1, column)) {
        path.moveTo(x, y);
        path.lineTo(x + wide, y);
      }
      if (is(row, column) !== is(row, column - 1)) {
        path.moveTo(x, y);
        path.lineTo(x, y + high);
      }
    }
  }
  return path;
}

function strokeOutline(canvas, marked, size) {
  const context = canvas.getContext("2d");
  const path = outline(marked, size, canvas);
  const unit = canvas.width / (canvas.clientWidth || canvas.width); // one pixel of the page's
  context.save();
  context.lineCap = "square";
  for (const [width, colour] of [[3, "rgb(0 0 0 / 55%)"], [1.25, "white"]]) {
    context.lineWidth = width * unit;
    context.strokeStyle = colour;
    context.stroke(path);
  }
  context.restore();
}
