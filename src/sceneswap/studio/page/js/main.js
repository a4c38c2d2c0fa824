// @ts-check
// The studio: everything is made here and wired together.

import { ClassList } from "./classes.js";
import { attempt, dialog, element, fillWords, say, tell } from "./dom.js";
import { Engine } from "./engine.js";
import { FORMAT, packed, remember, remembered, unpacked } from "./keep.js";
import { NOTE, download, open, own } from "./files.js";
import { Schema } from "./labels.js";
import { LabelMap, MAX_SIDE, MIN_SIDE, skyAndGround } from "./map.js";
import { Painter } from "./painter.js";
import { Picture } from "./picture.js";
import { decode, encodeColors, encodeGrey, withText } from "./png.js";
import { Project } from "./project.js";
import { Shelf, thumbOf } from "./shelf.js";
import { Trace } from "./trace.js";
import { Trouble, sentence } from "./trouble.js";
import { strip } from "./strip.js";

const base = new URL("../", import.meta.url).href;
const KEPT_AFTER = 1000; // milliseconds after the last change

async function start() {
  fillWords();
  const engine = new Engine();
  const status = element("status", HTMLElement);
  status.textContent = say("loading");
  const [{ model }, layouts] = await Promise.all([engine.start(), fetch(new URL("layouts/layouts.json", base)).then((a) => (a.ok ? a.json() : []))]);
  const schema = new Schema(model.schema);
  const project = new Project(schema);
  const painter = new Painter(element("canvas", HTMLCanvasElement), project);
  const picture = new Picture(project, engine, painter);
  const shelf = new Shelf(project, engine, painter, model, base);
  const classes = new ClassList(project, painter);
  const trace = new Trace(project, engine);
  const studio = { engine, model, schema, project, painter, picture, shelf, classes, layouts };
  shelf.onpaint = () => choose(studio, "look");
  shelf.ongive = (id) => classes.give(painter.label, id);
  picture.ontrace = (x, y) => void attempt(() => trace.show(x, y));
  await shelf.load();
  classes.choose(schema.find("tree", "mountain"));
  tools(studio);
  files(studio);
  beginnings(studio);
  keeping(studio);
  keys(studio);
  painter.refresh();
  if (!(await restored(studio))) {
    if (layouts.length) await beginWith(studio, layouts[0].name);
    project.history.clear();
    project.tell("history");
    project.only(await shelf.fromShelf(shelf.entries[0].name));
  }
  if (!self.crossOriginIsolated) element("note", HTMLElement).textContent = say("single");
  void Promise.all([engine.ask("prefetch", {}), shelf.prefetch(), own(new URL("look.svg", base).href)])
    .then(() => Promise.all(layouts.map((/** @type {{name: string}} */ { name }) => own(layoutAddress(name)))))
    .then(() => (document.body.dataset.whole = "true"))
    .catch(() => {}); // what is missing is fetched when it is wanted
  document.body.dataset.ready = "true";
  /** @type {any} */ (window).studio = studio;
}

/** @typedef {{engine: Engine, model: any, schema: Schema, project: Project, painter: Painter, picture: Picture, shelf: Shelf, classes: ClassList, layouts: any[]}} Studio */

/** @param {Studio} studio @param {string} tool */
function choose({ painter }, tool) {
  painter.cancel();
  painter.tool = /** @type {import("./painter.js").Tool} */ (tool);
  for (const button of document.querySelectorAll("[data-tool]"))
    button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.tool === tool));
  document.body.dataset.tool = tool;
  painter.refresh();
}

/** @param {Studio} studio */
function tools(studio) {
  const { painter, project, schema } = studio;
  for (const button of document.querySelectorAll("[data-tool]"))
    button.addEventListener("click", () => choose(studio, /** @type {HTMLElement} */ (button).dataset.tool ?? "brush"));
  const size = element("size", HTMLInputElement);
  size.addEventListener("input", () => {
    painter.radius = Number(size.value) / 2;
    painter.refresh();
  });
  const strength = element("strength", HTMLInputElement);
  strength.addEventListener("input", () => (painter.strength = Number(strength.value)));
  for (const [id, act] of /** @type {[string, () => void][]} */ ([
    ["undo", () => project.step(false)], ["redo", () => project.step(true)], ["fit", () => painter.fit()],
    ["zoom-in", () => painter.zoomBy(1.4)], ["zoom-out", () => painter.zoomBy(1 / 1.4)], ["clear-paint", () => project.clearPaint()],
  ])) element(id, HTMLButtonElement).addEventListener("click", act);
  const beyond = element("beyond", HTMLInputElement);
  beyond.addEventListener("change", () => {
    project.beyond = beyond.checked;
    if (!project.beyond) for (const look of project.looks) look.weight = Math.max(0, Math.min(1, look.weight));
    project.tell("looks");
  });
  project.addEventListener("looks", () => (beyond.checked = project.beyond));
  const counts = () => {
    element("undo", HTMLButtonElement).disabled = !project.history.done.length;
    element("redo", HTMLButtonElement).disabled = !project.history.undone.length;
  };
  project.addEventListener("history", counts);
  counts();
  const under = element("under", HTMLElement);
  painter.oncursor = (at) => {
    const pixel = at && { x: Math.round(at.x), y: Math.round(at.y) };
    under.textContent = pixel && project.map.has(pixel.x, pixel.y) ? `${schema.all[project.map.at(pixel.x, pixel.y)].name} · ${pixel.x}, ${pixel.y}` : "";
  };
  for (const tab of document.querySelectorAll("[data-tab]"))
    tab.addEventListener("click", () => {
      document.body.dataset.view = /** @type {HTMLElement} */ (tab).dataset.tab;
      for (const other of document.querySelectorAll("[data-tab]")) other.setAttribute("aria-selected", String(other === tab));
      painter.fit();
    });
  choose(studio, "brush");
}

