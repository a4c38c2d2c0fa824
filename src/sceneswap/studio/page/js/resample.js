// @ts-check
// Resizing as Pillow does it, so that photographs become the same numbers in the page as in Python.

/** @param {number} x */
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
/** @param {number} x */
const lanczos = (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0);
/** @param {number} x */
const triangle = (x) => Math.max(0, 1 - Math.abs(x));

/** Where each of `wanted` pixels reads along a side of `known`, and with which weights. @param {number} known @param {number} wanted @param {(x: number) => number} filter @param {number} reach */
function coefficients(known, wanted, filter, reach) {
  const scale = known / wanted;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: wanted }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach * stretch + 0.5));
    const last = Math.min(known, Math.floor(centre + reach * stretch + 0.5));
    const weights = Float64Array.from({ length: last - first }, (_, i) => filter((i + first - centre + 0.5) / stretch));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((w) => w / sum) };
  });
}

/**
 * Resize interleaved pixels. @template {Float32Array | Uint8ClampedArray} T
 * @param {T} pixels @param {number} width @param {number} height @param {number} channels
 * @param {number} toWidth @param {number} toHeight @param {"lanczos" | "bilinear"} how @returns {T}
 */
export function resize(pixels, width, height, channels, toWidth, toHeight, how) {
  const [filter, reach] = /** @type {[(x: number) => number, number]} */ (how === "lanczos" ? [lanczos, 3] : [triangle, 1]);
  const Kind = /** @type {any} */ (pixels.constructor);
  let across = pixels;
  if (toWidth !== width) {
    across = new Kind(toWidth * height * channels);
    const columns = coefficients(width, toWidth, filter, reach);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < toWidth; x++) {
        const { first, weights } = columns[x];
        for (let c = 0; c < channels; c++) {
          let sum = 0;
          for (let i = 0; i < weights.length; i++) sum += weights[i] * pixels[(y * width + first + i) * channels + c];
          across[(y * toWidth + x) * channels + c] = sum; // a clamped array rounds and clamps by itself
        }
      }
  }
  if (toHeight === height) return across === pixels ? /** @type {T} */ (pixels.slice()) : across;
  const down = new Kind(toWidth * toHeight * channels);
  const rows = coefficients(height, toHeight, filter, reach);
  const line = toWidth * channels;
  for (let y = 0; y < toHeight; y++) {
    const { first, weights } = rows[y];
    for (let x = 0; x < line; x++) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * across[(first + i) * line + x];
      down[y * line + x] = sum;
    }
  }
  return down;
}

/** RGBA → RGB. @param {Uint8ClampedArray} rgba */
export function withoutAlpha(rgba) {
  const rgb = new Uint8ClampedArray((rgba.length / 4) * 3);
  for (let i = 0, j = 0; i < rgba.length; i += 4) {
    rgb[j++] = rgba[i];
    rgb[j++] = rgba[i + 1];
    rgb[j++] = rgba[i + 2];
  }
  return rgb;
}

/** Interleaved RGB of 0 … 255 → planes (3, H, W) in [-1, 1], as the graphs take it. @param {Uint8ClampedArray | Float32Array} rgb */
export function toPlanes(rgb) {
  const size = rgb.length / 3;
  const planes = new Float32Array(rgb.length);
  for (let i = 0; i < size; i++) for (let c = 0; c < 3; c++) planes[c * size + i] = (rgb[i * 3 + c] / 255) * 2 - 1;
  return planes;
}

/**
 * Scores (S, h, w), resized bilinearly, → the number of the strongest at every pixel.
 * @param {Float32Array} scores @param {number} count S @param {number} h @param {number} w @param {number} height @param {number} width
 */
export function strongest(scores, count, h, w, height, width) {
  const between = (/** @type {number} */ known, /** @type {number} */ wanted) =>
    Array.from({ length: wanted }, (_, i) => {
      const place = Math.max(0, ((i + 0.5) * known) / wanted - 0.5);
      const first = Math.min(Math.floor(place), known - 1);
      return { first, second: Math.min(first + 1, known - 1), part: place - first };
    });
  const [rows, columns] = [between(h, height), between(w, width)];
  const [best, found] = [new Float32Array(width * height).fill(-Infinity), new Uint16Array(width * height)];
  for (let s = 0; s < count; s++) {
    const plane = scores.subarray(s * h * w, (s + 1) * h * w);
    for (let y = 0; y < height; y++) {
      const { first: a, second: b, part: v } = rows[y];
      for (let x = 0; x < width; x++) {
        const { first: l, second: r, part: u } = columns[x];
        const top = plane[a * w + l] * (1 - v) + plane[b * w + l] * v;
        const end = plane[a * w + r] * (1 - v) + plane[b * w + r] * v;
        const value = top * (1 - u) + end * u;
        const i = y * width + x;
        if (value > best[i]) {
          best[i] = value;
          found[i] = s;
        }
      }
    }
  }
  return found;
}
