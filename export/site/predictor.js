// Runs the network that finds a picture's row: what the style network paints with, to paint like it.

import * as ort from "./ort.wasm.min.mjs";
import { withoutAlpha } from "./pixels.js";
import { openSession } from "./session.js";

let session = null;  // of one thread: the painter has the others

self.onmessage = async ({ data: { file, pixels, height, width } }) => {
  try {
    session = session || await openSession(file, 1);
    const picture = new ort.Tensor("uint8", withoutAlpha(pixels), [1, height, width, 3]);
    const { row } = await session.run({ picture });
    self.postMessage({ row: Float32Array.from(row.data) });
  } catch (error) {
    self.postMessage({ error: String(error && error.message || error) });
  }
};
