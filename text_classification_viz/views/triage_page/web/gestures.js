// What mouse, fingers and keys do on the map.

import { insidePolygon } from "./geometry.js";

const CLICK_MOVES = 4; // pixels that a click may wander
const HIT_DISTANCE = 7;
const WHEEL_SPEED = 0.0016;
const KEY_STEP = 60;
export const ZOOM_STEP = 1.5;

export function setUpGestures(canvas, map, { isLassoMode, onHover, onPick, onLasso }) {
  const pointers = new Map();
  let start = null;
  let moved = false;

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const spread = () => {
    const [[x1, y1], [x2, y2]] = [...pointers.values()];
    return { x: (x1 + x2) / 2, y: (y1 + y2) / 2, distance: Math.hypot(x1 - x2, y1 - y2) || 1 };
  };

  // The mouse takes the focus from a field and does not bring it here, where arrows no longer go from row to row.
  canvas.addEventListener("mousedown", (event) => {
    event.preventDefault();
    document.activeElement.blur();
  });

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    start = place(event);
    moved = false;
    map.marked.lasso = pointers.size === 1 && (event.shiftKey || isLassoMode()) ? [start] : [];
    onHover(-1);
  });

  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    const last = pointers.get(event.pointerId);
    if (!last) {
      onHover(map.rowAt(x, y, HIT_DISTANCE), x, y);
      return;
    }
    const before = pointers.size === 2 && spread();
    pointers.set(event.pointerId, [x, y]);
    moved ||= Math.hypot(x - start[0], y - start[1]) > CLICK_MOVES;
    if (before) {
      const after = spread();
      map.pan(after.x - before.x, after.y - before.y);
      map.zoom(after.distance / before.distance, after.x, after.y);
    } else if (map.marked.lasso.length) {
      map.marked.lasso.push([x, y]);
      map.drawMarks();
    } else if (moved) {
      map.pan(x - last[0], y - last[1]);
    }
  });

  const end = (event) => {
    if (!pointers.delete(event.pointerId) || pointers.size) return;
    const polygon = map.marked.lasso;
    map.marked.lasso = [];
    if (moved && polygon.length > 2 && event.type === "pointerup") {
      onLasso(map.rowsWhere((x, y) => insidePolygon(x, y, polygon)));
    } else if (!moved && event.type === "pointerup") {
      onPick(map.rowAt(...start, HIT_DISTANCE));
    }
    map.drawMarks();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => onHover(-1));

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1);
      // a browser reports a pinch on a touchpad as small turns of the wheel with ctrl
      map.zoom(Math.exp(-pixels * WHEEL_SPEED * (event.ctrlKey ? 6 : 1)), ...place(event));
    },
    { passive: false },
  );

  const keys = {
    ArrowLeft: () => map.pan(KEY_STEP, 0),
    ArrowRight: () => map.pan(-KEY_STEP, 0),
    ArrowUp: () => map.pan(0, KEY_STEP),
    ArrowDown: () => map.pan(0, -KEY_STEP),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // elsewhere, arrows go from row to row
    keys[event.key]();
  });
}
