// Finds people beside the painting: the newest frame, as soon as the last one was looked at.

import { LOOKED_AT, roomSize } from "./person.js";

function makeCanvas() {
  return document.createElement("canvas").getContext("2d", { willReadFrequently: true });
}

export class People {
  /** `file`: the network; `onFound` is called after each frame, `onFail` with an Error. */
  constructor(file, onFound, onFail) {
    Object.assign(this, { file, onFound, onFail, mask: null, begins: true });
    this.small = makeCanvas();
    this.room = makeCanvas();
    this.worker = new Worker(new URL("./finder.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.settle(data);
    this.worker.onerror = (event) => this.settle({ error: event.message || "worker" });
  }

  /** Forgets who was found: another source begins. */
  reset() { Object.assign(this, { mask: null, begins: true, next: null }); }

  /** Looks at the frame of `source` at this moment; `blurs`: and puts its room out of focus. */
  look(source, blurs) {
    if (this.isBusy) {
      this.next = [source, blurs];
      return;
    }
    const [height, width] = source.size;
    Object.assign(this, { isBusy: true, next: null });
    const { pixels } = this.read(this.small, source, LOOKED_AT);
    const room = blurs ? this.read(this.room, source, roomSize(height, width)) : null;
    const moved = [pixels, room?.pixels].filter(Boolean).map((array) => array.buffer);
    this.worker.postMessage({ file: this.file, pixels, begins: this.begins, room }, moved);
    this.begins = false;
  }

  read(context, { frame }, [height, width]) {
    const { canvas } = context;
    if (canvas.height !== height || canvas.width !== width) {
      Object.assign(canvas, { height, width });
    }
    context.imageSmoothingQuality = "medium";
    context.drawImage(frame, 0, 0, width, height);
    return { pixels: context.getImageData(0, 0, width, height).data, height, width };
  }

  settle(found) {
    const { next } = this;
    this.isBusy = false;
    if (found.error !== undefined) {
      this.close();
      this.onFail(new Error(found.error));
      return;
    }
    if (!this.begins) this.mask = found;  // else it is of a source that is gone
    if (next && next[0].size[0]) this.look(...next);  // it may be closed by now
    this.onFound();
  }

  close() { this.worker.terminate(); }
}