/** @param {Studio} studio */
function files(studio) {
  const { project, model, schema, picture } = studio;
  const input = element("file", HTMLInputElement);
  element("open", HTMLButtonElement).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const chosen = [...(input.files ?? [])];
    input.value = "";
    for (const file of chosen) void attempt(() => take(studio, file));
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    if (event.dataTransfer?.types.includes("Files")) document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dropping"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    for (const file of event.dataTransfer?.files ?? []) void attempt(() => take(studio, file));
  });
  addEventListener("paste", (event) => {
    for (const file of event.clipboardData?.files ?? []) void attempt(() => take(studio, file));
  });
  const saved = async () => withText(await pictureBlob(await picture.full()), NOTE, JSON.stringify(await packed(project, model)));
  const acts = /** @type {Record<string, () => Promise<void>>} */ ({
    "save-picture": async () => download(await saved(), "scene.png"),
    "save-project": async () => download(new Blob([JSON.stringify(await packed(project, model))], { type: "application/json" }), "scene.sceneswap.json"),
    "save-map": async () => download(await encodeGrey(schema.values(project.map.data), project.map.width, project.map.height), "layout.png"),
    "save-colors": async () => download(await encodeColors(schema.colors(project.map.data), project.map.width, project.map.height), "layout.colors.png"),
    "save-strip": async () => download(await strip(studio), "scene.webp"),
    copy: async () => {
      const blob = await pictureBlob(await picture.full());
      try {
        await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
      } catch {
        throw new Trouble("clipboard");
      }
      tell(say("copied"));
    },
    full: async () => void (await picture.full()),
  });
  for (const [id, act] of Object.entries(acts))
    element(id, HTMLButtonElement).addEventListener("click", () => {
      element("save-menu", HTMLElement).hidePopover?.();
      void attempt(act);
    });
}

