// @ts-check
// Small things of the page: elements, words, messages, dialogs.

import { say, words } from "./strings.js";
import { sentence } from "./trouble.js";

/** @template {HTMLElement} T @param {string} id @param {new () => T} kind @returns {T} */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`no ${id}`);
  return found;
}

/** @param {string} tag @param {Record<string, string>} [attributes] @param {(Node | string)[]} children @returns {HTMLElement} */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** @param {string} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button with an icon, named for everybody. @param {string} name @param {string} label @param {() => void} act */
export function iconButton(name, label, act) {
  const button = /** @type {HTMLButtonElement} */ (make("button", { type: "button", class: "icon", "aria-label": label, title: label }, icon(name)));
  button.addEventListener("click", act);
  return button;
}

/** Fill in the words of the page. */
export function fillWords() {
  const known = /** @type {Record<string, string>} */ (words);
  for (const one of document.querySelectorAll("[data-t]")) one.textContent = known[/** @type {HTMLElement} */ (one).dataset.t ?? ""];
  for (const one of document.querySelectorAll("[data-label]")) {
    const text = known[/** @type {HTMLElement} */ (one).dataset.label ?? ""];
    one.setAttribute("aria-label", text);
    if (one.matches("button, label, a")) one.setAttribute("title", text);
    if (one instanceof HTMLInputElement && one.type === "search") one.placeholder = text;
  }
  for (const one of document.querySelectorAll("[data-title]"))
    one.setAttribute("title", known[/** @type {HTMLElement} */ (one).dataset.title ?? ""]);
}

let clearing = 0;
/** One sentence for everybody, screen readers too. @param {string} text @param {"plain" | "trouble"} [kind] */
export function tell(text, kind = "plain") {
  const box = element("message", HTMLElement);
  box.textContent = text;
  box.dataset.kind = kind;
  box.hidden = !text;
  box.onclick = () => (box.hidden = true);
  clearTimeout(clearing);
  if (kind === "plain") clearing = window.setTimeout(() => (box.hidden = true), 5000);
}

/** Do it, and say in a sentence what went wrong. @param {() => Promise<void> | void} act */
export async function attempt(act) {
  try {
    await act();
  } catch (error) {
    tell(sentence(error), "trouble");
  }
}

/** @param {string} id @param {(data: FormData, choice: string) => void} [done] */
export function dialog(id, done) {
  const box = element(id, HTMLDialogElement);
  box.returnValue = "";
  box.onclose = () => {
    const form = box.querySelector("form");
    if (box.returnValue && box.returnValue !== "cancel" && form) done?.(new FormData(form), box.returnValue);
  };
  box.showModal();
  return box;
}

export { say };
