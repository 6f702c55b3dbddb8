// Runs the network. Told { size, pixels, ... }, it answers with the painting and its slopes.

import * as ort from "./ort.wasm.min.mjs";
import { styleOf } from "./look.js";
import { canvasShape, drawCanvas, meantStrength } from "./canvas.js";
import { NoiseReduction, PaintingAtRest } from "./noise.js";
import { withAlpha, withoutAlpha } from "./pixels.js";
import { openSession } from "./session.js";
import { slopesOf } from "./slopes.js";
import { LastPainting } from "./steadiness.js";

const MOST_THREADS = 4;  // the small cores of a phone would hold up the large ones
const noise = new NoiseReduction(), rest = new PaintingAtRest(), last = new LastPainting();
let session, canvasOfModel, rowLength;

// Without isolation there is no shared memory, and so there are no threads.
function countThreads() {
  return self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;
}

async function open({ model, canvas, row_length }) {
  canvasOfModel = canvas;
  rowLength = row_length;
  session = await openSession(model, countThreads());
  return { threads: ort.env.wasm.numThreads };
}

/** Paints RGBA `pixels`; `moves`: whether they are of a film, whose noise is taken out. */
async function paint(told) {
  const { pixels, height, width, mix, outside, canvas, seed, view, steady, moves, enlarged } = told;
  const started_ms = performance.now(), style = styleOf(mix, outside, rowLength);
  const rgb = withoutAlpha(pixels);
  if (!moves) noise.reset();
  const quiet = moves ? noise.reduce(rgb, height, width) : rgb;
  const inputs = {
    frame: new ort.Tensor("uint8", quiet, [1, height, width, 3]),
    style: new ort.Tensor("float32", style, [1, style.length]),
  };
  if (rowLength) {
    const row = outside ? outside.row : new Float32Array(rowLength);
    inputs.row = new ort.Tensor("float32", row, [1, rowLength]);
  }
  if (canvasOfModel) {
    const { cell_px: cell, strengths } = canvasOfModel;
    const strength = meantStrength(style, strengths, canvas);
    const drawn = drawCanvas(height, width, cell, seed, strength, view);
    inputs.canvas = new ort.Tensor("float32", drawn, [1, 2, ...canvasShape(height, width, cell)]);
  }
  const { stylized } = await session.run(inputs);
  const madeWith = [...mix, canvas, seed], gains = moves ? noise.gains : null;
  const painted = Uint8Array.from(stylized.data);  // its memory is the runtime's
  const held = last.hold(painted, steady, height, width);
  const painting = withAlpha(rest.hold(held, gains, madeWith, height, width));
  stylized.dispose();
  const slopes = enlarged ? slopesOf(pixels, painting, height, width) : null;
  return { pixels, painting, slopes, height, width, took_ms: performance.now() - started_ms };
}

const TASKS = { open, paint };

self.onmessage = async ({ data: { task, id, ...told } }) => {
  try {
    const answer = await TASKS[task](told);
    const moved = [answer.pixels, answer.painting, answer.slopes].filter(Boolean);
    self.postMessage({ id, answer }, moved.map((array) => array.buffer));
  } catch (error) {
    self.postMessage({ id, error: String(error && error.message || error) });
  }
};
