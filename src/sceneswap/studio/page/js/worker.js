// @ts-check
// The model, away from the brush: reads, encodes, draws and traces. One request at a time; the page keeps the newest.

import { inside } from "./map.js";
import { mixed, sharesOf, sideBySide } from "./mixing.js";
import { resize, strongest, toPlanes } from "./resample.js";
import { bring, file, run, tryCard } from "./runtime.js";

/** @typedef {import("./mixing.js").Tensors} Tensors */
/** @typedef {{width: number, height: number, rgb: Uint8ClampedArray}} Photo */
/** @typedef {{width: number, height: number, labels: Uint16Array, looks: string[], weights: number[], maps: Float32Array | null}} Request */

/** @type {any} */
let model;
/** @type {Map<string, Tensors>} */
const looks = new Map();

/** (height, width) at which exemplars are read. @param {number} height @param {number} width */
function workingShape(height, width) {
  const shape = model.squares ? [1, 1] : [height, width];
  const scale = model.working_size / Math.sqrt(shape[0] * shape[1]);
  return shape.map((side) => Math.max(1, even((side * scale) / model.stride)) * model.stride);
}

/** Python's rounding: halves to the even neighbour. @param {number} x */
function even(x) {
  const down = Math.floor(x);
  return x - down === 0.5 ? down + (down % 2) : Math.round(x);
}

/** @param {number} side */
const padded = (side) => Math.max(2 * model.stride, Math.ceil(side / model.stride) * model.stride);

/** Planes extended to sides that the graph takes, the edge repeated. @template {Float32Array | Int32Array} T @param {ArrayLike<number>} data @param {number} planes @param {number} h @param {number} w @param {T} into */
function extended(data, planes, h, w, into) {
  const [H, W] = [padded(h), padded(w)];
  for (let p = 0; p < planes; p++)
    for (let y = 0; y < H; y++) {
      const row = (p * h + Math.min(y, h - 1)) * w;
      for (let x = 0; x < W; x++) into[(p * H + y) * W + x] = data[row + Math.min(x, w - 1)];
    }
  return into;
}

/** The inputs of `draw`, and the looks that take part. @param {Request} request */
function inputsOf({ width, height, labels, looks: ids, weights, maps }) {
  const [H, W] = [padded(height), padded(width)];
  const size = width * height;
  const used = ids.map((_, j) => j).filter((j) => (maps ? maps.subarray(j * size, (j + 1) * size).some((w) => w !== 0) : weights[j] !== 0));
  const chosen = used.map((j) => {
    const tensors = looks.get(ids[j]);
    if (!tensors) throw new Error("a look is missing");
    return tensors;
  });
  const spatial = maps !== null && used.length > 1;
  const sets = spatial ? used.length : 1;
  const whole = maps ? [1] : used.map((j) => weights[j]);
  /** @type {Record<string, {shape: number[], data: any}>} */
  const inputs = spatial ? sideBySide(chosen, model.scales) : mixed(chosen, whole, model.scales);
  const all = new Float32Array(sets * H * W).fill(1);
  if (spatial)
    used.forEach((j, g) => extended(maps.subarray(j * size, (j + 1) * size), 1, height, width, all.subarray(g * H * W, (g + 1) * H * W)));
  inputs.maps = { shape: [1, sets, H, W], data: all };
  inputs.label_map = { shape: [1, H, W], data: extended(labels, 1, height, width, new Int32Array(H * W)) };
  return { inputs, used, chosen, spatial, whole, H, W };
}

