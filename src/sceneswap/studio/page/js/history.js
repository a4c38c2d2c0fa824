// @ts-check
// Undo and redo without limit: of every gesture the changed rectangle is kept, before and after.

/** @typedef {{undo: () => void, redo: () => void, bytes: number}} Step */

export class History {
  constructor() {
    /** @type {Step[]} */
    this.done = [];
    /** @type {Step[]} */
    this.undone = [];
  }

  /** @param {Step} step */
  add(step) {
    this.done.push(step);
    this.undone = [];
  }

  undo() {
    const step = this.done.pop();
    if (!step) return false;
    step.undo();
    this.undone.push(step);
    return true;
  }

  redo() {
    const step = this.undone.pop();
    if (!step) return false;
    step.redo();
    this.done.push(step);
    return true;
  }

  clear() {
    this.done = [];
    this.undone = [];
  }
}

/**
 * The change of an array of pixels as a step, or null where nothing changed.
 * @template {Uint16Array | Uint8Array} T
 * @param {T} pixels as they are now @param {T} before @param {number} width
 * @returns {Step | null}
 */
export function changeOf(pixels, before, width) {
  let [x0, x1, y0, y1] = [width, -1, Infinity, -1];
  for (let i = 0; i < pixels.length; i++) {
    if (pixels[i] === before[i]) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    y1 = y;
  }
  if (x1 < 0) return null;
  const [columns, rows] = [x1 - x0 + 1, y1 - y0 + 1];
  const take = (/** @type {T} */ from) => {
    const part = /** @type {T} */ (new /** @type {any} */ (from.constructor)(columns * rows));
    for (let y = 0; y < rows; y++) part.set(from.subarray((y0 + y) * width + x0, (y0 + y) * width + x1 + 1), y * columns);
    return part;
  };
  const [old, now] = [take(before), take(pixels)];
  const put = (/** @type {T} */ part) => {
    for (let y = 0; y < rows; y++) pixels.set(part.subarray(y * columns, (y + 1) * columns), (y0 + y) * width + x0);
  };
  return { undo: () => put(old), redo: () => put(now), bytes: old.byteLength + now.byteLength };
}

/** Several steps as one. @param {(Step | null)[]} steps @returns {Step | null} */
export function together(steps) {
  const all = /** @type {Step[]} */ (steps.filter(Boolean));
  if (!all.length) return null;
  return {
    undo: () => [...all].reverse().forEach((step) => step.undo()),
    redo: () => all.forEach((step) => step.redo()),
    bytes: all.reduce((sum, step) => sum + step.bytes, 0),
  };
}
