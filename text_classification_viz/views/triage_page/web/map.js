// The map: points, rings, names, and what is marked on it, on two canvases; the upper one changes at each move of
// the pointer, the lower one only with the view.

import { classColor, dotColor, isDark, letterColor } from "./colors.js";
import { clamp, createNearest, densestPlaces, frame, placeBoxes } from "./geometry.js";
import { drawRing } from "./kinds.js";
import { createRaster, createStamp } from "./raster.js";

export const HIDDEN = 0;
export const FAINT = 1;
export const PLAIN = 2;
export const LISTED = 3; // in the table
const OPACITY = [0, 0.16, 0.6, 0.95];

const MARGIN = 0.06; // of the view, around the map at its first size
const MOST_ZOOM = 400;
const RINGS_IN_FULL = 2500; // more than these in one view are drawn fainter
const NAME_LENGTH = 30;
const NAME_HEIGHT = 17;
const GOLDEN_STEP = 0.6180339887;

// Numbers from 0 to n - 1 in an order that is the same each time and lets no class cover the others.
function scattered(n) {
  let step = Math.round(n * GOLDEN_STEP) || 1;
  const divisor = (a, b) => (b ? divisor(b, a % b) : a);
  while (divisor(step, n) > 1) step++;
  return Int32Array.from({ length: n }, (_, i) => (i * step) % n);
}

