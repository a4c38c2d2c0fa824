// @ts-check
// Where does this look come from? The attention of the model on the photographs, per scale, over their pixels.

import { element, make, say, tell } from "./dom.js";
import { resize } from "./resample.js";

/** @param {Float32Array} values @param {number} t */
const quantile = (values, t) => [...values].sort((a, b) => a - b)[Math.floor(t * (values.length - 1))] ?? 0;

export class Trace {
  /** @param {import("./project.js").Project} project @param {import("./engine.js").Engine} engine */
  constructor(project, engine) {
    this.project = project;
    this.engine = engine;
  }

  /** @param {number} x @param {number} y of the map */
  async show(x, y) {
    const request = this.project.request(Infinity);
    if (!request) return;
    const box = element("trace", HTMLDialogElement);
    const list = element("trace-list", HTMLElement);
    list.replaceChildren(make("p", { class: "wait" }, say("drawing")));
    tell("");
    if (!box.open) box.showModal();
    const exemplars = await Promise.all(this.project.looks.map((look) => look.exemplar()));
    const { answers } = await this.engine.ask("trace", { request, x, y, exemplars });
    if (!answers.length) {
      box.close();
      tell(say("traceNone"), "trouble");
      return;
    }
    const name = this.project.schema.all[this.project.map.at(x, y)].shown;
    element("trace-class", HTMLElement).textContent = `${name} · ${x}, ${y}`;
    list.replaceChildren(...answers.map((/** @type {any} */ answer) => this.#look(answer, exemplars[answer.look])));
    list.dataset.done = String(answers.length);
  }

  /** @param {{look: number, heat: {width: number, height: number, values: Float32Array}[]}} answer @param {any} exemplar */
  #look({ look, heat }, exemplar) {
    const canvas = /** @type {HTMLCanvasElement} */ (make("canvas", { role: "img", "aria-label": say("traceTitle") }));
    const scales = make("div", { class: "scales", role: "group" });
    const buttons = [say("traceAll"), ...heat.map((_, i) => String(i + 1))].map((label, i) => {
      const name = i ? say("traceScale", { n: i, count: heat.length }) : label;
      const button = make("button", { type: "button", "aria-pressed": String(i === 0), "aria-label": name, title: name }, label);
      button.addEventListener("click", () => {
        buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
        paint(canvas, exemplar.photo, i === 0 ? heat : [heat[i - 1]]);
      });
      return button;
    });
    scales.append(...buttons);
    paint(canvas, exemplar.photo, heat);
    return make("figure", {}, make("figcaption", {}, this.project.looks[look].title), canvas, scales);
  }
}

/** The photograph, dim where it gave nothing. @param {HTMLCanvasElement} canvas @param {import("./worker.js").Photo} photo @param {{width: number, height: number, values: Float32Array}[]} heat */
function paint(canvas, photo, heat) {
  const { width, height, rgb } = photo;
  canvas.width = width;
  canvas.height = height;
  const sum = new Float32Array(width * height);
  for (const one of heat) {
    const top = quantile(one.values, 0.995) || Math.max(...one.values.slice(0, 65536)) || 1;
    const smooth = resize(one.values, one.width, one.height, 1, width, height, "bilinear");
    for (let i = 0; i < sum.length; i++) sum[i] += Math.min(1, smooth[i] / top) / heat.length;
  }
  const image = new ImageData(width, height);
  for (let i = 0; i < sum.length; i++) {
    const light = 0.18 + 0.82 * Math.sqrt(sum[i]);
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = rgb[3 * i + c] * light + [40, 12, 0][c] * sum[i];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}
