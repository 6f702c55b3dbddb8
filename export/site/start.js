// Begins the page. A first visit loads it twice, so nothing else is loaded before that is known.

import { isolate } from "./isolation.js";

await isolate((takeOver) => {
  const update = document.getElementById("update");
  update.hidden = false;
  update.onclick = takeOver;
});
await import("./main.js");
