// @ts-check
// Classes: between indices in memory, ids in files and colours on the screen. What is legal is told by the model's schema.

import { Trouble } from "./trouble.js";

/** @typedef {{name: string, shown: string, index: number, color: [number, number, number], value: number}} Class */

export class Schema {
  /** @param {any} schema as in model.json */
  constructor(schema) {
    this.name = String(schema.name);
    /** @type {Class[]} */
    this.classes = schema.classes.map((/** @type {any} */ c, /** @type {number} */ index) => ({
      name: String(c.name), shown: String(c.name), index, color: c.color, value: c.id + schema.offset,
    }));
    const names = new Set(this.classes.map((c) => c.name));
    for (const c of this.classes) { // "sky-other" is a sky where there is no other
      const plain = c.name.replace(/-other$/, "");
      c.shown = (names.has(plain) ? c.name : plain).replaceAll("-", " ");
    }
    this.void = this.classes.length;
    this.voidValues = schema.void_ids.map(Number);
    /** @type {Class} */
    this.voidClass = { name: "void", shown: "void", index: this.void, color: [0, 0, 0], value: this.voidValues[0] };
    this.all = [...this.classes, this.voidClass];
    this.byValue = new Map(this.classes.map((c) => [c.value, c.index]));
    for (const value of this.voidValues) this.byValue.set(value, this.void);
    this.byColor = new Map(this.all.map((c) => [pack(c.color), c.index]));
    this.byName = new Map(this.classes.map((c) => [c.name, c.index]));
  }

  /** The first of several names that there is, or the first class. @param {...string} names */
  find(...names) {
    for (const name of names) {
      const index = this.byName.get(name);
      if (index !== undefined) return index;
    }
    return 0;
  }

  /** Ids as files hold them. @param {Uint16Array} indices */
  values(indices) {
    return Uint16Array.from(indices, (index) => this.all[index].value);
  }

  /** Display colours, RGB. @param {Uint16Array} indices */
  colors(indices) {
    const rgb = new Uint8Array(indices.length * 3);
    indices.forEach((index, i) => rgb.set(this.all[index].color, 3 * i));
    return rgb;
  }

  /**
   * Indices of ids or colours. Refuses those that the schema does not know, naming them and where the first is.
   * @param {{width: number, height: number, colors: boolean, values: Uint32Array}} picture @param {string} name
   */
  indices(picture, name) {
    const table = picture.colors ? this.byColor : this.byValue;
    const indices = new Uint16Array(picture.values.length);
    const foreign = new Set();
    let first = -1;
    for (let i = 0; i < indices.length; i++) {
      const index = table.get(picture.values[i]);
      if (index === undefined) {
        if (first < 0) first = i;
        foreign.add(picture.values[i]);
      } else indices[i] = index;
    }
    if (first >= 0) {
      const shown = picture.colors ? unpack(picture.values[first]).join(" ") : String(picture.values[first]);
      const place = { row: Math.floor(first / picture.width), column: first % picture.width };
      throw new Trouble(picture.colors ? "foreignColor" : "foreignId", { name, shown, count: foreign.size, ...place });
    }
    return indices;
  }

  /** Whether a colour picture is a coloured map of this schema, not a photograph. @param {Uint32Array} values */
  shows(values) {
    const step = Math.max(1, Math.floor(values.length / 5000));
    let known = 0;
    let seen = 0;
    for (let i = 0; i < values.length; i += step, seen++) known += Number(this.byColor.has(values[i]));
    return known > 0.9 * seen;
  }
}

/** @param {number[]} color */
const pack = ([r, g, b]) => (r << 16) | (g << 8) | b;
/** @param {number} value */
const unpack = (value) => [value >> 16, (value >> 8) & 255, value & 255];
