// @ts-check
// PNG files read and written number by number: a browser's own decoder may correct colours, and ids must stay as they are.

import { Trouble } from "./trouble.js";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const MOST_PIXELS = 64e6;
const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** @param {string} kind @param {Uint8Array} data */
function chunk(kind, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** @param {Uint8Array} bytes @param {TransformStream} stream @param {number} most */
async function through(bytes, stream, most) {
  const reader = new Blob([/** @type {any} */ (bytes)]).stream().pipeThrough(/** @type {any} */ (stream)).getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      await reader.cancel();
      throw new RangeError("more data than pixels");
    }
    parts.push(value);
  }
  const all = new Uint8Array(size);
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}

/** A grey PNG, 8 bits or 16 as the values need. @param {ArrayLike<number>} values @param {number} width @param {number} height */
export async function encodeGrey(values, width, height) {
  const deep = Array.prototype.some.call(values, (/** @type {number} */ value) => value > 255);
  const step = deep ? 2 : 1;
  const raw = new Uint8Array(height * (1 + width * step));
  for (let y = 0, i = 0; y < height; y++) {
    raw[i++] = 0;
    for (let x = 0; x < width; x++) {
      const value = values[y * width + x];
      if (deep) raw[i++] = value >> 8;
      raw[i++] = value & 255;
    }
  }
  return encode(raw, width, height, deep ? 16 : 8, 0);
}

/** An RGB PNG. @param {Uint8Array} rgb @param {number} width @param {number} height */
export async function encodeColors(rgb, width, height) {
  const raw = new Uint8Array(height * (1 + width * 3));
  for (let y = 0; y < height; y++) raw.set(rgb.subarray(y * width * 3, (y + 1) * width * 3), y * (1 + width * 3) + 1);
  return encode(raw, width, height, 8, 2);
}

/** @param {Uint8Array} raw @param {number} width @param {number} height @param {number} depth @param {number} kind */
async function encode(raw, width, height, depth, kind) {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([depth, kind, 0, 0, 0], 8);
  const data = await through(raw, new CompressionStream("deflate"), Infinity);
  const parts = [new Uint8Array(SIGNATURE), chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", new Uint8Array())];
  return new Blob(/** @type {any} */ (parts), { type: "image/png" });
}

/** @param {Uint8Array} bytes @returns {{kind: string, data: Uint8Array, start: number, end: number}[]} */
function chunksOf(bytes) {
  if (!isPng(bytes)) throw new TypeError("signature");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = [];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) throw new RangeError("cut off");
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    found.push({ kind, data: bytes.subarray(at + 8, at + 8 + length), start: at, end: at + 12 + length });
    at += 12 + length;
    if (kind === "IEND") break;
  }
  return found;
}

/** @param {Uint8Array} bytes */
export const isPng = (bytes) => SIGNATURE.every((byte, i) => bytes[i] === byte);

/** Put a text into a PNG. @param {Blob} blob @param {string} key @param {string} text */
export async function withText(blob, key, text) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const end = chunksOf(bytes).find((one) => one.kind === "IEND");
  if (!end) throw new TypeError("no end");
  const note = chunk("iTXt", new TextEncoder().encode(`${key}\0\0\0\0\0${text}`));
  return new Blob([bytes.subarray(0, end.start), note, bytes.subarray(end.start)], { type: "image/png" });
}

/** The text under a key in a PNG, or null. @param {Uint8Array} bytes @param {string} key */
export function textOf(bytes, key) {
  if (!isPng(bytes)) return null;
  try {
    for (const { kind, data } of chunksOf(bytes)) {
      if (kind !== "iTXt") continue;
      const text = new TextDecoder().decode(data);
      if (text.startsWith(`${key}\0\0\0\0\0`)) return text.slice(key.length + 5);
    }
  } catch {
    return null;
  }
  return null;
}

/**
 * The numbers in a PNG. Grey and palette: one value per pixel; colours: RGB packed into one number.
 * @param {Uint8Array} bytes @param {string} name
 * @returns {Promise<{width: number, height: number, colors: boolean, values: Uint32Array}>}
 */
export async function decode(bytes, name) {
  try {
    const chunks = chunksOf(bytes);
    const head = chunks[0].data;
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const [width, height, depth, kind, interlaced] = [view.getUint32(0), view.getUint32(4), head[8], head[9], head[12]];
    const channels = /** @type {Record<number, number>} */ (CHANNELS)[kind];
    if (!width || !height || width * height > MOST_PIXELS) throw new Trouble("tooManyPixels", { name, width, height });
    if (interlaced) throw new Trouble("interlaced", { name });
    if (!channels || (depth !== 8 && !(depth === 16 && kind === 0))) throw new Trouble("shallowMap", { name });
    const bytesPerPixel = (channels * depth) / 8;
    const line = width * bytesPerPixel;
    const packed = await new Blob(/** @type {any} */ (chunks.filter((c) => c.kind === "IDAT").map((c) => c.data))).arrayBuffer();
    const raw = await through(new Uint8Array(packed), new DecompressionStream("deflate"), height * (line + 1));
    if (raw.length !== height * (line + 1)) throw new RangeError("too few pixels");
    unfilter(raw, line, height, bytesPerPixel);
    const values = new Uint32Array(width * height);
    for (let y = 0; y < height; y++) {
      for (let x = 0, at = y * (line + 1) + 1; x < width; x++, at += bytesPerPixel) {
        const i = y * width + x;
        if (kind === 2 || kind === 6) {
          if (kind === 6 && raw[at + 3] < 255) throw new Trouble("transparent", { name });
          values[i] = (raw[at] << 16) | (raw[at + 1] << 8) | raw[at + 2];
        } else values[i] = depth === 16 ? (raw[at] << 8) | raw[at + 1] : raw[at];
      }
    }
    return { width, height, colors: kind === 2 || kind === 6, values };
  } catch (error) {
    if (error instanceof Trouble) throw error;
    throw new Trouble("badPng", { name });
  }
}

/** @param {Uint8Array} raw @param {number} line @param {number} height @param {number} step */
function unfilter(raw, line, height, step) {
  for (let y = 0; y < height; y++) {
    const start = y * (line + 1) + 1;
    const filter = raw[start - 1];
    if (filter > 4) throw new RangeError("filter");
    for (let i = 0; i < line; i++) {
      const left = i >= step ? raw[start + i - step] : 0;
      const up = y ? raw[start + i - line - 1] : 0;
      const corner = y && i >= step ? raw[start + i - line - 1 - step] : 0;
      let add = 0;
      if (filter === 1) add = left;
      else if (filter === 2) add = up;
      else if (filter === 3) add = (left + up) >> 1;
      else if (filter === 4) {
        const [p, q, r] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
        add = p <= q && p <= r ? left : q <= r ? up : corner;
      }
      raw[start + i] += add;
    }
  }
}
