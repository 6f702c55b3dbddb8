// Runs the network that finds people.

import * as ort from "./ort.wasm.min.mjs";
import { blurRoom, LOOKED_AT, SteadyPerson } from "./person.js";
import { withoutAlpha } from "./pixels.js";

const person = new SteadyPerson();
let session = null;

async function open(file) {
  ort.env.wasm.wasmPaths = new URL("./", self.location.href).href;
  ort.env.wasm.numThreads = 1;  // the painter has the others
  ort.env.logLevel = "error";
  const address = new URL(file, self.location.href).href;
  return ort.InferenceSession.create(address, { executionProviders: ["wasm"] });
}

// `room`: { pixels, height, width } where what is behind is to be out of focus, or null.
async function find({ file, pixels, begins, room }) {
  session = session || await open(file);
  if (begins) person.reset();
  const [input] = session.inputNames, [output] = session.outputNames;
  const picture = Float32Array.from(withoutAlpha(pixels), (level) => level / 255);
  const answer = await session.run({
    [input]: new ort.Tensor("float32", picture, [1, ...LOOKED_AT, 3]),
  });
  const lines = person.linesOf(pixels, Float32Array.from(answer[output].data));
  return { lines, ...(room && blurRoom(room.pixels, room.height, room.width, lines)) };
}

self.onmessage = async ({ data }) => {
  try {
    self.postMessage(await find(data));
  } catch (error) {
    self.postMessage({ error: String(error && error.message || error) });
  }
};
