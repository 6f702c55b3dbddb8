"use strict";
// Styles over time: parts of a film, each in a style from its beginning to the next one's. What
// comes of them is a text, as --style-schedule has it.

const LEAST_PART_S = 0.2, STEP_S = 0.1, LARGE_STEP_S = 1;
const timelines = new Map();  // number of a film -> { parts: [{ at, style, fade, cut }], picked }

function timelineOf(number) { return timelines.get(number) || { parts: [], picked: 0 }; }

/** All of it as stylize_video.py takes it, "" where the film has one style. */
function scheduleOf(number) {
  return timelineOf(number).parts.map(({ at, style, fade, cut }, index) => (
    index ? `${cut ? "cut" : Number(at.toFixed(2))}:${style}/${fade}s` : `0:${style}`)).join(" ");
}

function beginTimes(number, style) {
  timelines.set(number, { parts: [{ at: 0, style, fade: 0, cut: false }], picked: 0 });
  addPart(number);
}

// Half of the part that is picked becomes one of its own, in the style after its own.
function addPart(number) {
  const line = timelineOf(number), part = line.parts[line.picked], next = line.parts[line.picked + 1];
  const until = next ? next.at : upload().duration_s;
  if (until - part.at < 2 * LEAST_PART_S) return notify(say("no_room"));
  const names = studio.styles.map((style) => style.name);
  const style = names[(names.indexOf(part.style) + 1) % names.length];
  line.parts.splice(line.picked + 1, 0, { at: (part.at + until) / 2, style, fade: 1, cut: false });
  pickPart(number, line.picked + 1);
}

function pickPart(number, index) {
  const line = timelineOf(number);
  line.picked = Math.max(0, Math.min(line.parts.length - 1, index));
  wanted.style = line.parts[line.picked].style;
}

function takePart(number) {
  const line = timelineOf(number);
  if (line.parts.length < 2) return;
  line.parts.splice(line.picked, 1);
  Object.assign(line.parts[0], { at: 0, fade: 0, cut: false });
  pickPart(number, Math.max(0, line.picked - 1));
}

/** The strip of styles is for the part that is picked. */
function wishForPart(number) {
  const { parts, picked } = timelineOf(number);
  if (parts.length && wanted.style !== "original") parts[picked].style = wanted.style;
}

function movePart(number, index, at) {
  const { parts } = timelineOf(number);
  if (!index) return;  // what is first begins with the film
  const most = (parts[index + 1] ? parts[index + 1].at : upload().duration_s) - LEAST_PART_S;
  parts[index].at = Math.min(most, Math.max(parts[index - 1].at + LEAST_PART_S, at));
  parts[index].cut = false;
}

function exactly(seconds) { return `${clock(Math.floor(seconds))}.${Math.floor(seconds * 10) % 10}`; }

function drawTimes(one) {
  const { parts, picked } = timelineOf(one.number);
  $("times").hidden = !parts.length;
  $("over-time").hidden = one.is_picture || Boolean(parts.length) || !one.size;
  if (!parts.length) return;
  const items = parts.map((part, index) => ({ part, index }));
  drawList($("track"), items, ({ index }) => String(index), makePart, (element, item) => {
    drawPart(element, item, one);
  });
  const part = parts[picked];
  $("fade-label").hidden = $("part-cut").hidden = !picked;
  $("take-part").disabled = parts.length < 2;
  $("part-fade").value = part.fade;
  const words = part.fade ? `${part.fade} s` : say("no_fade");
  setText($("fade-label").querySelector("output"), words);
  $("part-fade").setAttribute("aria-valuetext", words);
  $("part-cut").setAttribute("aria-pressed", part.cut);
}

function drawPart(element, { part, index }, one) {
  const { parts, picked } = timelineOf(one.number), next = parts[index + 1];
  const until = next ? next.at : one.duration_s, share = (seconds) => 100 * seconds / one.duration_s;
  const { title } = studio.styles.find((style) => style.name === part.style) || { title: part.style };
  element.style.left = `${share(part.at)}%`;
  element.style.width = `${share(until - part.at)}%`;
  const picture = pictures.get(`${one.number}/${part.style}`);
  element.style.backgroundImage = picture ? `url("${picture}")` : "none";
  element.toggleAttribute("data-first", !index);
  element.toggleAttribute("data-cut", part.cut);
  element.setAttribute("aria-current", index === picked);
  element.setAttribute("aria-label", say("part_begins", { title }));
  element.setAttribute("aria-valuemin", 0);
  element.setAttribute("aria-valuemax", one.duration_s.toFixed(1));
  element.setAttribute("aria-valuenow", part.at.toFixed(1));
  const when = part.cut ? say("part_at_cut") : say("part_at", { clock: exactly(part.at) });
  element.setAttribute("aria-valuetext", when);
  const shown = part.cut ? say("cut") : exactly(part.at);
  setText(element.firstChild, `${shown} ${title}`);
}

function makePart({ index }) {
  const element = document.createElement("div");
  element.append(document.createElement("span"));
  element.role = "slider";
  element.tabIndex = 0;
  element.onpointerdown = (event) => {
    const from = event.clientX, { at } = timelineOf(chosen).parts[index];
    pickPart(chosen, index);
    element.setPointerCapture(event.pointerId);
    element.onpointermove = (moved) => {
      const width = $("track").clientWidth;
      if (Math.abs(moved.clientX - from) < 4 && timelineOf(chosen).parts[index].at === at) return;
      movePart(chosen, index, at + (moved.clientX - from) / width * upload().duration_s);
      drawFiles();
    };
    drawFiles();
  };
  element.onpointerup = element.onpointercancel = () => { element.onpointermove = null; };
  element.onfocus = () => { pickPart(chosen, index); drawFiles(); };
  element.onkeydown = (event) => {
    const step = event.shiftKey ? LARGE_STEP_S : STEP_S;
    const by = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step }[event.key];
    if (by) movePart(chosen, index, timelineOf(chosen).parts[index].at + by);
    else if (event.key === "Delete" || event.key === "Backspace") {
      takePart(chosen);
      drawFiles();
      $("track").children[timelineOf(chosen).picked].focus();
    } else return;
    event.preventDefault();
    drawFiles();
  };
  return element;
}

function changeTimes(change) { return () => { change(timelineOf(chosen)); drawFiles(); }; }

$("over-time").onclick = changeTimes(() => beginTimes(
  chosen, wanted.style === "original" ? studio.styles[0].name : wanted.style));
$("add-part").onclick = changeTimes(() => addPart(chosen));
$("take-part").onclick = changeTimes(() => takePart(chosen));
$("one-style").onclick = changeTimes(() => timelines.delete(chosen));
$("part-fade").oninput = changeTimes(({ parts, picked }) => {
  parts[picked].fade = Number($("part-fade").value);
});
$("part-cut").onclick = changeTimes(({ parts, picked }) => {
  parts[picked].cut = !parts[picked].cut;
  if (parts[picked].cut) parts[picked].fade = 0;
});
