// @ts-check
// Looks: the shelf that comes with the page, those of dropped photographs, and the mix with its sliders.

import { attempt, element, icon, iconButton, make, say } from "./dom.js";
import { checkLook, readLook } from "./looks.js";
import { own, pixelsOf } from "./files.js";
import { decode } from "./png.js";

/** @typedef {import("./project.js").Look} Look */
/** @typedef {import("./project.js").Exemplar} Exemplar */

export class Shelf {
  /**
   * @param {import("./project.js").Project} project @param {import("./engine.js").Engine} engine
   * @param {import("./painter.js").Painter} painter @param {any} model @param {string} base
   */
  constructor(project, engine, painter, model, base) {
    this.project = project;
    this.engine = engine;
    this.painter = painter;
    this.model = model;
    this.base = base;
    /** @type {{name: string, title: string, author: string, licence: string, source: string}[]} */
    this.entries = [];
    this.onpaint = () => {};
    this.number = 0;
    project.addEventListener("looks", () => this.show());
  }

  async load() {
    const answer = await fetch(new URL("looks/shelf.json", this.base));
    if (!answer.ok) return;
    this.entries = (await answer.json()).looks;
    element("shelf", HTMLElement).replaceChildren(...this.entries.map((entry) => {
      const button = make("button", { type: "button", class: "card", title: say("credit", entry), "data-look": entry.name },
        make("img", { src: this.address(entry.name, "webp"), alt: "", width: "96", height: "64" }), make("span", {}, entry.title));
      button.addEventListener("click", () => void attempt(async () => this.project.only(await this.fromShelf(entry.name))));
      const add = iconButton("plus", say("add", { name: entry.title }), () => void attempt(() => this.#toggle(entry.name)));
      add.classList.add("add");
      return make("li", {}, button, add);
    }));
    const photo = make("button", { type: "button", class: "card photo" }, make("div", { class: "frame" }, icon("plus")), make("span", {}, say("photo")));
    photo.addEventListener("click", () => this.onphoto());
    element("shelf", HTMLElement).prepend(make("li", {}, photo));
  }

  onphoto = () => {};

  /** Mix a look in, or take it out again. @param {string} name */
  async #toggle(name) {
    const known = this.project.looks.find((look) => look.shelf === name);
    if (known) this.project.remove(known.id);
    else this.project.add(await this.fromShelf(name));
  }

  /** Everything of the shelf, so that it is there without a network. */
  async prefetch() {
    for (const { name } of this.entries) await Promise.all(["look.safetensors", "webp", "png"].map((kind) => own(this.address(name, kind))));
  }

  /** @param {string} name @param {string} kind */
  address(name, kind) {
    return new URL(`looks/${encodeURIComponent(name)}.${kind}`, this.base).href;
  }

  /** @param {string} name */
  async fromShelf(name) {
    const entry = this.entries.find((one) => one.name === name) ?? this.entries[0];
    const id = `shelf-${entry.name}-${++this.number}`;
    const file = readLook(await own(this.address(entry.name, "look.safetensors")), entry.title);
    checkLook(file, this.model);
    await this.engine.ask("look", { id, tensors: file.tensors });
    return /** @type {Look} */ ({
      id, title: entry.title, credit: say("madeBy", entry), weight: 1, tensors: file.tensors, thumb: this.address(entry.name, "webp"),
      shelf: entry.name, exemplar: () => this.#shelved(entry.name),
    });
  }

  /** The photograph of a look on the shelf, with its label map. @param {string} name @returns {Promise<Exemplar>} */
  async #shelved(name) {
    const [picture, map] = await Promise.all(["webp", "png"].map((kind) => own(this.address(name, kind))));
    const bitmap = await createImageBitmap(new Blob([picture], { type: "image/webp" }));
    const labels = await decode(new Uint8Array(map), name);
    return { photo: pixelsOf(bitmap, 1024), labels: this.project.schema.indices(labels, name), width: labels.width, height: labels.height };
  }

  /**
   * The look of a photograph whose label map is known.
   * @param {Exemplar} exemplar @param {string} title @returns {Promise<Look>}
   */
  async fromExemplar(exemplar, title) {
    const id = `photo-${++this.number}-${Date.now()}`;
    const { tensors, exemplar: kept } = await this.engine.ask("encode", { ...exemplar, id });
    return { id, title, credit: title, weight: 1, tensors, thumb: await thumbOf(kept.photo), shelf: null, exemplar: async () => kept };
  }

