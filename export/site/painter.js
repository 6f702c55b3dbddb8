// Has frames painted by the worker, one at a time, the newest first, as large as this device can.

import { outsideOf } from "./look.js";
import { linesFor, networkSize } from "./state.js";

const LEVELS = [480, 400, 330, 270, 220, 180, 150, 120];  // lines of the network
/** The size [height, width] of the pictures that painters are tried on. */
export const TRIAL = [180, 320];
const SLOW_MS = 1000 / 12;  // of a frame; slower than this the size goes down
const GOOD_MS = 1000 / 16;  // what a new size is predicted to take at most
const DOWN_FRAMES = 12, UP_FRAMES = 90;  // for so many frames it must be so
const FIRST_FRAMES = 4;  // of which the quickest tells the size, where nothing was tried before
const RELAPSE_MS = 15000;  // a larger size that was left so soon is not tried again

/** The number of lines that this device paints in time. Decides; paints nothing. */
export class Quality {
  constructor() {
    Object.assign(this, { step: LEVELS.length - 1, most: 0, up_ms: 0, first_ms: [] });
    this.begin();
  }

  get lines() { return LEVELS[this.step]; }

  get isBest() { return this.step === 0; }

  begin() { Object.assign(this, { slow: 0, quick: 0 }); }

  /** Takes the largest size that is predicted to be in time, where `lines` took `took_ms`. */
  choose(lines, took_ms) {
    this.first_ms = null;
    const fits = (other) => took_ms * (other / lines) ** 2 <= GOOD_MS;
    const found = LEVELS.findIndex(fits);
    this.step = Math.max(found < 0 ? LEVELS.length - 1 : found, this.most);
    this.begin();
  }

  /**
   * Learns that a frame took `took_ms`; returns whether the size has changed. Finer strokes than
   * usual are the visitor's own wish.
   */
  note(whole_ms, brush, now_ms = performance.now()) {
    const took_ms = whole_ms * Math.min(1, brush * brush);
    if (this.first_ms) return this.noteFirst(took_ms);
    this.slow = took_ms > SLOW_MS ? this.slow + 1 : Math.max(0, this.slow - 1);
    const growth = this.step ? (LEVELS[this.step - 1] / this.lines) ** 2 : Infinity;
    this.quick = took_ms * growth < GOOD_MS ? this.quick + 1 : Math.max(0, this.quick - 2);
    if (this.slow >= DOWN_FRAMES && this.step < LEVELS.length - 1) {
      if (now_ms - this.up_ms < RELAPSE_MS) this.most = this.step + 1;
      this.step += 1;
    } else if (this.quick >= UP_FRAMES && this.step > this.most) {
      this.step -= 1;
      this.up_ms = now_ms;
    } else return false;
    this.begin();
    return true;
  }

  noteFirst(took_ms) {
    this.first_ms.push(took_ms);
    if (this.first_ms.length < FIRST_FRAMES) return false;
    const { lines } = this;
    this.choose(lines, Math.min(...this.first_ms));
    return this.lines !== lines;
  }

  /** Goes down a step for good; false where there is none. */
  shrink() {
    if (this.step === LEVELS.length - 1) return false;
    this.most = this.step += 1;
    this.begin();
    return true;
  }
}

/** How a frame of `source` is painted with a look, where `lines` are what the device can. */
export function planOf(source, { vector, rows, brush }, lines) {
  const [height, width] = source.size;
  const wanted = linesFor(brush, source.isLive ? lines : undefined);
  const [down, across] = networkSize(height, width, wanted);
  const rest = 1 - vector[0], mix = vector.map((weight, i) => (i ? weight / rest : 0));
  const enlarged = down < height || across < width;
  return { height: down, width: across, mix, outside: outsideOf(mix, rows), enlarged };
}

/** Talks to the worker, which paints on the processor. */
export class Painter {
  constructor() {
    this.quality = new Quality();
    this.busy = false;
    this.small = document.createElement("canvas");
    this.context = this.small.getContext("2d", { willReadFrequently: true });
    this.context.imageSmoothingQuality = "medium";
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.waiting = new Map();
    this.count = 0;
    this.worker.onmessage = ({ data }) => this.settle(data.id, data);
    this.worker.onerror = (event) => {
      for (const id of this.waiting.keys()) this.settle(id, { error: event.message || "worker" });
    };
  }

  /** The word for it, and what that holds. */
  get words() {
    if (this.threads > 1) return ["threads", { count: this.threads }];
    return [self.crossOriginIsolated ? "one_thread" : "no_isolation"];
  }

  settle(id, { answer, error }) {
    const { done, fail } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) done(answer);
    else {
      const name = isMemory(error) ? "NoMemory" : "NoPainter";
      fail(Object.assign(new Error(error), { name }));
    }
  }

  ask(task, told, moved = []) {
    const id = this.count++;
    return new Promise((done, fail) => {
      this.waiting.set(id, { done, fail });
      this.worker.postMessage({ task, id, ...told }, moved);
    });
  }

  async open(table) {
    const { model, canvas, row_length } = table;
    const { threads } = await this.ask("open", { model, canvas, row_length });
    this.threads = threads;
  }

  /** Finds out by trial how large this device can paint. Without one, the first frames tell. */
  async try(table) {
    const [height, width] = TRIAL, mix = new Float32Array(table.styles.length);
    mix[1] = 1;
    for (let run = 0; run < 2; run++) {  // the first run also sets up
      const pixels = new Uint8ClampedArray(4 * height * width);
      const told = { pixels, height, width, mix, canvas: 1, seed: 1, moves: false };
      const answer = await this.ask("paint", { ...told, enlarged: true }, [pixels.buffer]);
      this.trial_ms = answer.took_ms;
    }
    this.quality.choose(height, this.trial_ms);
  }

  /** Paints `source`, a film's or a picture's frame, with the `look` at this moment. */
  async paint(source, look) {
    const plan = planOf(source, look, this.quality.lines), { height, width } = plan;
    if (this.small.height !== height || this.small.width !== width) {
      Object.assign(this.small, { height, width });
      this.context.imageSmoothingQuality = "medium";
    }
    this.context.drawImage(source.frame, 0, 0, width, height);
    const pixels = this.context.getImageData(0, 0, width, height).data;
    const { canvas, seed, view, steady } = look;
    const told = { ...plan, pixels, canvas, seed, view, steady };
    return this.ask("paint", { ...told, moves: source.moves }, [pixels.buffer]);
  }

  close() { this.worker.terminate(); }
}

function isMemory(error) { return /memory|allocat|RangeError/i.test(error); }