export function createMap(points, marks, rows) {
  const raster = createRaster(points.getContext("2d", { alpha: false, willReadFrequently: true }));
  const context = marks.getContext("2d");
  const order = scattered(rows.count);
  const appearance = new Uint8Array(rows.count).fill(PLAIN);
  const known = rows.maps.map(() => null); // what is computed once for each map
  const view = { x: 0, y: 0, scale: 1, width: 1, height: 1 };
  const marked = { row: -1, hovered: -1, lasso: [] };
  let nRinged = 0;
  let shown = 0;
  let stamps = null;
  let pending = 0;

  const map = () => rows.maps[shown];
  const facts = () => {
    const { x, y } = map();
    known[shown] ??= {
      frame: frame(x, y),
      nearest: createNearest(x, y),
      places: densestPlaces(x, y, rows.label, rows.classes.length),
    };
    return known[shown];
  };
  const screenX = (x) => view.width / 2 + (x - view.x) * view.scale;
  const screenY = (y) => view.height / 2 - (y - view.y) * view.scale;
  const fitScale = () => {
    const box = facts().frame;
    return (1 - 2 * MARGIN) * Math.min(view.width / box.width, view.height / box.height);
  };
  const radius = () => {
    const zoom = view.scale / fitScale();
    return clamp(Math.sqrt(40_000 / map().total), 1.5, 4) * clamp(zoom ** 0.3, 1, 3);
  };

  // Where many rows are ringed, rings are faint, so that the classes are still seen; stepwise, for stamps to last.
  const ringOpacity = () => {
    const crowd = nRinged / (view.scale / fitScale()) ** 2;
    return Math.round(10 * clamp(Math.sqrt(RINGS_IN_FULL / crowd), 0.3, 1)) / 10;
  };

  function redraw() {
    pending ||= requestAnimationFrame(draw);
  }

  function draw() {
    pending = 0;
    drawPoints();
    drawMarks();
  }

  function drawMarks() {
    const scale = devicePixelRatio || 1;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    drawNames();
    drawCurrent();
    drawLasso();
  }

  function drawPoints() {
    const scale = devicePixelRatio || 1;
    const size = Math.round(4 * radius()) / 4;
    const opacity = ringOpacity();
    if (stamps?.size !== size || stamps.opacity !== opacity) stamps = createStamps(rows, size, opacity);
    const { x, y } = map();
    const { width, height } = points;
    const [left, top, factor] = [
      width / 2 - view.x * view.scale * scale,
      height / 2 + view.y * view.scale * scale,
      view.scale * scale,
    ];
    raster.begin(width, height, getComputedStyle(points).backgroundColor);
    for (const level of [FAINT, PLAIN, LISTED]) {
      for (let i = 0; i < order.length; i++) {
        const row = order[i];
        if (appearance[row] !== level || Number.isNaN(x[row])) continue;
        raster.stamp(stamps.dot(rows.label[row], level), left + x[row] * factor, top - y[row] * factor);
      }
    }
    // From the last rank, so that the first lie on top.
    for (let row = rows.count - 1; row >= 0; row--) {
      const ring = appearance[row] === LISTED && !Number.isNaN(x[row]) && stamps.rings[rows.kind[row]];
      if (ring) raster.stamp(ring, left + x[row] * factor, top - y[row] * factor);
    }
    raster.end();
  }

  function drawNames() {
    const dark = isDark();
    context.font = `600 13px ${getComputedStyle(points).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    const boxes = facts().places.flatMap((place, code) => {
      if (!place || !visibleClasses[code]) return [];
      const name = rows.classes[code];
      const text = name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 1)}…` : name;
      const width = context.measureText(text).width;
      const [x, y] = [screenX(place[0]), screenY(place[1])];
      if (x < 0 || y < 0 || x > view.width || y > view.height) return [];
      const inside = clamp(x, Math.min(width / 2 + 4, view.width / 2), view.width - width / 2 - 4);
      return [{ text, code, x: inside, y, width: width + 6, height: NAME_HEIGHT }];
    });
    for (const { text, code, x, y } of placeBoxes(boxes)) {
      cased(letterColor(classColor(rows, code), dark), 4, () => context.strokeText(text, x, y));
      context.fillText(text, x, y);
    }
  }

  // Strokes in the color of the ground first, so that what follows stands out anywhere.
  function cased(color, width, stroke) {
    context.strokeStyle = getComputedStyle(points).backgroundColor;
    context.fillStyle = color;
    context.lineWidth = width;
    stroke();
    context.strokeStyle = color;
  }

  function drawCurrent() {
    const { x, y } = map();
    const ink = getComputedStyle(points).color;
    const isHere = (row) => row >= 0 && !Number.isNaN(x[row]);
    const circle = (row, size) => {
      context.beginPath();
      context.arc(screenX(x[row]), screenY(y[row]), size, 0, 2 * Math.PI);
      context.stroke();
    };
    const mark = (row, size, line) => {
      cased(ink, line + 3, () => circle(row, size));
      context.lineWidth = line;
      circle(row, size);
      context.beginPath();
      context.arc(screenX(x[row]), screenY(y[row]), radius(), 0, 2 * Math.PI);
      context.fillStyle = dotColor(classColor(rows, rows.label[row]), isDark());
      context.fill(); // the point itself, over lines that end there
    };
    if (isHere(marked.row)) {
      const neighbors = rows
        .neighbors(marked.row)
        .map(({ code }) => code)
        .filter((row) => row < rows.count && isHere(row));
      context.beginPath();
      for (const row of neighbors) {
        context.moveTo(screenX(x[marked.row]), screenY(y[marked.row]));
        context.lineTo(screenX(x[row]), screenY(y[row]));
      }
      cased(ink, 3.5, () => context.stroke());
      context.lineWidth = 1.2;
      context.stroke();
      for (const row of neighbors) mark(row, radius() + 1.5, 1.2);
      mark(marked.row, radius() + 5, 2.4);
    }
    if (isHere(marked.hovered) && marked.hovered !== marked.row) mark(marked.hovered, radius() + 3, 1.5);
  }

  function drawLasso() {
    if (marked.lasso.length < 2) return;
    context.beginPath();
    for (const [x, y] of marked.lasso) context.lineTo(x, y);
    context.closePath();
    context.setLineDash([5, 4]);
    context.lineWidth = 1.5;
    context.strokeStyle = getComputedStyle(points).color;
    context.stroke();
    context.globalAlpha = 0.08;
    context.fillStyle = context.strokeStyle;
    context.fill();
    context.globalAlpha = 1;
    context.setLineDash([]);
  }

  const visibleClasses = new Uint8Array(rows.classes.length).fill(1);

  return {
    view,
    marked,
    redraw,
    drawMarks,
    shownMap: map,

    resize() {
      const { clientWidth, clientHeight } = points;
      if (!clientWidth || !clientHeight) return;
      const first = view.width === 1;
      const zoom = first ? 1 : view.scale / fitScale();
      Object.assign(view, { width: clientWidth, height: clientHeight });
      for (const canvas of [points, marks]) {
        canvas.width = Math.round(clientWidth * devicePixelRatio);
        canvas.height = Math.round(clientHeight * devicePixelRatio);
      }
      stamps = null;
      if (first) this.fit();
      view.scale = zoom * fitScale();
      draw(); // at once: a canvas whose size was set is blank
    },

    show(index) {
      shown = index;
      stamps = null;
      this.fit();
    },

    fit() {
      const box = facts().frame;
      Object.assign(view, { x: box.x, y: box.y, scale: fitScale() });
      redraw();
    },

    restyle() {
      stamps = null;
      redraw();
    },

    setAppearance(levelOf, classes) {
      nRinged = 0;
      for (let row = 0; row < rows.count; row++) {
        appearance[row] = levelOf(row);
        if (appearance[row] === LISTED && rows.kinds[rows.kind[row]] !== "none") nRinged++;
      }
      for (let code = 0; code < visibleClasses.length; code++) visibleClasses[code] = classes.has(code);
      redraw();
    },

    pan(dx, dy) {
      view.x -= dx / view.scale;
      view.y += dy / view.scale;
      redraw();
    },

    // About a place on the screen, which stays under the pointer.
    zoom(factor, atX = view.width / 2, atY = view.height / 2) {
      const fit = fitScale();
      const scale = clamp(view.scale * factor, fit / 2, fit * MOST_ZOOM);
      const ratio = scale / view.scale;
      view.x += ((atX - view.width / 2) / view.scale) * (1 - 1 / ratio);
      view.y -= ((atY - view.height / 2) / view.scale) * (1 - 1 / ratio);
      view.scale = scale;
      redraw();
    },

    // Marks a row and brings it to the middle, as far as the map still fills the view.
    showRow(row) {
      marked.row = row;
      const { x, y } = map();
      if (row >= 0 && !Number.isNaN(x[row])) {
        const box = facts().frame;
        const room = (size, pixels) => Math.max(0, size / 2 - ((0.5 - MARGIN) * pixels) / view.scale);
        const [roomX, roomY] = [room(box.width, view.width), room(box.height, view.height)];
        view.x = clamp(x[row], box.x - roomX, box.x + roomX);
        view.y = clamp(y[row], box.y - roomY, box.y + roomY);
      }
      redraw();
    },

    rowAt(atX, atY, distance) {
      const x = view.x + (atX - view.width / 2) / view.scale;
      const y = view.y - (atY - view.height / 2) / view.scale;
      return facts().nearest(x, y, (distance + radius()) / view.scale, (row) => appearance[row] !== HIDDEN);
    },

    // 1 for each row that is shown and that `accepts` the place of, on the screen.
    rowsWhere(accepts) {
      const { x, y } = map();
      return Uint8Array.from(appearance, (level, row) =>
        Number(level !== HIDDEN && !Number.isNaN(x[row]) && accepts(screenX(x[row]), screenY(y[row]))),
      );
    },
  };
}

function createStamps(rows, size, opacity) {
  const scale = devicePixelRatio || 1;
  const dark = isDark();
  const dots = [];
  const dot = (code, level) => {
    const index = 4 * code + level;
    dots[index] ??= createStamp(size + 1, scale, (context) => {
      context.globalAlpha = OPACITY[level];
      context.fillStyle = dotColor(classColor(rows, code), dark);
      context.beginPath();
      context.arc(0, 0, size, 0, 2 * Math.PI);
      context.fill();
    });
    return dots[index];
  };
  const rings = rows.kinds.map(
    (kind) =>
      kind !== "none" &&
      createStamp(1.3 * (size + 4), scale, (context) => drawRing(context, kind, size, opacity, dark)),
  );
  return { size, opacity, dot, rings };
}
