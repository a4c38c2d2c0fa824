// @ts-check
// An animation from one look to another and back, at the layout's own size.

import { normalised } from "./mixing.js";
import { Trouble } from "./trouble.js";
import { animation } from "./webp.js";

const FRAMES = 12;
const SIDE = 384;
const MILLISECONDS = 90;

/** @param {{project: import("./project.js").Project, engine: import("./engine.js").Engine}} studio */
export async function strip({ project, engine }) {
  if (project.looks.length < 2) throw new Trouble("twoLooks");
  const frames = [];
  let [width, height] = [0, 0];
  for (let i = 0; i <= FRAMES; i++) {
    const request = project.request(SIDE);
    if (!request) throw new Trouble("twoLooks");
    const weights = request.looks.map((_, j) => (j === 0 ? 1 - i / FRAMES : j === 1 ? i / FRAMES : 0));
    const answer = await engine.ask("draw", { ...request, weights: normalised(weights), maps: null });
    ({ width, height } = answer);
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d")?.putImageData(new ImageData(answer.rgba, width, height), 0, 0);
    frames.push(await canvas.convertToBlob({ type: "image/webp", quality: 0.9 }));
  }
  return animation([...frames, ...frames.slice(1, -1).reverse()], width, height, MILLISECONDS);
}
