// @ts-check
// The layout canvas: pixels of classes, shown in their colours, painted with tools. Its own buffer, never the browser's.

import { LabelMap, alongLine, fillArea, paintLine, paintPolygon, replaceClass } from "./map.js";

/** @typedef {"brush" | "eraser" | "line" | "polygon" | "bucket" | "picker" | "replace" | "hand" | "look"} Tool */
/** @typedef {import("./map.js").Point} Point */

const ROUND = 10; // pixels of the corners of a layout that is shown whole

/** A pen that is pressed paints wider: half to one and a half. @param {PointerEvent} event */
const pressureOf = (event) => (event.pointerType === "pen" && event.pressure ? 0.5 + event.pressure : 1);

export class Painter {
  /** @param {HTMLCanvasElement} canvas @param {import("./project.js").Project} project */
  constructor(canvas, project) {
    this.canvas = canvas;
    this.project = project;
    /** @type {Tool} */
    this.tool = "brush";
    this.label = 0;
    this.radius = 12;
    this.pressure = 1; // of a pen, 1 for its middle and for everything else
    this.strength = 0.6;
    /** @type {string | null} the look that is painted */
    this.lookId = null;
    this.zoom = 1;
    this.offset = { x: 0, y: 0 };
    /** @type {Point | null} */
    this.cursor = null;
    /** @type {Point[]} */
    this.corners = [];
    /** @type {{end: (keep: boolean) => void, last: Point, first: Point, label: number} | null} */
    this.gesture = null;
    /** @type {Map<number, {x: number, y: number}>} */
    this.fingers = new Map();
    this.shown = document.createElement("canvas");
    this.dirty = true;
    this.fitted = true;
    this.onpick = (/** @type {number} */ _) => {};
    this.oncursor = (/** @type {Point | null} */ _) => {};
    project.addEventListener("map", () => this.refresh());
    new ResizeObserver(() => this.#resized()).observe(canvas);
    this.#listen();
  }

  refresh() {
    this.dirty = true;
    if (this.shown.width !== this.project.map.width || this.shown.height !== this.project.map.height) this.fitted = true;
    requestAnimationFrame(() => this.#draw());
  }

  #resized() {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    this.#draw();
  }

  fit() {
    this.fitted = true;
    this.#draw();
  }

  /** @param {number} factor @param {Point} [at] in canvas pixels */
  zoomBy(factor, at = { x: this.canvas.width / 2, y: this.canvas.height / 2 }) {
    const zoom = Math.max(0.2, Math.min(40, this.zoom * factor));
    this.offset = { x: at.x - ((at.x - this.offset.x) * zoom) / this.zoom, y: at.y - ((at.y - this.offset.y) * zoom) / this.zoom };
    this.zoom = zoom;
    this.fitted = false;
    this.#draw();
  }

  /** Pixels of the map under a place on the canvas (in canvas pixels). @param {Point} at @returns {Point} */
  place(at) {
    return { x: (at.x - this.offset.x) / this.zoom - 0.5, y: (at.y - this.offset.y) / this.zoom - 0.5 };
  }

  /** @param {PointerEvent | WheelEvent} event @returns {Point} */
  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / Math.max(1, box.width);
    return { x: (event.clientX - box.left) * ratio, y: (event.clientY - box.top) * ratio };
  }

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) this.#move(one);
    });
    for (const kind of ["pointerup", "pointercancel"])
      canvas.addEventListener(kind, (event) => this.#up(/** @type {PointerEvent} */ (event), kind === "pointerup"));
    canvas.addEventListener("pointerleave", () => this.#point(null));
    canvas.addEventListener("dblclick", () => this.closePolygon());
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), this.#at(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.#at(event);
    this.fingers.set(event.pointerId, at);
    this.pressure = pressureOf(event);
    if (this.fingers.size === 2) {
      this.gesture?.end(false); // two fingers move the view, and what the first began is taken back
      this.gesture = null;
      return;
    }
    if (this.fingers.size > 2 || event.button === 1 || this.tool === "hand") return;
    const eraser = event.button === 2 || (event.buttons & 32) !== 0;
    this.press(this.place(at), eraser ? this.project.schema.void : undefined);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const at = this.#at(event);
    const before = this.fingers.get(event.pointerId);
    this.#point(this.place(at));
    if (!before) return;
    this.fingers.set(event.pointerId, at);
    if (this.fingers.size === 2) {
      const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1] ?? at;
      const [old, now] = [Math.hypot(before.x - other.x, before.y - other.y), Math.hypot(at.x - other.x, at.y - other.y)];
      this.offset.x += (at.x - before.x) / 2;
      this.offset.y += (at.y - before.y) / 2;
      this.zoomBy(now / Math.max(1, old), { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 });
    } else if (this.gesture) {
      this.pressure = pressureOf(event);
      this.drag(this.place(at));
    } else if (this.tool === "hand" || (event.buttons & 4) !== 0) {
      this.offset.x += at.x - before.x;
      this.offset.y += at.y - before.y;
      this.fitted = false;
      this.#draw();
    }
  }

  /** @param {PointerEvent} event @param {boolean} keep */
  #up(event, keep) {
    this.fingers.delete(event.pointerId);
    if (this.fingers.size === 0) this.release(keep);
  }

  /** @param {Point | null} point */
  #point(point) {
    this.cursor = point;
    this.oncursor(point);
    requestAnimationFrame(() => this.#draw());
  }

  // --- Gestures, from pointer and keys alike, in pixels of the map ---

  /** @param {Point} at @param {number} [label] */
  press(at, label = this.tool === "eraser" ? this.project.schema.void : this.label) {
    const { map } = this.project;
    const pixel = { x: Math.round(at.x), y: Math.round(at.y) };
    if (this.tool === "polygon") {
      this.corners.push({ x: Math.max(-1, Math.min(map.width, at.x)), y: Math.max(-1, Math.min(map.height, at.y)) });
      return this.#draw();
    }
    if (this.tool === "picker") {
      if (map.has(pixel.x, pixel.y)) this.onpick(map.at(pixel.x, pixel.y));
      return;
    }
    if (this.tool === "look" && !this.lookId) return;
    const { end } = this.project.begin();
    this.gesture = { end, last: at, first: at, label };
    if (this.tool === "bucket" || this.tool === "replace") {
      if (map.has(pixel.x, pixel.y)) {
        if (this.tool === "bucket") fillArea(map, pixel, label);
        else replaceClass(map, map.at(pixel.x, pixel.y), label);
      }
      return this.release(true);
    }
    if (this.tool !== "line") this.drag(at);
  }

  /** @param {Point} at */
  drag(at) {
    if (!this.gesture) return;
    const { map } = this.project;
    if (this.tool === "look") this.#paintLook(this.gesture.last, at);
    else if (this.tool !== "line") paintLine(map, this.gesture.last, at, this.radius * this.pressure, this.gesture.label);
    this.gesture.last = at;
    if (this.tool !== "line") this.project.tell(this.tool === "look" ? "mix" : "map");
    this.#draw();
  }

  /** @param {boolean} keep */
  release(keep) {
    const { gesture } = this;
    if (!gesture) return;
    if (keep && this.tool === "line") paintLine(this.project.map, gesture.first, gesture.last, this.radius, gesture.label);
    this.gesture = null;
    gesture.end(keep);
    if (this.tool === "look") this.project.tell("mix");
  }

  closePolygon() {
    if (this.corners.length >= 3) {
      const { end } = this.project.begin();
      paintPolygon(this.project.map, this.corners, this.label);
      end(true);
    }
    this.corners = [];
    this.#draw();
  }

  cancel() {
    this.corners = [];
    this.release(false);
    this.#draw();
  }

  /** A soft brush: where it goes, this look takes part of what the others have. @param {Point} a @param {Point} b */
  #paintLook(a, b) {
    const { project, lookId, strength } = this;
    if (!lookId) return;
    const own = project.amounts(lookId);
    const others = project.looks.filter((look) => look.id !== lookId).map((look) => project.painted.get(look.id));
    const radius = this.radius * this.pressure * 1.5;
    alongLine(project.map, a, b, radius, (index, distance) => {
      const soft = 1 - distance / radius;
      const part = strength * soft * soft * (3 - 2 * soft) * 0.5;
      for (const other of others) if (other) other[index] = Math.round(other[index] * (1 - part));
      own[index] = Math.min(255, Math.ceil(own[index] + (255 - own[index]) * part));
    });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { map } = this.project;
    const step = event.shiftKey ? 8 : 1;
    const moves = /** @type {Record<string, number[]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });
    if (moves[event.key]) {
      const from = this.cursor ?? { x: map.width / 2, y: map.height / 2 };
      const [dx, dy] = moves[event.key];
      const limit = (/** @type {number} */ v, /** @type {number} */ most) => Math.max(0, Math.min(most - 1, Math.round(v)));
      const to = { x: limit(from.x + dx * step, map.width), y: limit(from.y + dy * step, map.height) };
      if (this.gesture) this.drag(to);
      this.#point(to);
    } else if (event.key === " ") {
      if (event.repeat) return event.preventDefault();
      const at = this.cursor ?? { x: map.width / 2, y: map.height / 2 };
      if (this.gesture) this.release(true);
      else {
        this.press(at);
        if (this.tool === "line" || this.tool === "look" || this.tool === "brush" || this.tool === "eraser") {
          const stop = () => this.release(true); // painting goes on while Space is held and arrows move
          this.canvas.addEventListener("keyup", stop, { once: true });
        }
      }
    } else if (event.key === "Enter" && this.corners.length) this.closePolygon();
    else if (event.key === "Escape") this.cancel();
    else return;
    event.preventDefault();
  }

  // --- Showing ---

  #draw() {
    const { canvas, shown, project } = this;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const { map } = project;
    if (this.dirty) {
      shown.width = map.width;
      shown.height = map.height;
      const image = new ImageData(map.width, map.height);
      const table = Uint32Array.from(project.schema.all, ({ color: [r, g, b] }) => (255 << 24) | (b << 16) | (g << 8) | r);
      const pixels = new Uint32Array(image.data.buffer);
      for (let i = 0; i < pixels.length; i++) pixels[i] = table[map.data[i]];
      /** @type {CanvasRenderingContext2D} */ (shown.getContext("2d")).putImageData(image, 0, 0);
      this.dirty = false;
    }
    if (this.fitted) {
      this.zoom = Math.max(0.05, Math.min(canvas.width / map.width, canvas.height / map.height));
      this.offset = { x: (canvas.width - map.width * this.zoom) / 2, y: (canvas.height - map.height * this.zoom) / 2 };
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(this.zoom, 0, 0, this.zoom, this.offset.x, this.offset.y);
    context.imageSmoothingEnabled = false;
    context.save();
    if (this.fitted) {
      context.beginPath();
      context.roundRect(0, 0, map.width, map.height, (ROUND * (devicePixelRatio || 1)) / this.zoom);
      context.clip();
    }
    context.drawImage(shown, 0, 0);
    if (this.tool === "look") this.#showLook(context, map);
    context.restore();
    this.#showCursor(context);
  }

  /** @param {CanvasRenderingContext2D} context @param {LabelMap} map */
  #showLook(context, map) {
    const amounts = this.lookId ? this.project.painted.get(this.lookId) : undefined;
    if (!amounts) return;
    const image = new ImageData(map.width, map.height);
    amounts.forEach((amount, i) => image.data.set([255, 64, 129, amount * 0.7], i * 4));
    const layer = new OffscreenCanvas(map.width, map.height);
    layer.getContext("2d")?.putImageData(image, 0, 0);
    context.drawImage(layer, 0, 0);
  }

  /** @param {CanvasRenderingContext2D} context */
  #showCursor(context) {
    const outline = (/** @type {Path2D} */ path) => {
      for (const [color, width] of /** @type {[string, number][]} */ ([["rgb(0 0 0 / 70%)", 3], ["white", 1.5]])) {
        context.strokeStyle = color;
        context.lineWidth = width / this.zoom;
        context.stroke(path);
      }
    };
    if (this.corners.length) {
      const path = new Path2D();
      for (const { x, y } of [...this.corners, ...(this.cursor ? [this.cursor] : [])]) path.lineTo(x + 0.5, y + 0.5);
      path.closePath();
      outline(path);
    }
    if (!this.cursor) return;
    const { x, y } = { x: this.cursor.x + 0.5, y: this.cursor.y + 0.5 };
    const path = new Path2D();
    if (this.gesture && this.tool === "line") {
      path.moveTo(this.gesture.first.x + 0.5, this.gesture.first.y + 0.5);
      path.lineTo(x, y);
    }
    const round = ["brush", "eraser", "line", "look"].includes(this.tool);
    const radius = round ? (this.tool === "look" ? this.radius * 1.5 : this.radius) : 4 / this.zoom;
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
    outline(path);
  }
}
