// @ts-check
// Animated WebP: the browser encodes single pictures, this file puts them behind one another (RIFF, VP8X, ANIM, ANMF).

/** @param {string} kind @param {Uint8Array} data */
function chunk(kind, data) {
  const bytes = new Uint8Array(8 + data.length + (data.length % 2));
  bytes.set(new TextEncoder().encode(kind));
  new DataView(bytes.buffer).setUint32(4, data.length, true);
  bytes.set(data, 8);
  return bytes;
}

/** @param {number} value */
const three = (value) => [value & 255, (value >> 8) & 255, (value >> 16) & 255];

/** @param {Uint8Array[]} parts */
function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

/** @param {Blob[]} frames WebP pictures of one size @param {number} width @param {number} height @param {number} milliseconds of each */
export async function animation(frames, width, height, milliseconds) {
  const parts = [
    chunk("VP8X", new Uint8Array([2, 0, 0, 0, ...three(width - 1), ...three(height - 1)])),
    chunk("ANIM", new Uint8Array([255, 255, 255, 255, 0, 0])),
  ];
  for (const frame of frames) {
    const bytes = new Uint8Array(await frame.arrayBuffer());
    const head = new Uint8Array([0, 0, 0, 0, 0, 0, ...three(width - 1), ...three(height - 1), ...three(milliseconds), 2]);
    parts.push(chunk("ANMF", joined([head, imageOf(bytes)])));
  }
  const body = joined([new TextEncoder().encode("WEBP"), ...parts]);
  return new Blob([chunk("RIFF", body)], { type: "image/webp" });
}

/** The chunk of a single WebP that holds its pixels. @param {Uint8Array} bytes */
function imageOf(bytes) {
  const view = new DataView(bytes.buffer);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const kind = String.fromCharCode(...bytes.subarray(at, at + 4));
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length + (length % 2);
    if (kind === "VP8 " || kind === "VP8L") return bytes.subarray(at, end);
    at = end;
  }
  throw new TypeError("no picture in a WebP file");
}
