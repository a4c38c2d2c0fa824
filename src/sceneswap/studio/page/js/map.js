// @ts-check
// A label map as the painter holds it: class indices, one per pixel, never mixed. Every edit sets whole pixels.

/** @typedef {{x: number, y: number}} Point */

export const MIN_SIDE = 64;
export const MAX_SIDE = 1024;

export class LabelMap {
  /**
   * @param {number} width
   * @param {number} height
   * @param {Uint16Array} [data] indices 0 … C, row by row; C is void
   */
  constructor(width, height, data) {
    this.width = width;
    this.height = height;
    this.data = data ?? new Uint16Array(width * height);
    if (this.data.length !== width * height) throw new RangeError("a label map needs one index per pixel");
  }

  copy() {
    return new LabelMap(this.width, this.height, this.data.slice());
  }

  /** @param {number} x @param {number} y */
  at(x, y) {
    return this.data[y * this.width + x];
  }

  /** @param {number} x @param {number} y */
  has(x, y) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  /** Each pixel takes the class under its own centre, as `resize_label_map` does. @param {number} width @param {number} height */
  resized(width, height) {
    const found = new LabelMap(width, height);
    const columns = new Int32Array(width).map((_, x) => Math.floor(((2 * x + 1) * this.width) / (2 * width)));
    for (let y = 0; y < height; y++) {
      const row = Math.floor(((2 * y + 1) * this.height) / (2 * height)) * this.width;
      for (let x = 0; x < width; x++) found.data[y * width + x] = this.data[row + columns[x]];
    }
    return found;
  }
}

/**
 * The pixels of a brush of `radius` drawn from a to b: those whose centres are at most that far from the line.
 * @param {LabelMap} map @param {Point} a @param {Point} b @param {number} radius
 * @param {(index: number, distance: number) => void} visit
 */
export function alongLine(map, a, b, radius, visit) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const [x0, x1] = [Math.floor(Math.min(a.x, b.x) - radius), Math.ceil(Math.max(a.x, b.x) + radius)];
  const [y0, y1] = [Math.floor(Math.min(a.y, b.y) - radius), Math.ceil(Math.max(a.y, b.y) + radius)];
  for (let y = Math.max(0, y0); y <= Math.min(map.height - 1, y1); y++) {
    for (let x = Math.max(0, x0); x <= Math.min(map.width - 1, x1); x++) {
      const along = length ? Math.max(0, Math.min(1, ((x - a.x) * dx + (y - a.y) * dy) / length)) : 0;
      const distance = Math.hypot(x - a.x - along * dx, y - a.y - along * dy);
      if (distance <= radius) visit(y * map.width + x, distance);
    }
  }
}

/** @param {LabelMap} map @param {Point} a @param {Point} b @param {number} radius @param {number} label */
export function paintLine(map, a, b, radius, label) {
  alongLine(map, a, b, radius, (index) => (map.data[index] = label));
}

/** Fill the polygon (even-odd, by pixel centres). @param {LabelMap} map @param {Point[]} points @param {number} label */
export function paintPolygon(map, points, label) {
  if (points.length < 3) return;
  for (let y = 0; y < map.height; y++) {
    const crossings = [];
    for (let i = 0; i < points.length; i++) {
      const [p, q] = [points[i], points[(i + 1) % points.length]];
      if (p.y <= y !== q.y <= y) crossings.push(p.x + ((y - p.y) / (q.y - p.y)) * (q.x - p.x));
    }
    crossings.sort((p, q) => p - q);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const first = Math.max(0, Math.ceil(crossings[i]));
      const last = Math.min(map.width - 1, Math.floor(crossings[i + 1]));
      for (let x = first; x <= last; x++) map.data[y * map.width + x] = label;
    }
  }
}

/** Fill the area of one class around a pixel (neighbours by sides). @param {LabelMap} map @param {Point} at @param {number} label */
export function fillArea(map, at, label) {
  const { width, height, data } = map;
  const old = map.at(at.x, at.y);
  if (old === label) return;
  const stack = [at.y * width + at.x];
  while (stack.length) {
    const index = /** @type {number} */ (stack.pop());
    if (data[index] !== old) continue;
    const row = index - (index % width);
    let [left, right] = [index, index];
    while (left > row && data[left - 1] === old) left--;
    while (right < row + width - 1 && data[right + 1] === old) right++;
    for (let i = left; i <= right; i++) {
      data[i] = label;
      if (row > 0 && data[i - width] === old) stack.push(i - width);
      if (row < (height - 1) * width && data[i + width] === old) stack.push(i + width);
    }
  }
}

/** Replace a class everywhere. @param {LabelMap} map @param {number} old @param {number} label */
export function replaceClass(map, old, label) {
  for (let i = 0; i < map.data.length; i++) if (map.data[i] === old) map.data[i] = label;
}

/** An empty sky over ground. @param {number} width @param {number} height @param {number} sky @param {number} ground */
export function skyAndGround(width, height, sky, ground) {
  const map = new LabelMap(width, height);
  map.data.fill(sky, 0, Math.round(height * 0.45) * width);
  map.data.fill(ground, Math.round(height * 0.45) * width);
  return map;
}

/** (width, height) with the longer side brought to `side` where it is longer, at least 1. @param {number} width @param {number} height @param {number} side */
export function inside(width, height, side) {
  const scale = Math.min(1, side / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
