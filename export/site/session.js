// Opens a network of the site, in a worker.

import * as ort from "./ort.wasm.min.mjs";

/** The session of the network in `file`, which runs on so many threads. */
export function openSession(file, threads) {
  ort.env.wasm.wasmPaths = new URL("./", self.location.href).href;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const address = new URL(file, self.location.href).href;
  return ort.InferenceSession.create(address, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
}
