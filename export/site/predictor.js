// Runs the network that finds a picture's row: what the style network paints with, to paint like it.

import * as ort from "./ort.wasm.min.mjs";
import { withoutAlpha } from "./pixels.js";

let session = null;

async function open(file) {
  ort.env.wasm.wasmPaths = new URL("./", self.location.href).href;
  ort.env.wasm.numThreads = 1;  // the painter has the others
  ort.env.logLevel = "error";
  const address = new URL(file, self.location.href).href;
  return ort.InferenceSession.create(address, { executionProviders: ["wasm"] });
}

self.onmessage = async ({ data: { file, pixels, height, width } }) => {
  try {
    session = session || await open(file);
    const picture = new ort.Tensor("uint8", withoutAlpha(pixels), [1, height, width, 3]);
    const { row } = await session.run({ picture });
    self.postMessage({ row: Float32Array.from(row.data) });
  } catch (error) {
    self.postMessage({ error: String(error && error.message || error) });
  }
};
