// @ts-check
// The list of classes: by name, with search, the recent ones first. A look dragged onto a class rules it.

import { element, make, say } from "./dom.js";

const RECENT = 6;

export class ClassList {
  /** @param {import("./project.js").Project} project @param {import("./painter.js").Painter} painter */
  constructor(project, painter) {
    this.project = project;
    this.painter = painter;
    /** @type {number[]} */
    this.recent = [];
    this.list = element("class-list", HTMLElement);
    this.search = element("class-search", HTMLInputElement);
    this.search.addEventListener("input", () => this.#filter());
    this.list.addEventListener("keydown", (event) => this.#move(event));
    for (const event of ["looks", "mix", "history"]) project.addEventListener(event, () => this.show());
    painter.onpick = (index) => this.choose(index);
    this.show();
  }

  /** @param {number} index */
  choose(index) {
    this.painter.label = index;
    this.recent = [index, ...this.recent.filter((one) => one !== index)].slice(0, RECENT);
    const chosen = element("class-now", HTMLElement);
    chosen.replaceChildren(swatch(this.project.schema.all[index].color), this.project.schema.all[index].name);
    this.show();
  }

  show() {
    const { schema } = this.project;
    const used = new Set(this.project.map.data);
    const first = this.recent.filter((index) => index !== schema.void);
    const rest = schema.all.filter((c) => !first.includes(c.index));
    rest.sort((a, b) => Number(used.has(b.index)) - Number(used.has(a.index)));
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.index : undefined;
    this.list.replaceChildren(...[...first.map((i) => schema.all[i]), ...rest].map((c) => this.#row(c, used.has(c.index))));
    this.#filter();
    if (focused !== undefined) /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-index="${focused}"]`))?.focus();
  }

  /** @param {import("./labels.js").Class} c @param {boolean} used */
  #row(c, used) {
    const owner = this.project.looks.find((look) => look.id === this.project.byClass.get(c.index));
    const name = make("span", { class: "name" }, c.name);
    const row = make("div", { class: used ? "row used" : "row", role: "none" });
    const pick = make("button", {
      type: "button", role: "option", "aria-selected": String(c.index === this.painter.label), "data-index": String(c.index),
      class: "pick", tabindex: c.index === this.painter.label ? "0" : "-1",
    }, swatch(c.color), name);
    pick.addEventListener("click", () => this.choose(c.index));
    row.append(pick);
    if (owner) {
      const free = make("button", { type: "button", class: "owner", "aria-label": say("free", { class: c.name }), title: say("byClass", { class: c.name, name: owner.title }) },
        make("img", { src: owner.thumb, alt: "" }));
      free.addEventListener("click", () => this.give(c.index, null));
      row.append(free);
    }
    row.addEventListener("dragover", (event) => event.dataTransfer?.types.includes("text/look") && event.preventDefault());
    row.addEventListener("drop", (event) => {
      const id = event.dataTransfer?.getData("text/look");
      if (id) {
        event.preventDefault();
        event.stopPropagation();
        this.give(c.index, id);
      }
    });
    return row;
  }

  /** Let a look rule a class; null: the mix again. @param {number} index @param {string | null} id */
  give(index, id) {
    const { byClass } = this.project;
    const before = new Map(byClass);
    if (id) byClass.set(index, id);
    else byClass.delete(index);
    const after = new Map(byClass);
    const put = (/** @type {Map<number, string>} */ from) => {
      this.project.byClass = new Map(from);
    };
    this.project.history.add({ undo: () => put(before), redo: () => put(after), bytes: 0 });
    this.project.tell("mix");
    this.project.tell("history");
  }

  #filter() {
    const wanted = this.search.value.trim().toLowerCase();
    for (const row of this.list.children)
      /** @type {HTMLElement} */ (row).hidden = !(row.querySelector(".name")?.textContent ?? "").toLowerCase().includes(wanted);
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 });
    if (!(event.key in steps)) return;
    event.preventDefault();
    const shown = /** @type {HTMLElement[]} */ ([...this.list.querySelectorAll(".row:not([hidden]) .pick")]);
    const at = shown.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    shown[Math.max(0, Math.min(shown.length - 1, at + steps[event.key]))]?.focus();
  }
}

/** @param {number[]} color */
export function swatch(color) {
  const canvas = /** @type {HTMLCanvasElement} */ (make("canvas", { class: "swatch", width: "1", height: "1", "aria-hidden": "true" }));
  const context = canvas.getContext("2d");
  if (context) {
    context.fillStyle = `rgb(${color.join(" ")})`;
    context.fillRect(0, 0, 1, 1);
  }
  return canvas;
}
