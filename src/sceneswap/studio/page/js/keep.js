// @ts-check
// A project as plain JSON, there and back, and the work in progress in the browser's own store.

import { LabelMap, MAX_SIDE, MIN_SIDE } from "./map.js";
import { MOST_LOOKS } from "./project.js";
import { Trouble } from "./trouble.js";

export const FORMAT = "sceneswap-studio-1";

/** @param {Uint8Array} bytes */
const base64 = (bytes) => {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
};
/** @param {string} text */
const unbase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** Runs of equal numbers as pairs (length, value). @param {ArrayLike<number>} values */
export function runs(values) {
  const found = [];
  for (let i = 0; i < values.length; ) {
    let end = i + 1;
    while (end < values.length && values[end] === values[i]) end++;
    found.push(end - i, values[i]);
    i = end;
  }
  return found;
}

/** @param {unknown} pairs @param {number} size @param {number} most @returns {Uint16Array} */
export function unrun(pairs, size, most) {
  const values = new Uint16Array(size);
  let at = 0;
  if (!Array.isArray(pairs) || pairs.length % 2) throw new TypeError("its layout is damaged");
  for (let i = 0; i < pairs.length; i += 2) {
    const [length, value] = [pairs[i], pairs[i + 1]];
    if (!Number.isInteger(length) || length < 1 || at + length > size || !Number.isInteger(value) || value < 0 || value > most)
      throw new TypeError("its layout holds what is no class");
    values.fill(value, at, (at += length));
  }
  if (at !== size) throw new TypeError("its layout is not complete");
  return values;
}

/** @param {import("./project.js").Project} project @param {any} model */
export async function packed(project, model) {
  const looks = await Promise.all(project.looks.map(async (look) => {
    const { id, title, credit, weight, shelf } = look;
    const painted = project.painted.get(id);
    const plain = { id, title, credit, weight, shelf, painted: painted?.some(Boolean) ? runs(painted) : null };
    if (shelf) return plain;
    const tensors = Object.fromEntries(Object.entries(look.tensors).map(([name, { shape, data }]) => [
      name, { shape, data: base64(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) },
    ]));
    const exemplar = await look.exemplar();
    return { ...plain, tensors, exemplar: exemplar && {
      photo: { width: exemplar.photo.width, height: exemplar.photo.height, rgb: base64(new Uint8Array(exemplar.photo.rgb)) },
      width: exemplar.width, height: exemplar.height, labels: runs(exemplar.labels),
    } };
  }));
  return {
    format: FORMAT, model: model.weights_sha256, schema: project.schema.name,
    width: project.map.width, height: project.map.height, map: runs(project.map.data),
    looks, byClass: [...project.byClass], beyond: project.beyond,
  };
}

/** @param {any} value @param {number} most */
const short = (value, most) => String(value ?? "").slice(0, most);

/**
 * Check a project before anything is replaced. What is returned is made of numbers and short texts alone.
 * @param {any} given @param {import("./labels.js").Schema} schema @param {any} model @param {string} name
 */
export function unpacked(given, schema, model, name) {
  try {
    if (given?.format !== FORMAT) throw new TypeError("its format is unknown");
    if (given.schema !== schema.name) throw new TypeError(`its classes are those of ${short(given.schema, 40)}`);
    const { width, height } = given;
    for (const side of [width, height])
      if (!Number.isInteger(side) || side < MIN_SIDE || side > MAX_SIDE) throw new TypeError("its sides are not 64 to 1024 pixels");
    const map = new LabelMap(width, height, unrun(given.map, width * height, schema.void));
    if (!Array.isArray(given.looks) || !given.looks.length || given.looks.length > MOST_LOOKS) throw new TypeError("it has no looks");
    const same = given.model === model.weights_sha256;
    const looks = given.looks.map((/** @type {any} */ look, /** @type {number} */ i) => ({
      id: `kept-${i}-${Date.now()}`, old: short(look.id, 80), title: short(look.title, 80), credit: short(look.credit, 200),
      weight: Number.isFinite(look.weight) ? Math.max(-2, Math.min(3, look.weight)) : 1,
      shelf: look.shelf ? short(look.shelf, 80) : null,
      tensors: same && look.tensors ? tensorsOf(look.tensors, model) : null,
      exemplar: look.exemplar ? exemplarOf(look.exemplar, schema) : null,
      painted: look.painted ? Uint8Array.from(unrun(look.painted, width * height, 255)) : null,
    }));
    for (const look of looks)
      if (!look.shelf && !look.tensors && !look.exemplar) throw new TypeError("it was made with another model");
    const ids = new Map(looks.map((/** @type {any} */ look) => [look.old, look.id]));
    const byClass = (Array.isArray(given.byClass) ? given.byClass : [])
      .filter((/** @type {any} */ pair) => Array.isArray(pair) && Number.isInteger(pair[0]) && pair[0] >= 0 && pair[0] <= schema.void && ids.has(pair[1]))
      .map((/** @type {any} */ [label, id]) => [label, ids.get(id)]);
    return { map, looks, byClass: /** @type {[number, string][]} */ (byClass), beyond: given.beyond === true };
  } catch (error) {
    throw new Trouble("badProject", { name, what: /** @type {Error} */ (error).message });
  }
}

/** @param {any} given @param {any} model */
function tensorsOf(given, model) {
  /** @type {import("./mixing.js").Tensors} */
  const tensors = {};
  for (let i = 0; i < model.scales; i++)
    for (const name of [`values.${i}`, `mass.${i}`, `summary.${i}`]) {
      const { shape, data } = given[name] ?? {};
      const numbers = new Float32Array(unbase64(String(data)).buffer);
      const size = Array.isArray(shape) ? shape.reduce((a, b) => a * b, 1) : -1;
      if (numbers.length !== size || !numbers.every(Number.isFinite)) throw new TypeError("a look of it is damaged");
      tensors[name] = { shape: shape.map(Number), data: numbers };
    }
  return tensors;
}

/** @param {any} given @param {import("./labels.js").Schema} schema */
function exemplarOf(given, schema) {
  const { width, height } = given.photo ?? {};
  const rgb = new Uint8ClampedArray(unbase64(String(given.photo?.rgb)));
  if (!(width > 0 && height > 0 && rgb.length === width * height * 3)) throw new TypeError("a photograph of it is damaged");
  if (!(given.width > 0 && given.height > 0 && given.width * given.height < 4e6)) throw new TypeError("a photograph of it is damaged");
  return { photo: { width, height, rgb }, width: given.width, height: given.height, labels: unrun(given.labels, given.width * given.height, schema.void) };
}

// --- Work in progress ---

/** @returns {Promise<IDBDatabase>} */
const database = () => new Promise((resolve, reject) => {
  const asked = indexedDB.open("sceneswap-studio", 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore("work");
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});

/** @param {any} work */
export async function remember(work) {
  const known = await database();
  const transaction = known.transaction("work", "readwrite");
  transaction.objectStore("work").put(work, "now");
  await new Promise((resolve) => (transaction.oncomplete = transaction.onerror = resolve));
  known.close();
}

/** @returns {Promise<any>} */
export async function remembered() {
  const known = await database();
  const asked = known.transaction("work").objectStore("work").get("now");
  const found = await new Promise((resolve) => {
    asked.onsuccess = () => resolve(asked.result ?? null);
    asked.onerror = () => resolve(null);
  });
  known.close();
  return found;
}
