// Runs the network that finds people.

import * as ort from "./ort.wasm.min.mjs";
import { blurRoom, LOOKED_AT, SteadyPerson } from "./person.js";
import { withoutAlpha } from "./pixels.js";
import { openSession } from "./session.js";

const person = new SteadyPerson();
let session = null;  // of one thread: the painter has the others

// `room`: { pixels, height, width } where what is behind is to be out of focus, or null.
async function find({ file, pixels, begins, room }) {
  session = session || await openSession(file, 1);
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
