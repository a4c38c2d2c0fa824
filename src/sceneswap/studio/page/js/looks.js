// @ts-check
// Looks as files: safetensors, the same files that `sceneswap encode` writes and `Look.load` reads.

import { Trouble } from "./trouble.js";

/** @typedef {import("./mixing.js").Tensors} Tensors */
/** @typedef {{name: string, model: string, tensors: Tensors, meta: any}} LookFile */

const MOST_HEADER = 1 << 20;

/** @param {ArrayBuffer} buffer @param {string} name @returns {LookFile} */
export function readLook(buffer, name) {
  try {
    const length = Number(new DataView(buffer).getBigUint64(0, true));
    if (!(length > 1 && length < MOST_HEADER && length + 8 <= buffer.byteLength)) throw new RangeError("header");
    const header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(buffer, 8, length)));
    const meta = JSON.parse(header.__metadata__.sceneswap);
    if (meta.format !== "sceneswap-look-1" || meta.kind !== "values") throw new TypeError("format");
    /** @type {Tensors} */
    const tensors = {};
    for (const [key, entry] of Object.entries(header)) {
      if (key === "__metadata__") continue;
      const { dtype, shape, data_offsets: [start, end] } = /** @type {any} */ (entry);
      const size = shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
      if (dtype !== "F32" || end - start !== 4 * size || 8 + length + end > buffer.byteLength) throw new RangeError(key);
      const data = new Float32Array(buffer.slice(8 + length + start, 8 + length + end));
      if (!data.every(Number.isFinite)) throw new RangeError(key);
      tensors[key] = { shape, data };
    }
    return { name: String(meta.name), model: String(meta.model), tensors, meta };
  } catch {
    throw new Trouble("badLook", { name });
  }
}

/** Refuse looks of another model. @param {LookFile} look @param {any} model model.json */
export function checkLook(look, model) {
  const complete = Array.from({ length: model.scales }, (_, i) => ["values", "mass", "summary"].map((n) => `${n}.${i}`)).flat();
  if (look.model !== model.weights_sha256) throw new Trouble("otherModelLook", { name: look.name });
  if (complete.some((key) => !look.tensors[key])) throw new Trouble("badLook", { name: look.name });
}

/** @param {Tensors} tensors @param {Record<string, unknown>} meta */
export function writeLook(tensors, meta) {
  /** @type {Record<string, unknown>} */
  const header = { __metadata__: { sceneswap: JSON.stringify(meta) } };
  let offset = 0;
  for (const [key, { shape, data }] of Object.entries(tensors)) {
    header[key] = { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  let text = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(32);
  padded.set(text);
  const file = new Uint8Array(8 + padded.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded.length), true);
  file.set(padded, 8);
  let place = 8 + padded.length;
  for (const { data } of Object.values(tensors)) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), place);
    place += data.byteLength;
  }
  return file;
}
