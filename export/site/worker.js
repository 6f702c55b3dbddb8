// Runs the network. Told { size, pixels, ... }, it answers with the painting and its slopes.

import * as ort from "./ort.wasm.min.mjs";
import { canvasShape, drawCanvas, meantStrength } from "./canvas.js";
import { NoiseReduction, PaintingAtRest } from "./noise.js";
import { slopesOf } from "./slopes.js";

const MOST_THREADS = 4;  // the small cores of a phone would hold up the large ones
const noise = new NoiseReduction(), rest = new PaintingAtRest();
let session, canvasOfModel, rowLength;

// Without isolation there is no shared memory, and so there are no threads.
function countThreads() {
  return self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;
}

async function open({ model, canvas, row_length }) {
  canvasOfModel = canvas;
  rowLength = row_length;
  ort.env.wasm.wasmPaths = new URL("./", self.location.href).href;
  ort.env.wasm.numThreads = countThreads();
  ort.env.logLevel = "error";
  session = await ort.InferenceSession.create(new URL(model, self.location.href).href, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
  return { threads: ort.env.wasm.numThreads };
}

function withoutAlpha(pixels) {
  const rgb = new Uint8Array(pixels.length / 4 * 3);
  for (let i = 0, at = 0; at < pixels.length; at += 4) {
    rgb[i++] = pixels[at];
    rgb[i++] = pixels[at + 1];
    rgb[i++] = pixels[at + 2];
  }
  return rgb;
}

function withAlpha(rgb) {
  const pixels = new Uint8ClampedArray(rgb.length / 3 * 4);
  for (let i = 0, at = 0; at < pixels.length; at += 4) {
    pixels[at] = rgb[i++];
    pixels[at + 1] = rgb[i++];
    pixels[at + 2] = rgb[i++];
    pixels[at + 3] = 255;
  }
  return pixels;
}

/** Paints RGBA `pixels`; `moves`: whether they are of a film, whose noise is taken out. */
async function paint({ pixels, height, width, style, canvas, seed, moves, enlarged }) {
  const started_ms = performance.now();
  const rgb = withoutAlpha(pixels);
  if (!moves) noise.reset();
  const quiet = moves ? noise.reduce(rgb, height, width) : rgb;
  const inputs = {
    frame: new ort.Tensor("uint8", quiet, [1, height, width, 3]),
    style: new ort.Tensor("float32", style, [1, style.length]),
  };
  if (rowLength) {  // the style from outside, of which there is none here
    const weights = new Float32Array(style.length + 1);
    weights.set(style);
    inputs.style = new ort.Tensor("float32", weights, [1, weights.length]);
    inputs.row = new ort.Tensor("float32", new Float32Array(rowLength), [1, rowLength]);
  }
  if (canvasOfModel) {
    const { cell_px: cell, strengths } = canvasOfModel;
    const drawn = drawCanvas(height, width, cell, seed, meantStrength(style, strengths, canvas));
    inputs.canvas = new ort.Tensor("float32", drawn, [1, 2, ...canvasShape(height, width, cell)]);
  }
  const { stylized } = await session.run(inputs);
  const madeWith = [...style, canvas, seed], gains = moves ? noise.gains : null;
  const painted = Uint8Array.from(stylized.data);  // its memory is the runtime's
  const painting = withAlpha(rest.hold(painted, gains, madeWith, height, width));
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
