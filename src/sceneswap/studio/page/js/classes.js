// @ts-check
// The list of classes: by name, with search, the recent ones apart, those of the layout first. A look dragged onto a class rules it.

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
    for (const place of [chosen, element("class-chip", HTMLElement)])
      place.replaceChildren(swatch(this.project.schema.all[index].color), make("span", {}, this.project.schema.all[index].shown));
    this.onchoose(index);
    this.show();
  }

  onchoose = (/** @type {number} */ _) => {};

  show() {
    const { schema } = this.project;
    const present = new Set(this.project.map.data);
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.index : undefined;
    const groups = [true, false].map((used) => schema.all.filter((c) => present.has(c.index) === used));
    this.list.replaceChildren(...groups.flatMap((some, i) => (some.length
      ? [make("div", { class: "heading", role: "presentation" }, say(i ? "others" : "inLayout")), ...some.map((c) => this.#row(c, !i))] : [])),
    make("p", { class: "quiet nothing" }, say("noClass")));
    element("class-recent", HTMLElement).replaceChildren(...this.recent.slice(1).map((index) => {
      const chip = make("button", { type: "button", class: "chip" }, swatch(schema.all[index].color), make("span", {}, schema.all[index].shown));
      chip.addEventListener("click", () => this.choose(index));
      return chip;
    }));
    this.#filter();
    if (focused !== undefined) /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-index="${focused}"]`))?.focus();
  }

  /** @param {import("./labels.js").Class} c @param {boolean} used */
  #row(c, used) {
    const owner = this.project.looks.find((look) => look.id === this.project.byClass.get(c.index));
    const name = make("span", { class: "name", title: c.name }, c.shown);
    const row = make("div", { class: used ? "row used" : "row", role: "none" });
    const pick = make("button", {
      type: "button", role: "option", "aria-selected": String(c.index === this.painter.label), "data-index": String(c.index),
      class: "pick", tabindex: c.index === this.painter.label ? "0" : "-1",
    }, swatch(c.color), name);
    pick.addEventListener("click", () => this.choose(c.index));
    row.append(pick);
    if (owner) {
      const free = make("button", { type: "button", class: "owner", "aria-label": say("free", { class: c.shown }), title: say("byClass", { class: c.shown, name: owner.title }) },
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
    let found = 0;
    for (const row of /** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll(".row"))) {
      const name = row.querySelector(".name");
      row.hidden = !`${name?.textContent} ${name?.getAttribute("title")}`.toLowerCase().includes(wanted);
      found += Number(!row.hidden);
    }
    for (const heading of /** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll(".heading"))) heading.hidden = Boolean(wanted);
    /** @type {HTMLElement} */ (this.list.querySelector(".nothing")).hidden = found > 0;
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