const actions = {
  /** @param {{base: string, threads: number, device: string, model: any}} how */
  async start(how) {
    model = how.model;
    await bring({ ...how, progress: (progress) => self.postMessage({ progress }) });
    return {};
  },

  /** Everything that may be needed later, so that the page works without a network. */
  async prefetch() {
    await Promise.all(["model/encode.onnx.gz", "model/read.onnx.gz"].map(file));
    return {};
  },

  /** Draw on the graphics card from now on, if that is as good and faster. @param {{request: Request, always: boolean}} given */
  async card({ request, always }) {
    return tryCard(inputsOf(request).inputs, always, () => self.postMessage({ lost: true }));
  },

  /** @param {{id: string, tensors: Tensors}} look */
  async look({ id, tensors }) {
    looks.set(id, tensors);
    return {};
  },

  /** @param {Request} request */
  async draw(request) {
    const start = performance.now();
    const { inputs, H, W } = inputsOf(request);
    const { picture } = await run("draw", inputs, ["picture"]);
    const [data, size] = [/** @type {Float32Array} */ (picture.data), H * W];
    const rgba = new Uint8ClampedArray(request.width * request.height * 4);
    for (let y = 0, i = 0; y < request.height; y++)
      for (let x = 0; x < request.width; x++, i += 4) {
        for (let c = 0; c < 3; c++) rgba[i + c] = (data[c * size + y * W + x] + 1) * 127.5;
        rgba[i + 3] = 255;
      }
    picture.dispose();
    return { rgba, width: request.width, height: request.height, milliseconds: performance.now() - start, transfer: [rgba.buffer] };
  },

  /** Photograph → label map of at most `side` pixels. @param {{photo: Photo, side: number}} given */
  async read({ photo, side }) {
    const { by, classes, photo_side, long_side } = model.read;
    let size = inside(photo.width, photo.height, by === "head" ? 1024 : photo_side);
    let image;
    if (by === "head") {
      const [h, w] = workingShape(photo.height, photo.width);
      image = { shape: [1, 3, h, w], data: toPlanes(resize(photo.rgb, photo.width, photo.height, 3, w, h, "lanczos")) };
    } else {
      const small = Float32Array.from(resize(photo.rgb, photo.width, photo.height, 3, size.width, size.height, "lanczos"));
      const scale = (long_side - 1) / Math.max(size.width, size.height);
      const [w, h] = [size.width, size.height].map((one) => 8 * Math.max(1, even((one * scale) / 8)) + 1);
      image = { shape: [1, 3, h, w], data: toPlanes(resize(small, size.width, size.height, 3, w, h, "bilinear")) };
    }
    const { scores } = await run("read", { image }, ["scores"]);
    const [, count, h, w] = scores.dims;
    size = inside(photo.width, photo.height, side);
    const labels = strongest(scores.data, count, h, w, size.height, size.width).map((s) => classes[s]);
    scores.dispose();
    return { ...size, labels };
  },

  /** @param {{photo: Photo, labels: Uint16Array, width: number, height: number, id: string}} given labels of any size of the photo's aspect */
  async encode({ photo, labels, width, height, id }) {
    const names = ["values", "mass", "summary"].flatMap((n) => Array.from({ length: model.scales }, (_, i) => `${n}.${i}`));
    const { inputs, seen } = exemplar(photo, labels, width, height);
    const found = await run("encode", inputs, names);
    /** @type {Tensors} */
    const tensors = Object.fromEntries(names.map((n) => [n, { shape: [...found[n].dims], data: Float32Array.from(found[n].data) }]));
    looks.set(id, tensors);
    return { tensors, exemplar: seen };
  },

  /**
   * Where the look of a pixel comes from: per scale the mean attention on the places of every look's photograph.
   * @param {{request: Request, x: number, y: number, exemplars: ({photo: Photo, labels: Uint16Array, width: number, height: number} | null)[]}} given
   */
  async trace({ request, x, y, exemplars }) {
    const { inputs, used, chosen, spatial, whole, H, W } = inputsOf(request);
    const scales = Array.from({ length: model.scales }, (_, i) => i);
    const drawn = await run("draw", inputs, scales.flatMap((i) => [`score.${i}`, `beta.${i}`]));
    const answers = [];
    for (const [g, j] of used.entries()) {
      const given = exemplars[j];
      if (!given) continue;
      const found = await run("encode", exemplar(given.photo, given.labels, given.width, given.height).inputs, scales.map((i) => `alpha.${i}`));
      const heat = scales.map((i) => {
        const [, maps, h, w] = found[`alpha.${i}`].dims;
        const alpha = found[`alpha.${i}`].data;
        const [rows, columns] = [H >> i, W >> i];
        const at = Math.min(rows - 1, y >> i) * columns + Math.min(columns - 1, x >> i);
        const shares = spatial ? null : sharesOf(chosen, whole, i)[g];
        const sum = new Float32Array(h * w);
        for (let k = 0; k < maps; k++) {
          const score = drawn[`score.${i}`].data[(spatial ? g : 0) * maps + k];
          const part = drawn[`beta.${i}`].data[k * rows * columns + at] * score * (shares ? shares[k] : 1);
          for (let p = 0; p < sum.length; p++) sum[p] += part * alpha[k * h * w + p];
        }
        if (spatial) {
          const weight = request.maps?.[j * request.width * request.height + y * request.width + x] ?? 1;
          for (let p = 0; p < sum.length; p++) sum[p] *= weight;
        }
        return { width: w, height: h, values: sum };
      });
      answers.push({ look: j, heat });
    }
    return { answers };
  },
};

/** The inputs of `encode`, and the exemplar as the model sees it. @param {Photo} photo @param {Uint16Array} labels @param {number} width @param {number} height */
function exemplar(photo, labels, width, height) {
  const [h, w] = workingShape(photo.height, photo.width);
  const map = new Int32Array(h * w);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      map[y * w + x] = labels[Math.floor(((2 * y + 1) * height) / (2 * h)) * width + Math.floor(((2 * x + 1) * width) / (2 * w))];
  const same = w === photo.width && h === photo.height;
  const rgb = same ? photo.rgb : resize(photo.rgb, photo.width, photo.height, 3, w, h, "lanczos");
  const inputs = { image: { shape: [1, 3, h, w], data: toPlanes(rgb) }, label_map: { shape: [1, h, w], data: map } };
  const seen = { photo: { width: w, height: h, rgb }, labels: Uint16Array.from(map), width: w, height: h };
  return { inputs, seen };
}

/** @param {{number: number, action: string, given: any}} question */
async function answered({ number, action, given }) {
  try {
    const { transfer = [], ...answer } = await /** @type {any} */ (actions)[action](given);
    /** @type {any} */ (self).postMessage({ number, answer }, transfer);
  } catch (error) {
    self.postMessage({ number, error: String(/** @type {any} */ (error)?.message ?? error) });
  }
}

/** One after the other: a session answers one question at a time. What only fetches or keeps is not kept waiting. */
let queue = Promise.resolve();
self.onmessage = ({ data }) => {
  if (["prefetch", "look"].includes(data.action)) void answered(data);
  else queue = queue.then(() => answered(data));
};
