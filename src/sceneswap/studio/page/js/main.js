// @ts-check
// The studio: everything is made here and wired together.

import { asMap, beginnings, greeted, layoutAddress } from "./begin.js";
import { ClassList } from "./classes.js";
import { attempt, dialog, element, fillWords, say, tell } from "./dom.js";
import { Engine } from "./engine.js";
import { FORMAT, packed, remember, remembered, unpacked } from "./keep.js";
import { NOTE, download, open, own } from "./files.js";
import { Schema } from "./labels.js";
import { Painter } from "./painter.js";
import { Picture } from "./picture.js";
import { encodeColors, encodeGrey, withText } from "./png.js";
import { Project } from "./project.js";
import { Shelf, thumbOf } from "./shelf.js";
import { Trace } from "./trace.js";
import { Trouble, sentence } from "./trouble.js";
import { strip } from "./strip.js";

const base = new URL("../", import.meta.url).href;
const FOOT = 42; // pixels of the line below a picture
const KEPT_AFTER = 1000; // milliseconds after the last change

async function start() {
  fillWords();
  const [model, layouts] = await Promise.all(["model/model.json", "layouts/layouts.json"].map(json));
  const engine = new Engine();
  const begun = engine.start(model, new URLSearchParams(location.search).get("device") ?? "");
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
  shelf.onphoto = () => element("file", HTMLInputElement).click();
  picture.ontrace = (x, y) => void attempt(() => trace.show(x, y));
  await shelf.load();
  classes.onchoose = (index) => (element("hint", HTMLElement).textContent = say("hint", { class: schema.all[index].shown }));
  classes.choose(schema.find("tree", "mountain"));
  tools(studio);
  files(studio);
  beginnings(studio);
  keeping(studio);
  keys(studio);
  panes(studio);
  painter.refresh();
  const known = await restored(studio);
  if (!known) await greeted(studio);
  if (!self.crossOriginIsolated) element("note", HTMLElement).textContent = say("single");
  document.body.dataset.ready = "true";
  /** @type {any} */ (window).studio = studio;
  await loaded(engine, begun);
  void Promise.all([engine.ask("prefetch", {}), shelf.prefetch(), own(new URL("look.svg", base).href)])
    .then(() => Promise.all(layouts.map((/** @type {{name: string}} */ { name }) => own(layoutAddress(name)))))
    .then(() => (document.body.dataset.whole = "true"))
    .then(() => card(studio))
    .catch(() => {}); // what is missing is fetched when it is wanted
}

/** @param {string} path @returns {Promise<any>} */
async function json(path) {
  const answer = await fetch(new URL(path, base));
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** Show how much of the model has come, until it is there. @param {Engine} engine @param {Promise<any>} begun */
async function loaded(engine, begun) {
  const bar = element("loading-bar", HTMLProgressElement);
  engine.onprogress = (part) => (bar.value = Math.max(bar.value, part));
  await begun;
  engine.onprogress = () => {};
  element("loading", HTMLElement).hidden = true;
}

/** Where there is a graphics card that draws the same, and faster, it draws. @param {Studio} studio */
async function card({ engine, project, picture }) {
  const request = project.request(256);
  const always = new URLSearchParams(location.search).get("device") === "gpu";
  if (!request) return;
  const found = await engine.ask("card", { request, always });
  const note = element("note", HTMLElement);
  document.body.dataset.device = found.used ? "gpu" : "cpu";
  if (!found.used) return;
  note.textContent = say("onCard");
  engine.onlost = () => {
    note.textContent = "";
    document.body.dataset.device = "cpu";
    tell(say("cardLost"));
  };
  picture.soon();
}

/** Picture and layout beside or above each other, whichever shows more of them. @param {Studio} studio */
function panes({ project }) {
  const box = element("panes", HTMLElement);
  const split = () => {
    const [across, down] = [box.clientWidth, box.clientHeight - FOOT];
    const { width, height } = project.map;
    const rows = Math.min(across / width, (down - FOOT) / 2 / height);
    box.dataset.split = Math.min(across / 2 / width, down / height) > rows ? "columns" : "rows";
  };
  project.addEventListener("map", split);
  new ResizeObserver(split).observe(box);
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
  const looks = () => {
    beyond.checked = project.beyond;
    element("clear-paint", HTMLButtonElement).hidden = !project.painted.size;
  };
  for (const event of ["looks", "mix"]) project.addEventListener(event, looks);
  const counts = () => {
    element("undo", HTMLButtonElement).disabled = !project.history.done.length;
    element("redo", HTMLButtonElement).disabled = !project.history.undone.length;
  };
  project.addEventListener("history", counts);
  counts();
  const under = element("under", HTMLElement);
  painter.oncursor = (at) => {
    const pixel = at && { x: Math.round(at.x), y: Math.round(at.y) };
    under.textContent = pixel && project.map.has(pixel.x, pixel.y) ? `${schema.all[project.map.at(pixel.x, pixel.y)].shown} · ${pixel.x}, ${pixel.y}` : "";
  };
  const view = (/** @type {string} */ name) => {
    document.body.dataset.view = name;
    for (const tab of document.querySelectorAll("[data-tab]"))
      tab.setAttribute("aria-selected", String(/** @type {HTMLElement} */ (tab).dataset.tab === name));
  };
  for (const tab of document.querySelectorAll("[data-tab]"))
    tab.addEventListener("click", () => view(/** @type {HTMLElement} */ (tab).dataset.tab ?? "paint"));
  element("class-chip", HTMLButtonElement).addEventListener("click", () => view("classes"));
  element("class-list", HTMLElement).addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest(".pick")) view("paint"); // on a phone: back to the brush
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
        if (choice === "mix") project.add(look);
        else project.only(look);
      }
      if (choice === "layout" || choice === "both") project.setMap(asMap(labels, width, height));
      tell("");
    };
    dialog("drop", (_, choice) => void attempt(() => use(choice)));
  }
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
  element("loading", HTMLElement).hidden = true;
  tell(say("load", { what: sentence(error) }), "trouble");
});