  /** @param {import("./looks.js").LookFile} file @returns {Promise<Look>} */
  async fromFile(file) {
    checkLook(file, this.model);
    const id = `file-${++this.number}-${Date.now()}`;
    await this.engine.ask("look", { id, tensors: file.tensors });
    return { id, title: file.name, credit: file.name, weight: 1, tensors: file.tensors, thumb: thumbIn(file), shelf: null, exemplar: async () => null };
  }

  show() {
    const { looks } = this.project;
    const box = element("mix", HTMLElement);
    box.replaceChildren(...looks.map((look) => this.#row(look)));
    element("mix-one", HTMLElement).hidden = looks.length !== 1;
    element("mix-more", HTMLElement).hidden = looks.length < 2;
    for (const card of /** @type {NodeListOf<HTMLElement>} */ (element("shelf", HTMLElement).querySelectorAll("[data-look]"))) {
      const on = looks.some((look) => look.shelf === card.dataset.look);
      card.setAttribute("aria-pressed", String(on));
      const add = /** @type {HTMLButtonElement} */ (card.nextElementSibling);
      add.setAttribute("aria-pressed", String(on));
      add.hidden = on && looks.length === 1;
    }
    if (!looks.some((look) => look.id === this.painter.lookId)) this.painter.lookId = looks.at(-1)?.id ?? null;
  }

  /** @param {Look} look */
  #row(look) {
    const several = this.project.looks.length > 1;
    const [low, high] = this.project.beyond ? ["-0.5", "1.5"] : ["0", "1"];
    const slider = /** @type {HTMLInputElement} */ (make("input", {
      type: "range", min: low, max: high, step: "0.01", value: String(look.weight), "aria-label": say("weight", { name: look.title }),
    }));
    slider.addEventListener("input", () => {
      look.weight = Number(slider.value);
      slider.title = `${Math.round(100 * look.weight)} %`;
      this.project.tell("mix");
    });
    const image = make("img", { src: look.thumb, alt: "", draggable: "true", title: look.credit });
    image.addEventListener("dragstart", (event) => event.dataTransfer?.setData("text/look", look.id));
    slider.title = `${Math.round(100 * look.weight)} %`;
    const paint = iconButton("look", say("paintLook", { name: look.title }), () => {
      this.painter.lookId = look.id;
      this.onpaint();
    });
    const give = iconButton("class", say("giveClass", { class: this.#class(), name: look.title }), () => this.ongive(look.id));
    const remove = iconButton("close", say("remove", { name: look.title }), () => void attempt(() => this.project.remove(look.id)));
    const top = make("div", { class: "top" }, make("span", { class: "title" }, look.title), ...(several ? [remove] : []));
    const below = several ? make("div", { class: "top" }, slider, paint, give) : make("span", { class: "credit" }, look.credit);
    return make("li", { "data-look": look.id }, image, make("div", { class: "detail" }, top, below));
  }

  ongive = (/** @type {string} */ _) => {};

  #class() {
    return this.project.schema.all[this.painter.label].shown;
  }
}

/** The small picture that the file of a look may hold. @param {import("./looks.js").LookFile} file */
function thumbIn({ meta }) {
  try {
    const bytes = Uint8Array.from(atob(meta.thumbnail), (c) => c.charCodeAt(0));
    return URL.createObjectURL(new Blob([bytes], { type: "image/webp" }));
  } catch {
    return "look.svg";
  }
}

/** @param {import("./worker.js").Photo} photo */
export async function thumbOf(photo) {
  const canvas = new OffscreenCanvas(photo.width, photo.height);
  const image = new ImageData(photo.width, photo.height);
  for (let i = 0, j = 0; j < photo.rgb.length; i += 4) {
    image.data[i] = photo.rgb[j++];
    image.data[i + 1] = photo.rgb[j++];
    image.data[i + 2] = photo.rgb[j++];
    image.data[i + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return URL.createObjectURL(await canvas.convertToBlob({ type: "image/webp", quality: 0.85 }));
}
