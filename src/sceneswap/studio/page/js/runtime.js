// @ts-check
// ONNX Runtime in the worker: brings WebAssembly and graphs, opens sessions, and runs them on the processor or the graphics card.

/** @typedef {Record<string, {shape: number[], data: any}>} Inputs */

/** @type {any} */
let ort;
let base = "";
let gpu = false; // whether the runtime that was brought can use the graphics card
/** @type {Map<string, Promise<Uint8Array>>} */
const files = new Map();
/** @type {Map<string, Promise<any>>} */
const sessions = new Map();
let onprogress = (/** @type {number} */ _part) => {};

/** The graphics card that WebGPU offers, if it is a real one. @param {boolean} any also one that the processor plays */
async function graphicsCard(any) {
  try {
    const adapter = "Suspending" in WebAssembly && (await /** @type {any} */ (navigator).gpu?.requestAdapter());
    return Boolean(adapter) && (any || !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter));
  } catch {
    return false;
  }
}

/**
 * Bring the runtime; only one of its two builds is fetched.
 * @param {{base: string, threads: number, device: string, progress: (part: number) => void}} how
 */
export async function bring(how) {
  base = how.base;
  onprogress = how.progress;
  const drawing = file("model/draw.onnx.gz");
  gpu = how.device === "gpu" && (await graphicsCard(true)); // on request only
  const name = gpu ? "ort-gpu" : "ort";
  const [found, wasm] = await Promise.all([import(new URL(`vendor/${name}.mjs`, base).href), file(`vendor/${name}.wasm.gz`), drawing]);
  ort = found;
  ort.env.wasm.numThreads = how.threads;
  ort.env.wasm.wasmPaths = { mjs: new URL(`vendor/${name}-wasm.mjs`, base).href };
  ort.env.wasm.wasmBinary = wasm.buffer;
  ort.env.logLevel = "error";
  files.delete(`vendor/${name}.wasm.gz`);
  await session("draw");
}

/** A packed file of the page's folder, fetched once. @param {string} path @returns {Promise<Uint8Array>} */
export function file(path) {
  let found = files.get(path);
  if (!found) files.set(path, (found = unpacked(path)));
  found.catch(() => files.delete(path));
  return found;
}

/** @type {Map<string, [number, number]>} bytes fetched and to fetch of each file */
const fetched = new Map();

/** @param {string} path */
async function unpacked(path) {
  const answer = await fetch(new URL(path, base));
  if (!answer.ok || !answer.body) throw new Error(`${path}: ${answer.status}`);
  const size = Number(answer.headers.get("Content-Length"));
  const count = new TransformStream({
    transform(part, next) {
      const done = (fetched.get(path)?.[0] ?? 0) + part.length;
      fetched.set(path, [done, size || done]);
      const sum = (/** @type {0 | 1} */ i) => [...fetched.values()].reduce((all, one) => all + one[i], 0);
      onprogress(sum(0) / sum(1));
      next.enqueue(part);
    },
  });
  const bytes = new Uint8Array(await new Response(answer.body.pipeThrough(count)).arrayBuffer());
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b; // some hosts say so to the browser, which has unpacked it then
  if (!isPacked) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {string} graph @param {string} [device] @returns {Promise<any>} */
async function opened(graph, device = "wasm") {
  const bytes = await file(`model/${graph}.onnx.gz`);
  return ort.InferenceSession.create(bytes, { executionProviders: [device], graphOptimizationLevel: "all", logSeverityLevel: 3 });
}

/** @param {string} graph @returns {Promise<any>} */
function session(graph) {
  let found = sessions.get(graph);
  if (!found) {
    found = opened(graph);
    sessions.set(graph, found);
    found.then(() => graph === "draw" && gpu || files.delete(`model/${graph}.onnx.gz`), () => sessions.delete(graph));
  }
  return found;
}

/** @param {any} ready a session @param {Inputs} inputs @param {string[]} outputs */
async function ask(ready, inputs, outputs) {
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, data }]) => [
      name, new ort.Tensor(data instanceof Int32Array ? "int32" : "float32", data, shape),
    ]),
  );
  const found = await ready.run(feeds, outputs);
  for (const tensor of Object.values(feeds)) tensor.dispose();
  return found;
}

/** @type {any} the session that draws on the graphics card */
let card = null;
let onlost = () => {};

/** Run a graph. @param {string} graph @param {Inputs} inputs @param {string[]} outputs */
export async function run(graph, inputs, outputs) {
  if (graph === "draw" && card) {
    try {
      return await ask(card, inputs, outputs);
    } catch {
      card = null;
      onlost();
    }
  }
  return ask(await session(graph), inputs, outputs);
}

const SAME = 0.5 / 127.5; // half a level of 255, on average

/**
 * Let the graphics card draw from now on, if it draws the same as the processor, and faster.
 * @param {Inputs} inputs of a drawing @param {boolean} always even if it is slower @param {() => void} lost called when it stops
 * @returns {Promise<{used: boolean, apart?: number, seconds?: number[], why?: string}>}
 */
export async function tryCard(inputs, always, lost) {
  if (!gpu || card) return { used: Boolean(card) };
  try {
    const plain = await session("draw");
    const trial = await opened("draw", "webgpu");
    files.delete("model/draw.onnx.gz");
    const timed = async (/** @type {any} */ ready) => {
      const start = performance.now();
      const { picture } = await ask(ready, inputs, ["picture"]);
      return { numbers: Float32Array.from(await picture.getData(true)), seconds: (performance.now() - start) / 1000 };
    };
    await timed(trial); // its programs are made
    const [ours, theirs] = [await timed(plain), await timed(trial)];
    const apart = ours.numbers.reduce((sum, x, i) => sum + Math.abs(x - theirs.numbers[i]), 0) / ours.numbers.length;
    const seconds = [ours.seconds, theirs.seconds];
    if (!(apart < SAME) || !(always || theirs.seconds < ours.seconds)) {
      await trial.release();
      return { used: false, apart, seconds };
    }
    [card, onlost] = [trial, lost];
    return { used: true, apart, seconds };
  } catch (error) {
    return { used: false, why: String(/** @type {any} */ (error)?.message ?? error).slice(0, 300) };
  }
}
