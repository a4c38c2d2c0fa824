// @ts-check
// What went wrong in one sentence, with a way on. Words stand in strings.js.

import { say } from "./strings.js";

export class Trouble extends Error {
  /** @param {keyof typeof import("./strings.js").troubles} key @param {Record<string, string | number>} [values] */
  constructor(key, values = {}) {
    super(say(key, values));
    this.key = key;
  }
}

/** Any error as a sentence. @param {unknown} error @param {{width: number, height: number}} [size] of what was drawn */
export function sentence(error, size) {
  if (error instanceof Trouble) return error.message;
  const text = String(/** @type {any} */ (error)?.message ?? error);
  if (/memory|bad_alloc|allocat|Array buffer/i.test(text)) return size ? say("memory", { width: size.width, height: size.height }) : say("fewMemory");
  return say("unexpected", { what: text.split("\n")[0].slice(0, 160) });
}
