// @ts-check
// What a layout is begun with: those that come with the page, a photograph, an empty scene, or the present one at another size.

import { attempt, dialog, element, icon, make, say } from "./dom.js";
import { own } from "./files.js";
import { LabelMap, MAX_SIDE, MIN_SIDE, skyAndGround } from "./map.js";
import { decode } from "./png.js";
import { Trouble } from "./trouble.js";

/** @typedef {import("./main.js").Studio} Studio */

const base = new URL("../", import.meta.url).href;

/** The dialog. @param {Studio} studio */
export function beginnings(studio) {
  const { project, schema, layouts } = studio;
  const list = element("layouts", HTMLElement);
  const card = (/** @type {string} */ title, /** @type {string} */ value, /** @type {HTMLElement} */ picture) =>
    list.append(make("li", {}, make("button", { type: "submit", value, class: "card" }, picture, make("span", {}, title))));
  for (const { name, title } of layouts) {
    const image = (/** @type {string} */ kind) => make("img", { src: layoutAddress(name, kind), alt: "" });
    card(title, name, make("div", { class: "frame pair" }, image("webp"), image("colors.png")));
  }
  card(say("photo"), "photo", make("div", { class: "frame" }, icon("plus")));
  element("new", HTMLButtonElement).addEventListener("click", () => {
    const begin = dialog("begin", (data, choice) => void attempt(async () => {
      const [width, height] = ["width", "height"].map((side) => Number(data.get(side)));
      if (choice === "photo") return element("file", HTMLInputElement).click();
      if (choice !== "plain" && choice !== "resize") return beginWith(studio, choice);
      if (![width, height].every((side) => Number.isInteger(side) && side >= MIN_SIDE && side <= MAX_SIDE)) throw new Trouble("sides");
      if (choice === "resize") project.setMap(project.map.resized(width, height));
      else project.setMap(skyAndGround(width, height, schema.find("sky-other", "sky"), schema.find("grass", "ground-other")));
    }));
    for (const side of /** @type {const} */ (["width", "height"]))
      /** @type {HTMLInputElement} */ (begin.querySelector(`[name=${side}]`)).value = String(project.map[side]);
  });
}

/** @param {string} name @param {string} kind */
export const layoutAddress = (name, kind = "png") => new URL(`layouts/${encodeURIComponent(name)}.${kind}`, base).href;

/** @param {Studio} studio @param {string} name of a layout that comes with the page */
async function beginWith({ project, schema }, name) {
  const bytes = new Uint8Array(await own(layoutAddress(name)));
  const values = await decode(bytes, name);
  project.setMap(asMap(schema.indices(values, name), values.width, values.height));
}

/** The first visit: a layout in the look of its own photograph, and what to do. @param {Studio} studio */
export async function greeted(studio) {
  const { layouts, project, shelf, picture } = studio;
  if (layouts.length) {
    await beginWith(studio, layouts[0].name);
    void own(layoutAddress(layouts[0].name, "webp")).then((data) => createImageBitmap(new Blob([data]))).then((made) => picture.showEarlier(made), () => {});
  }
  project.history.clear();
  project.tell("history");
  project.only(await shelf.fromShelf(shelf.entries[0].name));
  const hint = element("hint", HTMLElement);
  hint.hidden = false;
  for (const event of ["map", "history"]) project.addEventListener(event, () => (hint.hidden = true), { once: true });
}

/** @param {Uint16Array} labels @param {number} width @param {number} height */
export function asMap(labels, width, height) {
  const map = new LabelMap(width, height, Uint16Array.from(labels));
  const sides = [width, height].map((side) => Math.max(MIN_SIDE, side));
  return sides[0] === width && sides[1] === height ? map : map.resized(sides[0], sides[1]);
}
