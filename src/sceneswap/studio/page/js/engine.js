// @ts-check
// The page's side of the worker. Of drawings only the newest waits: the brush is never behind.

/** @typedef {import("./worker.js").Request} Request */

export class Engine {
  constructor() {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    this.number = 0;
    this.drawing = false;
    this.broken = false; // the model could not be loaded, which has been said
    /** @type {{make: () => Request | null, done: (answer: any) => void, failed: (error: unknown) => void} | null} */
    this.next = null;
    this.onprogress = (/** @type {number} */ _part) => {};
    this.onlost = () => {};
    this.worker.onmessage = ({ data: { number, answer, error, progress, lost } }) => {
      if (progress !== undefined) return this.onprogress(progress);
      if (lost) return this.onlost();
      const one = this.waiting.get(number);
      this.waiting.delete(number);
      if (error !== undefined) one?.reject(new Error(error));
      else one?.resolve(answer);
    };
    this.worker.onerror = (event) => {
      for (const one of this.waiting.values()) one.reject(new Error(event.message || "the worker stopped"));
      this.waiting.clear();
    };
  }

  /** @param {string} action @param {any} given @param {Transferable[]} [transfer] @returns {Promise<any>} */
  ask(action, given, transfer = []) {
    const number = ++this.number;
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { resolve, reject });
      this.worker.postMessage({ number, action, given }, transfer);
    });
  }

  /**
   * Threads only where the page is isolated, as browsers demand.
   * @param {any} model model.json @param {string} device "cpu", "gpu" (even a slower one), or "" for the faster one
   */
  start(model, device) {
    const threads = self.crossOriginIsolated ? Math.max(1, Math.min(4, navigator.hardwareConcurrency || 1)) : 1;
    const begun = this.ask("start", { base: new URL("../", import.meta.url).href, threads, model, device });
    begun.catch(() => (this.broken = true));
    return begun;
  }

  /**
   * Draw soon. A request that has not begun is replaced by the next one; `make` is called only when it begins.
   * @param {() => Request | null} make @param {(answer: any) => void} done @param {(error: unknown) => void} failed
   */
  draw(make, done, failed) {
    this.next = { make, done, failed };
    void this.#go();
  }

  async #go() {
    if (this.drawing) return;
    this.drawing = true;
    while (this.next) {
      const { make, done, failed } = this.next;
      this.next = null;
      try {
        const request = make();
        if (request) done(await this.ask("draw", request));
      } catch (error) {
        if (!this.broken) failed(error);
      }
    }
    this.drawing = false;
  }
}
