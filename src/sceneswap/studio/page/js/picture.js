// @ts-check
// The picture: drawn small while painting, at full size when asked or when the brush rests; compared, and asked where it is from.

import { attempt, element, say, tell } from "./dom.js";
import { Trouble, sentence } from "./trouble.js";

const PREVIEW = 256;
export const AUTOMATIC = 512; // longer side up to which the picture is drawn at its full size when the brush rests
const REST = 700; // milliseconds after which the picture is drawn at the layout's own size

export class Picture {
  /** @param {import("./project.js").Project} project @param {import("./engine.js").Engine} engine @param {import("./painter.js").Painter} painter */
  constructor(project, engine, painter) {
    this.project = project;
    this.engine = engine;
    this.painter = painter;
    this.canvas = element("picture", HTMLCanvasElement);
    this.status = element("status", HTMLElement);
    this.wipe = element("wipe", HTMLInputElement);
    this.under = element("picture-layout", HTMLCanvasElement);
    this.count = 0;
    this.resting = 0;
    /** @type {{width: number, height: number, rgba: Uint8ClampedArray} | null} */
    this.drawn = null;
    for (const event of ["map", "looks", "mix"]) project.addEventListener(event, () => this.soon());
    this.more = element("full", HTMLButtonElement);
    element("compare", HTMLButtonElement).addEventListener("click", () => this.#compare());
    element("origin", HTMLButtonElement).addEventListener("click", () => this.#toggle("origin"));
    this.wipe.addEventListener("input", () => this.#wiped());
    this.canvas.addEventListener("click", (event) => void attempt(() => this.#clicked(event)));
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.ontrace = (/** @type {number} */ _x, /** @type {number} */ _y) => {};
  }

  soon() {
    this.#ask(PREVIEW);
    clearTimeout(this.resting);
    const { width, height } = this.project.map;
    const side = Math.max(width, height);
    this.more.hidden = side <= AUTOMATIC;
    if (side > PREVIEW) this.resting = window.setTimeout(() => this.painter.gesture || this.#ask(Math.min(side, AUTOMATIC)), REST);
  }

  /** @param {number} side */
  #ask(side) {
    this.#busy(true);
    this.engine.draw(() => this.project.request(side), (answer) => this.#show(answer), (error) => {
      this.#busy(false);
      tell(sentence(error, this.project.map), "trouble");
    });
  }

  /** The picture at the layout's own size. @returns {Promise<{width: number, height: number, rgba: Uint8ClampedArray}>} */
  async full() {
    clearTimeout(this.resting);
    this.#busy(true);
    try {
      const answer = await this.engine.ask("draw", this.project.request(Infinity));
      this.#show(answer);
      return answer;
    } catch (error) {
      this.#busy(false);
      throw new Trouble("failed", { what: sentence(error, this.project.map) });
    }
  }

  /** A line that runs below the picture while it is drawn. @param {boolean} on */
  #busy(on) {
    document.body.classList.toggle("drawing", on);
  }

  /** What was drawn before, until the model is there. @param {ImageBitmap} bitmap */
  showEarlier(bitmap) {
    if (this.count) return;
    this.#sized(bitmap.width, bitmap.height);
    this.canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  }

  /** @param {number} width @param {number} height */
  #sized(width, height) {
    this.canvas.width = width;
    this.canvas.height = height;
    this.canvas.parentElement?.style.setProperty("--ratio", String(width / height));
  }

  /** @param {{width: number, height: number, rgba: Uint8ClampedArray, milliseconds: number}} answer */
  #show({ width, height, rgba, milliseconds }) {
    this.drawn = { width, height, rgba };
    this.#sized(width, height);
    this.canvas.getContext("2d")?.putImageData(new ImageData(/** @type {any} */ (rgba), width, height), 0, 0);
    this.status.textContent = say("drawn", { width, height });
    this.status.title = say("took", { seconds: (milliseconds / 1000).toFixed(1) });
    if (!this.engine.next) this.#busy(false);
    const whole = width === this.project.map.width && height === this.project.map.height;
    this.more.disabled = whole;
    this.canvas.dataset.count = String(++this.count);
    this.canvas.dataset.size = `${width}x${height}`;
    this.#layout();
  }

  #layout() {
    if (this.wipe.hidden) return;
    const { map, schema } = this.project;
    const image = new ImageData(map.width, map.height);
    map.data.forEach((index, i) => image.data.set([...schema.all[index].color, 255], 4 * i));
    this.under.width = map.width;
    this.under.height = map.height;
    this.under.getContext("2d")?.putImageData(image, 0, 0);
    this.#wiped();
  }

  #wiped() {
    this.under.style.setProperty("--part", `${this.wipe.hidden ? 0 : this.wipe.value}%`);
  }

  #compare() {
    const on = this.wipe.hidden;
    this.wipe.hidden = !on;
    this.under.hidden = !on;
    element("compare", HTMLButtonElement).setAttribute("aria-pressed", String(on));
    this.#layout();
  }

  /** @param {string} id */
  #toggle(id) {
    const button = element(id, HTMLButtonElement);
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    this.canvas.classList.toggle("asking", on);
    if (on) tell(say("originHint"));
  }

  /** @param {MouseEvent} event */
  async #clicked(event) {
    if (element("origin", HTMLButtonElement).getAttribute("aria-pressed") !== "true") return;
    const box = this.canvas.getBoundingClientRect();
    const { width, height } = this.project.map;
    const limit = (/** @type {number} */ v, /** @type {number} */ most) => Math.max(0, Math.min(most - 1, Math.floor(v * most)));
    this.ontrace(limit((event.clientX - box.left) / box.width, width), limit((event.clientY - box.top) / box.height, height));
  }

  /** Without a mouse the middle of the picture is asked. @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    const at = this.painter.cursor ?? { x: this.project.map.width / 2, y: this.project.map.height / 2 };
    this.ontrace(Math.max(0, Math.floor(at.x)), Math.max(0, Math.floor(at.y)));
  }
}
