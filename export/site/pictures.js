// Pictures of the visitor's as styles: what the predictor is shown of them, as engines/predictor.

const BORDER = 0.04, SHORT_PX = 320, STEP_PX = 16, LONGEST = 2;
const THUMBNAIL = [120, 160];

function drawn(bitmap, [left, top, width, height], [rows, columns]) {
  const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";  // behind what is transparent
  context.fillRect(0, 0, columns, rows);
  context.drawImage(bitmap, left, top, width, height, 0, 0, columns, rows);
  return canvas;
}

/** The part of a picture that is looked at, and the size [height, width] that it is brought to. */
function viewOf({ width, height }) {
  const top = Math.floor(height * BORDER), left = Math.floor(width * BORDER);
  const down = height - 2 * top, across = width - 2 * left;
  const keptDown = Math.min(down, LONGEST * across), keptAcross = Math.min(across, LONGEST * down);
  const factor = SHORT_PX / Math.min(keptDown, keptAcross);
  const fit = (side) => Math.max(1, Math.round(side * factor / STEP_PX)) * STEP_PX;
  const part = [left + (across - keptAcross >> 1), top + (down - keptDown >> 1)];
  return [[...part, keptAcross, keptDown], [fit(keptDown), fit(keptAcross)]];
}

/** A small picture for the list of styles, as an address. */
export function thumbnailOf(bitmap) {
  const [rows, columns] = THUMBNAIL, { width, height } = bitmap;
  const scale = Math.min(width / columns, height / rows);
  const across = scale * columns, down = scale * rows;
  const part = [(width - across) / 2, (height - down) / 2, across, down];
  return new Promise((done) => {
    drawn(bitmap, part, THUMBNAIL).toBlob((blob) => done(URL.createObjectURL(blob)), "image/jpeg");
  });
}

/** Finds rows of pictures, one after the other. `file`: the network that does. */
export class Predictor {
  constructor(file) {
    this.file = file;
    this.last = Promise.resolve();
  }

  rowOf(bitmap) {
    const [part, [height, width]] = viewOf(bitmap);
    const { data } = drawn(bitmap, part, [height, width]).getContext("2d")
      .getImageData(0, 0, width, height);
    const next = this.last.catch(() => {}).then(() => this.ask({ pixels: data, height, width }));
    this.last = next;
    return next;
  }

  ask(told) {
    const address = new URL("./predictor.js", import.meta.url);
    this.worker = this.worker || new Worker(address, { type: "module" });
    return new Promise((done, fail) => {
      this.worker.onmessage = ({ data }) => {
        if (data.row) done(data.row);
        else fail(new Error(data.error));
      };
      this.worker.onerror = (event) => fail(new Error(event.message || "worker"));
      this.worker.postMessage({ file: this.file, ...told });
    });
  }
}
