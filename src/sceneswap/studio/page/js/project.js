// @ts-check
// What is being made: the layout, the looks, how they are mixed. Everything that can be undone goes through `change`.

import { History, changeOf, together } from "./history.js";
import { LabelMap, inside, skyAndGround } from "./map.js";
import { normalised, weightMaps } from "./mixing.js";
import { Trouble } from "./trouble.js";

/** @typedef {{photo: import("./worker.js").Photo, labels: Uint16Array, width: number, height: number}} Exemplar */
/**
 * @typedef {object} Look
 * @property {string} id @property {string} title @property {string} credit @property {number} weight
 * @property {import("./mixing.js").Tensors} tensors @property {string} thumb an address of a picture
 * @property {string | null} shelf its name on the shelf @property {() => Promise<Exemplar | null>} exemplar
 */

export const MOST_LOOKS = 8;
export const BORDER = 8; // pixels of the layout over which the look of a class passes into the next, as in Python

export class Project extends EventTarget {
  /** @param {import("./labels.js").Schema} schema */
  constructor(schema) {
    super();
    this.schema = schema;
    this.history = new History();
    this.map = skyAndGround(384, 256, schema.find("sky-other", "sky"), schema.find("grass", "ground-other"));
    /** @type {Look[]} */
    this.looks = [];
    /** @type {Map<string, Uint8Array>} painted amounts per look, of the size of the map */
    this.painted = new Map();
    /** @type {Map<number, string>} class → look */
    this.byClass = new Map();
    this.beyond = false;
  }

  /** @param {"map" | "looks" | "mix" | "history"} what */
  tell(what) {
    this.dispatchEvent(new CustomEvent(what));
  }

  /** @param {LabelMap} map */
  setMap(map) {
    const [before, painted] = [this.map, new Map(this.painted)];
    const now = map;
    const fits = map.width === before.width && map.height === before.height;
    const put = (/** @type {LabelMap} */ one, /** @type {Map<string, Uint8Array>} */ amounts) => {
      this.map = one;
      this.painted = new Map(amounts);
    };
    put(now, fits ? painted : new Map());
    this.history.add({ undo: () => put(before, painted), redo: () => put(now, fits ? painted : new Map()), bytes: 2 * before.data.byteLength });
    this.tell("map");
    this.tell("mix");
    this.tell("history");
  }

  /** Begin a gesture; the function that is returned ends it and makes it one step. */
  begin() {
    const [map, before] = [this.map, this.map.data.slice()];
    const amounts = new Map([...this.painted].map(([id, one]) => [id, one.slice()]));
    const known = new Set(this.painted.keys());
    return {
      /** @param {boolean} keep */
      end: (keep) => {
        const fresh = [...this.painted.keys()].filter((id) => !known.has(id));
        if (!keep) {
          map.data.set(before);
          for (const [id, one] of amounts) this.painted.get(id)?.set(one);
          for (const id of fresh) this.painted.delete(id);
        } else {
          const steps = [changeOf(map.data, before, map.width)];
          for (const [id, one] of this.painted)
            steps.push(changeOf(one, amounts.get(id) ?? new Uint8Array(one.length), map.width));
          const step = together(steps);
          if (step) this.history.add(step);
        }
        this.tell("map");
        if (keep) this.tell("history");
      },
    };
  }

  /** @param {boolean} forward */
  step(forward) {
    if (forward ? this.history.redo() : this.history.undo()) {
      this.tell("map");
      this.tell("mix");
      this.tell("history");
    }
  }

  /** @param {Look} look */
  add(look) {
    if (this.looks.length >= MOST_LOOKS) throw new Trouble("manyLooks");
    this.looks.push(look);
    this.tell("looks");
  }

  /** One look in place of all. @param {Look} look */
  only(look) {
    this.looks = [look];
    this.painted.clear();
    this.byClass.clear();
    this.tell("looks");
  }

  /** @param {string} id */
  remove(id) {
    if (this.looks.length < 2) throw new Trouble("lastLook");
    this.looks = this.looks.filter((look) => look.id !== id);
    this.painted.delete(id);
    for (const [label, owner] of this.byClass) if (owner === id) this.byClass.delete(label);
    this.tell("looks");
  }

  /** Amounts of a look to paint on. @param {string} id */
  amounts(id) {
    let found = this.painted.get(id);
    if (!found) this.painted.set(id, (found = new Uint8Array(this.map.data.length)));
    return found;
  }

  clearPaint() {
    this.painted.clear();
    this.tell("mix");
  }

  get spatial() {
    return this.byClass.size > 0 || [...this.painted.values()].some((one) => one.some(Boolean));
  }

  weights() {
    return normalised(this.looks.map((look) => look.weight));
  }

  /** What the model is asked, with the longer side brought to `side`. @param {number} side @returns {import("./worker.js").Request | null} */
  request(side) {
    if (!this.looks.length) return null;
    const { width, height } = inside(this.map.width, this.map.height, side);
    const same = width === this.map.width && height === this.map.height;
    const small = same ? this.map : this.map.resized(width, height);
    const ids = this.looks.map((look) => look.id);
    const weights = this.weights();
    let maps = null;
    if (this.spatial) {
      const painted = ids.map((id) => {
        const one = this.painted.get(id);
        if (!one || same) return one ?? null;
        const wide = new LabelMap(this.map.width, this.map.height, Uint16Array.from(one));
        return Uint8Array.from(wide.resized(width, height).data);
      });
      const numbers = new Map([...this.byClass].map(([label, id]) => [label, ids.indexOf(id)]));
      maps = weightMaps(small.data, width, weights, painted, numbers, (BORDER * width) / this.map.width);
    }
    return { width, height, labels: small.data.slice(), looks: ids, weights, maps };
  }
}
