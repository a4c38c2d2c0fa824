// @ts-check
// The arithmetic on looks that the graph `draw` leaves to whoever runs it; the formulas are those of Python's onnx/mixing.py.

/** @typedef {{shape: number[], data: Float32Array}} Tensor */
/** @typedef {Record<string, Tensor>} Tensors */

export const EXTRAPOLATION_LIMIT = 3;
const CEILING = Math.log(EXTRAPOLATION_LIMIT / (1 + EXTRAPOLATION_LIMIT));

/** @param {number[]} logs */
function logSumExp(logs) {
  const top = Math.max(...logs);
  return top === -Infinity ? top : top + Math.log(logs.reduce((sum, x) => sum + Math.exp(x - top), 0));
}

/**
 * Signed shares that sum to 1, from log magnitudes and their signs; negative ones together at most EXTRAPOLATION_LIMIT.
 * @param {number[]} logs @param {boolean[]} negative
 */
export function boundedShares(logs, negative) {
  const positive = logSumExp(logs.map((x, j) => (negative[j] ? -Infinity : x)));
  const below = logSumExp(logs.map((x, j) => (negative[j] ? x : -Infinity)));
  const ratio = Math.exp(Math.min(below - positive, CEILING));
  const total = ratio / (1 - ratio);
  return logs.map((x, j) => (negative[j] ? -total * Math.exp(x - below) : (1 + total) * Math.exp(x - positive)));
}

/**
 * The shares (J, K) that each look has in the values of a scale, for looks mixed everywhere alike.
 * @param {Tensors[]} looks @param {number[]} weights none of them 0, sum 1 @param {number} scale
 */
export function sharesOf(looks, weights, scale) {
  const maps = looks[0][`mass.${scale}`].data.length;
  const shares = looks.map(() => new Float32Array(maps));
  const negative = weights.map((w) => w < 0);
  for (let k = 0; k < maps; k++) {
    const logs = looks.map((look, j) => look[`mass.${scale}`].data[k] + Math.log(Math.abs(weights[j])));
    boundedShares(logs, negative).forEach((share, j) => (shares[j][k] = share));
  }
  return shares;
}

/**
 * Inputs of the graph for looks mixed everywhere alike: one set of values, V = Σ w Z V / Σ w Z.
 * @param {Tensors[]} looks @param {number[]} weights none of them 0, sum 1 @param {number} scales
 * @returns {Tensors}
 */
export function mixed(looks, weights, scales) {
  /** @type {Tensors} */
  const inputs = { blend: { shape: [1, 1, looks.length], data: Float32Array.from(weights) } };
  for (let i = 0; i < scales; i++) {
    const [, channels, maps] = looks[0][`values.${i}`].shape;
    const shares = sharesOf(looks, weights, i);
    const values = new Float32Array(channels * maps);
    looks.forEach((look, j) => {
      const own = look[`values.${i}`].data;
      for (let n = 0; n < channels; n++)
        for (let k = 0; k < maps; k++) values[n * maps + k] += shares[j][k] * own[n * maps + k];
    });
    inputs[`values.${i}`] = { shape: [1, 1, channels, maps], data: values };
    inputs[`summary.${i}`] = stacked(looks.map((look) => look[`summary.${i}`]));
  }
  return inputs;
}

/**
 * The same for looks that weight maps choose among: one set of values each.
 * @param {Tensors[]} looks @param {number} scales @returns {Tensors}
 */
export function sideBySide(looks, scales) {
  const count = looks.length;
  const blend = new Float32Array(count * count);
  for (let j = 0; j < count; j++) blend[j * count + j] = 1;
  /** @type {Tensors} */
  const inputs = { blend: { shape: [1, count, count], data: blend } };
  for (let i = 0; i < scales; i++)
    for (const name of [`values.${i}`, `summary.${i}`]) inputs[name] = stacked(looks.map((look) => look[name]));
  return inputs;
}

/** Tensors (1, …) as one (1, J, …). @param {Tensor[]} tensors @returns {Tensor} */
function stacked(tensors) {
  const size = tensors[0].data.length;
  const data = new Float32Array(size * tensors.length);
  tensors.forEach((tensor, j) => data.set(tensor.data, j * size));
  return { shape: [1, tensors.length, ...tensors[0].shape.slice(1)], data };
}

/**
 * Pixels smoothed by a Gaussian that is cut off at four times its deviation, edges repeated: SciPy's gaussian_filter.
 * @param {Float32Array} values @param {number} width @param {number} height @param {number} deviation
 */
export function blurred(values, width, height, deviation) {
  const reach = Math.floor(4 * deviation + 0.5);
  const bell = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * deviation ** 2)));
  const sum = bell.reduce((a, b) => a + b, 0);
  const pass = (/** @type {Float32Array} */ from, /** @type {number} */ step, /** @type {number} */ length, /** @type {number} */ across, /** @type {number} */ lines) => {
    const to = new Float32Array(from.length);
    const line = new Float32Array(length + 2 * reach);
    for (let n = 0; n < lines; n++) {
      for (let i = 0; i < line.length; i++) line[i] = from[n * across + Math.max(0, Math.min(length - 1, i - reach)) * step];
      for (let i = 0; i < length; i++) {
        let found = 0;
        for (let j = 0; j < bell.length; j++) found += bell[j] * line[i + j];
        to[n * across + i * step] = found / sum;
      }
    }
    return to;
  };
  return pass(pass(values, width, height, 1, width), 1, width, width, height);
}

/**
 * The weight of every look at every pixel, (J, H, W), sum 1: the sliders' weights where nothing is painted, the painted
 * amounts where something is, and one look alone for classes that are given to it, softened over `border` pixels as by
 * `class_choice` in Python.
 * @param {Uint16Array} labels @param {number} width @param {number[]} weights sum 1
 * @param {(Uint8Array | null)[]} painted amounts 0 … 255 per look @param {Map<number, number>} byClass class → number of the look
 * @param {number} border
 */
export function weightMaps(labels, width, weights, painted, byClass, border) {
  const [size, count] = [labels.length, weights.length];
  const maps = new Float32Array(size * count);
  const owned = weights.map((_, j) => {
    if (![...byClass.values()].includes(j)) return null;
    const hard = Float32Array.from(labels, (label) => Number(byClass.get(label) === j));
    return border ? blurred(hard, width, size / width, border / 4) : hard;
  });
  for (let i = 0; i < size; i++) {
    const free = Math.max(0, owned.reduce((left, one) => left - (one ? one[i] : 0), 1));
    let brushed = 0;
    for (let j = 0; j < count; j++) brushed += (painted[j]?.[i] ?? 0) / 255;
    const rest = Math.max(0, 1 - brushed);
    const total = Math.max(1, brushed); // what is painted and the rest
    let sum = 0;
    for (let j = 0; j < count; j++) {
      const mix = (rest * weights[j] + (painted[j]?.[i] ?? 0) / 255) / total;
      maps[j * size + i] = free * mix + (owned[j]?.[i] ?? 0);
      sum += maps[j * size + i];
    }
    for (let j = 0; j < count; j++) maps[j * size + i] /= sum;
  }
  return maps;
}

/** Weights of sliders, brought to sum 1; equal ones where none is above 0. @param {number[]} sliders */
export function normalised(sliders) {
  const sum = sliders.reduce((a, b) => a + b, 0);
  return sum > 1e-6 ? sliders.map((w) => w / sum) : sliders.map(() => 1 / sliders.length);
}
