// @ts-check
// What is dropped or opened: told by what is in the file, never by its name, and checked before it is decoded.

import { isPng, decode, textOf } from "./png.js";
import { LabelMap, MAX_SIDE, MIN_SIDE, inside } from "./map.js";
import { readLook } from "./looks.js";
import { Trouble } from "./trouble.js";
import { withoutAlpha } from "./resample.js";

export const NOTE = "sceneswap-studio";
const MOST_BYTES = 64 * 2 ** 20;
const MOST_PIXELS = 64e6;
const PHOTO_SIDE = 1024; // pixels of the longer side that are kept of a photograph

/**
 * @typedef {{kind: "photo", photo: import("./worker.js").Photo, name: string} | {kind: "map", map: LabelMap}
 *   | {kind: "project", project: any} | {kind: "look", look: import("./looks.js").LookFile}} Opened
 */

/** @param {Blob & {name?: string}} file @param {import("./labels.js").Schema} schema @returns {Promise<Opened>} */
export async function open(file, schema) {
  const name = (file.name ?? "the picture").slice(0, 80);
  if (!file.size) throw new Trouble("emptyFile", { name });
  if (file.size > MOST_BYTES) throw new Trouble("tooLarge", { name });
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (isPng(bytes)) return openPng(bytes, file, name, schema);
  if (isLook(bytes)) return { kind: "look", look: readLook(bytes.buffer, name) };
  const size = sizeOf(bytes);
  if (size) return { kind: "photo", photo: await photograph(file, size, name), name };
  if (bytes[0] === 0x7b) return { kind: "project", project: parsed(new TextDecoder().decode(bytes), name) };
  throw new Trouble("notOpened", { name });
}

/** @param {Uint8Array} bytes @param {Blob} file @param {string} name @param {import("./labels.js").Schema} schema @returns {Promise<Opened>} */
async function openPng(bytes, file, name, schema) {
  const note = textOf(bytes, NOTE);
  if (note !== null) return { kind: "project", project: parsed(note, name) };
  const view = new DataView(bytes.buffer);
  if (bytes.length < 33) throw new Trouble("badPng", { name });
  const [width, height, colors] = [view.getUint32(16), view.getUint32(20), [2, 6].includes(bytes[25])];
  if (!width || !height || width * height > MOST_PIXELS) throw new Trouble("tooManyPixels", { name, width, height });
  if (colors) {
    const picture = await decode(bytes, name).catch(() => null);
    if (!picture || !schema.shows(picture.values)) return { kind: "photo", photo: await photograph(file, { width, height }, name), name };
    return { kind: "map", map: fitted(new LabelMap(width, height, schema.indices(picture, name))) };
  }
  const picture = await decode(bytes, name);
  return { kind: "map", map: fitted(new LabelMap(picture.width, picture.height, schema.indices(picture, name))) };
}

/** A map brought inside the sides that the studio draws. @param {LabelMap} map */
function fitted(map) {
  const small = inside(map.width, map.height, MAX_SIDE);
  const [width, height] = [Math.max(MIN_SIDE, small.width), Math.max(MIN_SIDE, small.height)];
  return width === map.width && height === map.height ? map : map.resized(width, height);
}

/** @param {string} text @param {string} name */
function parsed(text, name) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Trouble("badProject", { name, what: "it is not JSON" });
  }
}

/** @param {Blob} file @param {{width: number, height: number}} size @param {string} name @returns {Promise<import("./worker.js").Photo>} */
async function photograph(file, size, name) {
  if (size.width * size.height > MOST_PIXELS) throw new Trouble("tooManyPixels", { name, ...size });
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Trouble("badPhoto", { name });
  }
  const photo = pixelsOf(bitmap, PHOTO_SIDE);
  bitmap.close();
  return photo;
}

/** The pixels of a picture, its longer side brought to `side`. @param {ImageBitmap} bitmap @param {number} side */
export function pixelsOf(bitmap, side) {
  const { width, height } = inside(bitmap.width, bitmap.height, side);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true }));
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return { width, height, rgb: withoutAlpha(context.getImageData(0, 0, width, height).data) };
}

/** @param {Uint8Array} bytes */
function isLook(bytes) {
  if (bytes.length < 16) return false;
  const length = new DataView(bytes.buffer).getBigUint64(0, true);
  return length < BigInt(bytes.length) && bytes[8] === 0x7b && bytes[0] !== 0x7b;
}

/** Sides of a JPEG, WebP or BMP from its header; null for anything else. @param {Uint8Array} b */
export function sizeOf(b) {
  const view = new DataView(b.buffer, b.byteOffset, b.byteLength);
  const text = (/** @type {number} */ at, /** @type {number} */ n) => String.fromCharCode(...b.subarray(at, at + n));
  if (b[0] === 0xff && b[1] === 0xd8) {
    for (let at = 2; at + 9 < b.length; ) {
      if (b[at] !== 0xff) return null;
      const kind = b[at + 1];
      if (kind === 0xff) at++;
      else if (kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind))
        return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
      else at += 2 + view.getUint16(at + 2);
    }
    return null;
  }
  if (text(0, 4) === "RIFF" && text(8, 4) === "WEBP" && b.length > 30) {
    const kind = text(12, 4);
    if (kind === "VP8X") return { width: 1 + (b[24] | (b[25] << 8) | (b[26] << 16)), height: 1 + (b[27] | (b[28] << 8) | (b[29] << 16)) };
    if (kind === "VP8L") {
      const bits = view.getUint32(21, true);
      return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >> 14) & 0x3fff) };
    }
    if (kind === "VP8 ") return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  }
  if (text(0, 2) === "BM" && b.length > 26) return { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) };
  return null;
}

/** @type {Map<string, Promise<ArrayBuffer>>} */
const fetched = new Map();

/** A file of the page's own folder, fetched once, so that it is there without a network too. @param {string} address */
export function own(address) {
  let found = fetched.get(address);
  if (!found) {
    found = fetch(address).then((answer) => {
      if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
      return answer.arrayBuffer();
    });
    fetched.set(address, found);
    found.catch(() => fetched.delete(address));
  }
  return found;
}

/** Offer a file to the user. @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