/** @param {{width: number, height: number, rgba: Uint8ClampedArray}} picture */
async function pictureBlob({ width, height, rgba }) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(new ImageData(/** @type {any} */ (rgba), width, height), 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

/** Open whatever it is. @param {Studio} studio @param {File} file */
async function take(studio, file) {
  const { project, engine, schema, shelf, model } = studio;
  const opened = await open(file, schema);
  if (opened.kind === "map") project.setMap(opened.map);
  else if (opened.kind === "project") await resume(studio, unpacked(opened.project, schema, model, file.name.slice(0, 80)));
  else if (opened.kind === "look") project.add(await shelf.fromFile(opened.look));
  else {
    const use = async (/** @type {string} */ choice) => {
      tell(say("reading"));
      const { labels, width, height } = await engine.ask("read", { photo: opened.photo, side: 512 });
      if (choice !== "layout") {
        const look = await shelf.fromExemplar({ photo: opened.photo, labels, width, height }, opened.name);
        if (choice === "look" && element("shelf-add", HTMLInputElement).checked) project.add(look);
        else project.only(look);
      }
      if (choice !== "look") project.setMap(asMap(labels, width, height));
      tell("");
    };
    dialog("drop", (_, choice) => void attempt(() => use(choice)));
  }
}

/** @param {Uint16Array} labels @param {number} width @param {number} height */
function asMap(labels, width, height) {
  const map = new LabelMap(width, height, Uint16Array.from(labels));
  const sides = [width, height].map((side) => Math.max(MIN_SIDE, side));
  return sides[0] === width && sides[1] === height ? map : map.resized(sides[0], sides[1]);
}

/** Take up a checked project. @param {Studio} studio @param {ReturnType<typeof unpacked>} kept */
async function resume({ project, engine, shelf }, kept) {
  /** @type {import("./project.js").Look[]} */
  const looks = [];
  const from = new Map();
  for (const one of kept.looks) {
    let look;
    if (one.shelf && shelf.entries.some((entry) => entry.name === one.shelf)) look = await shelf.fromShelf(one.shelf);
    else if (one.tensors) {
      await engine.ask("look", { id: one.id, tensors: one.tensors });
      const thumb = one.exemplar ? await thumbOf(one.exemplar.photo) : "look.svg";
      look = { id: one.id, title: one.title, credit: one.credit, weight: 1, tensors: one.tensors, thumb, shelf: null, exemplar: async () => one.exemplar };
    } else if (one.exemplar) look = await shelf.fromExemplar(one.exemplar, one.title);
    else continue;
    looks.push({ ...look, weight: one.weight });
    from.set(look.id, one);
  }
  if (!looks.length) throw new Trouble("badProject", { name: "the project", what: "none of its looks is known here" });
  const ids = new Map(looks.map((look) => [from.get(look.id).id, look.id]));
  project.map = kept.map;
  project.looks = looks;
  project.painted = new Map(looks.flatMap((look) => (from.get(look.id).painted ? [[look.id, from.get(look.id).painted]] : [])));
  project.byClass = new Map(kept.byClass.flatMap(([label, id]) => (ids.has(id) ? [[label, /** @type {string} */ (ids.get(id))]] : [])));
  project.beyond = kept.beyond;
  project.history.clear();
  for (const what of /** @type {const} */ (["map", "looks", "mix", "history"])) project.tell(what);
}

/** @param {Studio} studio */
function beginnings(studio) {
  const { project, schema, layouts } = studio;
  const list = element("layouts", HTMLElement);
  for (const { name, title } of layouts) {
    const image = document.createElement("img");
    image.src = new URL(`layouts/${encodeURIComponent(name)}.colors.png`, base).href;
    image.alt = "";
    const button = document.createElement("button");
    button.type = "submit";
    button.value = name;
    button.className = "card";
    const label = document.createElement("span");
    label.textContent = title;
    button.append(image, label);
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
  }
  element("new", HTMLButtonElement).addEventListener("click", () =>
    dialog("begin", (data, choice) => void attempt(async () => {
      const [width, height] = ["width", "height"].map((side) => Number(data.get(side)));
      if (choice === "plain") {
        if (![width, height].every((side) => Number.isInteger(side) && side >= MIN_SIDE && side <= MAX_SIDE)) throw new Trouble("sides");
        project.setMap(skyAndGround(width, height, schema.find("sky-other", "sky"), schema.find("grass", "ground-other")));
        return;
      }
      await beginWith(studio, choice);
    })));
}

/** @param {string} name */
const layoutAddress = (name) => new URL(`layouts/${encodeURIComponent(name)}.png`, base).href;

/** @param {Studio} studio @param {string} name of a layout that comes with the page */
async function beginWith({ project, schema }, name) {
  const bytes = new Uint8Array(await own(layoutAddress(name)));
  const values = await decode(bytes, name);
  project.setMap(asMap(schema.indices(values, name), values.width, values.height));
}

/** The work in progress outlives a reload. @param {Studio} studio */
function keeping({ project, model }) {
  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    timer = window.setTimeout(async () => {
      try {
        await remember(await packed(project, model));
        document.body.dataset.kept = String(Date.now());
      } catch {
        // a private window keeps nothing; saving a project does
      }
    }, KEPT_AFTER);
  };
  for (const event of ["map", "looks", "mix"]) project.addEventListener(event, later);
}

/** @param {Studio} studio */
async function restored(studio) {
  try {
    const work = await remembered();
    if (work?.format !== FORMAT) return false;
    await resume(studio, unpacked(work, studio.schema, studio.model, "your last work"));
    tell(say("restored"));
    return true;
  } catch {
    return false;
  }
}

/** @param {Studio} studio */
function keys(studio) {
  const shortcuts = /** @type {Record<string, string>} */ ({ b: "brush", e: "eraser", l: "line", p: "polygon", g: "bucket", i: "picker", r: "replace", h: "hand", k: "look" });
  addEventListener("keydown", (event) => {
    const { target } = event;
    const typing = target instanceof HTMLInputElement && target.type !== "range" && target.type !== "checkbox";
    if (typing || document.querySelector("dialog[open]")) return;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (command && key === "z") studio.project.step(event.shiftKey);
    else if (command && key === "y") studio.project.step(true);
    else if (command || event.altKey) return;
    else if (shortcuts[key]) choose(studio, shortcuts[key]);
    else if (key === "[" || key === "]") {
      const size = element("size", HTMLInputElement);
      size.value = String(Number(size.value) * (key === "]" ? 1.25 : 0.8));
      size.dispatchEvent(new Event("input"));
    } else if (key === "+" || key === "=") studio.painter.zoomBy(1.4);
    else if (key === "-") studio.painter.zoomBy(1 / 1.4);
    else if (key === "0") studio.painter.fit();
    else return;
    event.preventDefault();
  });
}

start().catch((error) => {
  element("status", HTMLElement).textContent = "";
  tell(say("load", { what: sentence(error) }), "trouble");
});
