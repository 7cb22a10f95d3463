// Points in the plane: pure functions.

const CLIP = 0.001; // share of stray points at each end of an axis that may fall outside the first view
const CELLS = 128; // along each side of the grid that finds the point under the pointer
const DENSITY_CELLS = 48; // along each side of the grid on which a class is densest where its name goes
const BLURS = 3;

// Middle and size of the rectangle that holds the points, but for stray ones; NaN is no point.
export function frame(x, y) {
  const [left, right] = range(x);
  const [bottom, top] = range(y);
  return { x: (left + right) / 2, y: (bottom + top) / 2, width: right - left || 1, height: top - bottom || 1 };
}

function range(values) {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  if (!sorted.length) return [0, 0];
  const stray = Math.floor(CLIP * sorted.length);
  return [sorted[stray], sorted[sorted.length - 1 - stray]];
}

export function insidePolygon(x, y, polygon) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i];
    const [xj, yj] = polygon[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

// Finds the nearest accepted point within a distance, or -1.
export function createNearest(x, y) {
  const { x: middleX, y: middleY, width, height } = frame(x, y);
  const column = (value) => clamp(Math.floor(((value - middleX) / width + 0.5) * CELLS), 0, CELLS - 1);
  const line = (value) => clamp(Math.floor(((value - middleY) / height + 0.5) * CELLS), 0, CELLS - 1);
  const cells = Array.from({ length: CELLS * CELLS }, () => []);
  for (let i = 0; i < x.length; i++) {
    if (!Number.isNaN(x[i])) cells[line(y[i]) * CELLS + column(x[i])].push(i);
  }
  return (atX, atY, distance, accepts) => {
    let nearest = -1;
    let least = distance * distance;
    for (let l = line(atY - distance); l <= line(atY + distance); l++) {
      for (let c = column(atX - distance); c <= column(atX + distance); c++) {
        for (const i of cells[l * CELLS + c]) {
          const squared = (x[i] - atX) ** 2 + (y[i] - atY) ** 2;
          if (squared <= least && accepts(i)) [nearest, least] = [i, squared];
        }
      }
    }
    return nearest;
  };
}

// Where the points of each class are densest; null for a class without points.
export function densestPlaces(x, y, classOf, nClasses) {
  const box = frame(x, y);
  const grids = Array.from({ length: nClasses }, () => null);
  for (let i = 0; i < x.length; i++) {
    const column = Math.floor(((x[i] - box.x) / box.width + 0.5) * DENSITY_CELLS);
    const line = Math.floor(((y[i] - box.y) / box.height + 0.5) * DENSITY_CELLS);
    if (!(column >= 0 && column < DENSITY_CELLS && line >= 0 && line < DENSITY_CELLS)) continue;
    grids[classOf[i]] ??= new Float32Array(DENSITY_CELLS * DENSITY_CELLS);
    grids[classOf[i]][line * DENSITY_CELLS + column]++;
  }
  return grids.map((counts) => {
    if (!counts) return null;
    let smooth = counts;
    for (let round = 0; round < BLURS; round++) smooth = blur(blur(smooth, 1), DENSITY_CELLS);
    const best = smooth.indexOf(Math.max(...smooth));
    return [
      box.x + (((best % DENSITY_CELLS) + 0.5) / DENSITY_CELLS - 0.5) * box.width,
      box.y + ((Math.floor(best / DENSITY_CELLS) + 0.5) / DENSITY_CELLS - 0.5) * box.height,
    ];
  });
}

// The mean of each cell and its two neighbors `step` away.
function blur(grid, step) {
  return grid.map((value, i) => ((grid[i - step] ?? 0) + value + (grid[i + step] ?? 0)) / 3);
}

// Moves boxes (middle, size) up or down, one after another, so that none covers an earlier one.
export function placeBoxes(boxes) {
  const placed = [];
  for (const box of boxes) {
    const inTheWay = placed.filter((other) => Math.abs(other.x - box.x) < (other.width + box.width) / 2);
    const gap = (other) => (other.height + box.height) / 2;
    const choices = [box.y, ...inTheWay.flatMap((other) => [other.y - gap(other), other.y + gap(other)])];
    const free = choices.filter((y) => inTheWay.every((other) => Math.abs(other.y - y) >= gap(other) - 1e-6));
    free.sort((a, b) => Math.abs(a - box.y) - Math.abs(b - box.y));
    placed.push({ ...box, y: free[0] ?? box.y });
  }
  return placed;
}

export function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
