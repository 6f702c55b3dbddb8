// The page: opens what is painted, has it painted, shows it, and listens to keys and controls.

import { STILL } from "./canvas.js";
import { choosePainter } from "./choose.js";
import { behindWord, buildControls, drawControls } from "./controls.js";
import { GpuShow } from "./gpushow.js";
import { keepAll } from "./isolation.js";
import { clipKind, Recording, saveSnapshot } from "./keep.js";
import { keyName } from "./keys.js";
import { Camera } from "./motion.js";
import { Painter } from "./painter.js";
import { People } from "./people.js";
import { Predictor, thumbnailOf } from "./pictures.js";
import { Show } from "./show.js";
import { listCameras, openCamera, openFile } from "./sources.js";
import { State } from "./state.js";
import { Steadiness } from "./steadiness.js";
import { fillWords, loadWords, recall, remember, say, turnLanguage } from "./words.js";

const $ = (id) => document.getElementById(id);
const LOCAL = {  // commands that change no state
  snapshot: takeSnapshot, record: toggleRecording, fullscreen: toggleFullscreen, grab: grabStyle,
};
const DEGREES = new Set(["strength", "canvas", "stability"]);  // said in hundredths
const FIGURES_MS = 500, ADDRESS_MS = 300, TOAST_MS = 1800, READ_MS = 50;  // READ_MS: a letter
const KEEP_MS = 10000, KEEP_SOON_MS = 3000, MOST_TRIALS = 10;

let state, show, painter, predictor = null, people = null, ready = false, why = null;
let source = null, frozen = null;  // what is painted; the frame that was held fast
let fresh = false, busy = false, shown = { share: 0 };
let recording = null, wakeLock = null, wasHidden = false;
let toastTimer = 0, addressTimer = 0, keepTimer = 0, turned_ms = 0;
const camera = new Camera();  // where it has gone, and the canvas with it
const steadiness = new Steadiness();
const painted_ms = [];  // when the last frames were shown

// ---- what is said ----

function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.add("shown");
  clearTimeout(toastTimer);
  const shown_ms = Math.max(TOAST_MS, READ_MS * text.length);
  toastTimer = setTimeout(() => $("toast").classList.remove("shown"), shown_ms);
}

/** Puts a sentence on the stage: what is wrong, and what to do. */
function showProblem(error) {
  const known = { OverconstrainedError: "NotFoundError", AbortError: "NotReadableError" };
  const name = known[error.name] || error.name || "Other";
  const reason = String(error.message || error).replace(/\.$/, "").slice(0, 200);
  let text;
  try { text = say(`error_${name}`, { reason }); } catch { text = say("error_Other", { reason }); }
  showStart(text, "problem");
}

/** The stage before there is a picture: "problem", "loading" or "choice". */
function showStart(text, is = "choice") {
  const isLoading = is === "loading";
  $("start").hidden = false;
  $("start").className = isLoading ? "loading" : "";
  $("stage").classList.toggle("empty", !source);
  $("problem").textContent = text;
  $("begin").hidden = $("open").hidden = $("promise").hidden = isLoading;
}

function sayCommand({ name, value }) {
  if (name === "compare") return toast(say(`said_compare_${state.compare}`));
  if (name === "paint") return toast(say(`paint_${state.paint}`));
  if (name === "behind") return toast(say(`behind_${behindWord(state)}`));
  if (name === "blend" && state.blend) return toast(say("said_blend"));
  if (name.startsWith("bank_")) {
    return toast(say("said_bank", { bank: state.bank + 1, banks: state.banks }));
  }
  if (typeof state[name] === "boolean" && name !== "hud" && name !== "help") {
    return toast(say(state[name] ? "said_on" : "said_off", { name: say(name) }));
  }
  if (typeof value === "number" && DEGREES.has(name)) {
    return toast(say("said_percent", { name: say(name), value: Math.round(100 * state[name]) }));
  }
  if (typeof value === "number" && name in state && name !== "divider") {
    return toast(say("said_number", { name: say(name), value: Number(state[name].toFixed(2)) }));
  }
  const labels = new Map(state.table.styles.map((style) => [style.name, style.label]));
  if (["slot", "style", "original", "next", "previous"].includes(name)) {
    const name_of = (style) => (style === "original" ? say("original") : labels.get(style));
    toast(state.chosen.map(name_of).join(" + "));
  }
}

// ---- painting ----

function wake(from) {
  from.whenNext(() => {
    if (from !== source) return;
    fresh = true;
    paintNext();
    wake(from);
  });
}

async function paintNext() {
  const from = frozen || source;
  if (busy || !fresh || !from || !from.size[0]) return;
  fresh = false;
  busy = true;
  const began_ms = performance.now(), { vector, parts } = state.lookAt(began_ms);
  let painted = null;
  try {
    show.take(from);
    if (findsPeople(parts)) lookForPeople(from, parts);
    const { brush, canvas, seed, rows } = state, isPainted = ready && vector[0] < 1;
    const look = { vector, rows, brush, canvas, seed, ...follow(from, isPainted) };
    if (isPainted) painted = await painter.paint(from, look);
  } catch (error) {
    busy = false;
    return onPaintError(error);
  }
  busy = false;
  if (from !== (frozen || source)) return;
  show.put(painted);
  shown = { share: vector[0], parts, painted, took_ms: 0 };
  if (state.fades || (!from.moves && Boolean(painted) !== (ready && vector[0] < 1))) fresh = true;
  paintNext();  // the worker goes on while this frame is drawn
  redraw();
  if (painted) $("stage").dataset.frames = Number($("stage").dataset.frames || 0) + 1;
  if (painted && keepTimer) keepSoon();
  if (painted) notePainting(from, performance.now() - began_ms);
}

function findsPeople([person, behind, cover]) { return person < 1 || behind < 1 || cover > 0; }

function lookForPeople(from, parts) {
  if (!people) {
    people = new People(state.table.people, () => { if (!(frozen || source)?.moves) redraw(); },
      onNoPeople);
    toast(say("said_people"));
  }
  people.look(from, parts[2] > 0 && !state.coverColor[3]);
}

// Until people are found, all is painted.
function onNoPeople(error) {
  people = null;
  state.paintAll();
  toast(say("error_NoPeople", { reason: error.message }));
}

// What `draw` takes where people were found and are painted otherwise, or null.
function maskedBy(parts) {
  const mask = people?.mask, cover = state.coverColor;
  if (!mask || !parts || !findsPeople(parts)) return null;
  const isReady = cover[3] || mask.room;
  return { mask, cover, parts: [parts[0], parts[1], isReady ? parts[2] : 0] };
}

// The camera is followed while the original is shown, too; what stands still is not steadied.
function follow(from, isPainted) {
  const { stability, canvas, table } = state, isSteadied = isPainted && from.moves && stability > 0;
  const hasCanvas = table.canvas && canvas > 0;
  const view = hasCanvas || isSteadied ? camera.follow(from) : STILL;
  if (!isSteadied) steadiness.reset();
  const steady = isSteadied ? steadiness.follow(camera.copy, view, stability) : null;
  return { view: hasCanvas ? view : STILL, steady };
}

// What is needed for later does not hold up the first picture.
function keepSoon() {
  clearTimeout(keepTimer);
  keepTimer = 0;
  setTimeout(keepAll, KEEP_SOON_MS);
}

function notePainting(from, took_ms) {
  shown.took_ms = took_ms;
  painted_ms.push(performance.now());
  if (painted_ms.length > 30) painted_ms.shift();
  if (from.moves && painter.quality.note(took_ms, state.brush)) painted_ms.length = 0;
}

function onPaintError(error) {
  if (error.name === "CardLost") return;  // another painter is on its way
  if (error.name === "NoMemory" && painter.quality.shrink()) {
    toast(say("said_smaller"));
    fresh = true;
    return paintNext();
  }
  if (error.name !== "InvalidStateError") closeSource();  // a film that is between two frames
  if (error.name !== "InvalidStateError") showProblem(error);
}

function redraw() {
  const { keep_color: keepColor, mirror, compare, divider } = state;
  const masked = maskedBy(shown.parts);
  show.draw({ share: shown.share, keepColor, mirror, compare, divider, masked });
}

function showFigures() {
  const { painted, took_ms } = shown;
  const isShown = state.hud && $("start").hidden && Boolean(painted) && Boolean(source);
  $("figures").hidden = !isShown;
  if (!isShown) return;
  const size = `${painted.width}x${painted.height}`, latency = Math.round(took_ms);
  if (!source.isLive || frozen) $("figures").textContent = say("still_figures", { size, latency });
  else {
    const span_ms = performance.now() - painted_ms[0];
    const fps = (painted_ms.length > 1 ? 1000 * (painted_ms.length - 1) / span_ms : 0).toFixed(1);
    const figures = { fps, latency, size, painter: say(...painter.words) };
    $("figures").textContent = say("figures", figures);
  }
}

// ---- what is painted ----

function closeSource() {
  stopRecording();
  if (frozen) frozen.stop();
  if (source) source.stop();
  source = frozen = null;
  state.freeze = false;
  $("end").hidden = $("turn").hidden = true;
  $("camera").hidden = false;
  if (wakeLock) wakeLock.release();
  wakeLock = null;
  drawControls(state);
}

function takeSource(opened) {
  closeSource();
  source = opened;
  camera.reset();
  steadiness.reset();
  if (people) people.reset();
  painted_ms.length = 0;
  state.mirror = opened.isCamera && !opened.facesAway;
  drawControls(state);
  $("end").hidden = false;
  $("camera").hidden = opened.isCamera;
  $("start").hidden = ready;
  $("stage").classList.remove("empty");
  $("stage").style.backgroundImage = "none";
  if (!ready) showStart(say("loading"), "loading");
  fresh = true;
  paintNext();
  wake(source);
  stayAwake();
}

async function startCamera(deviceId) {
  showStart(say("asking"), "loading");
  try {
    if (source && source.isCamera) closeSource();  // phones open one camera at a time
    takeSource(await openCamera(deviceId, () => {
      closeSource();
      showProblem({ name: "CameraGone" });
    }));
    $("turn").hidden = (await listCameras()).length < 2;
  } catch (error) {
    showProblem(error);
  }
}

async function turnCamera() {
  const cameras = await listCameras();
  await startCamera(cameras[(cameras.indexOf(source.opened) + 1) % cameras.length]);
}

async function startFile(file) {
  if (!file) return;
  try {
    takeSource(await openFile(file, show.mostSide));
  } catch (error) {
    if (!source) showProblem(error);
    else toast(say("error_UnknownFile"));
  }
}

function end() {
  closeSource();
  showStart("");
  showSample();
}

// Before there is a picture of the visitor's, one in the style that is chosen.
function showSample() {
  if (!source) $("stage").style.backgroundImage = `url(${state.thumbnailOf(state.chosen[0])})`;
}

// A picture becomes a style: a file of the visitor's, or what the camera sees.
async function addStyle(read, label) {
  if (!state.table.predictor) return toast(say("said_no_pictures"));
  predictor = predictor || new Predictor(state.table.predictor);
  toast(say("said_looking"));
  try {
    const bitmap = await read(), row = await predictor.rowOf(bitmap);
    state.addPicture(label, row, await thumbnailOf(bitmap));
    await buildControls(state);
    $("styles").lastElementChild.scrollIntoView({ block: "nearest", inline: "nearest" });
  } catch (error) {
    const isFile = error.name === "InvalidStateError" || error.name === "EncodingError";
    toast(say(isFile ? "error_UnknownFile" : "error_NoStyle", { reason: error.message }));
  }
}

function addStyleFile(file) {
  if (file) addStyle(() => createImageBitmap(file), file.name.replace(/\.\w+$/, ""));
}

function grabStyle() {
  const from = frozen || source;
  if (!from) return toast(say("said_nothing_shown"));
  return addStyle(() => createImageBitmap(from.frame), say("my_picture"));
}

async function freeze() {
  if (!source || !source.moves) state.freeze = false;
  else if (state.freeze && !frozen) frozen = await source.freeze();
  else if (frozen) {
    frozen.stop();
    frozen = null;
  }
  drawControls(state);
  fresh = true;
  paintNext();
}

async function stayAwake() {
  if (!navigator.wakeLock || !source || !source.isLive || document.hidden) return;
  wakeLock = await navigator.wakeLock.request("screen").catch(() => null);
}

// ---- what is kept ----

function takeSnapshot() {
  if (!source) return toast(say("said_nothing"));
  redraw();
  saveSnapshot($("picture"), state.chosen).then(() => toast(say("said_saved")));
}

function toggleRecording() {
  if (recording) return stopRecording();
  if (!source) return toast(say("said_nothing"));
  if (!clipKind() || !$("picture").captureStream) return toast(say("said_no_recording"));
  recording = new Recording($("picture"), source.soundTracks(), state.chosen, (isSaved) => {
    recording = null;
    showRecording();
    toast(say(isSaved ? "said_saved" : "said_nothing"));
  });
  showRecording();
}

function stopRecording() { if (recording) recording.stop(); }

function showRecording() {
  $("record").setAttribute("aria-pressed", Boolean(recording));
  const clock = recording && recording.clock;
  $("record").textContent = recording ? say("recording", { clock }) : say("record");
}

// ---- the window ----

function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if ($("stage").requestFullscreen) $("stage").requestFullscreen().catch(() => fill());
  else fill();
}

// For telephones that show nothing but films in full screen.
function fill() {
  document.body.classList.toggle("filled");
  if (document.body.classList.contains("filled")) toast(say("leave_full"));
}

function onKey(event) {
  const isOther = event.ctrlKey || event.metaKey || event.altKey || !$("keys_on").checked;
  if (event.code === "Escape") return leave();
  if (isOther || event.target.tagName === "INPUT") return;
  const [command, value] = state.table.keys[keyName(event)] || [];
  const pressesButton = event.target.tagName === "BUTTON" && event.code === "Space";
  if (!command || pressesButton) return;
  event.preventDefault();
  if (!event.repeat || typeof state[command] !== "boolean") perform(command, value);
}

function leave() {
  if (state.help) perform("help");
  else if (document.body.classList.contains("filled") && !state.clean) fill();
}

function perform(command, value = null) {
  if (LOCAL[command]) LOCAL[command]();
  else state.perform(command, value);
}

function onCommand({ detail }) {
  sayCommand(detail);
  if (detail.name === "freeze") freeze();
  if (detail.name === "hud") remember("hud", state.hud ? "on" : "off");
  if (detail.name === "auto" || detail.name === "style") turned_ms = performance.now();
  $("card").hidden = !state.help;
  $("help").setAttribute("aria-expanded", state.help);
  drawControls(state);
  showFigures();
  showSample();
  fresh = true;
  paintNext();
  redraw();
  clearTimeout(addressTimer);
  addressTimer = setTimeout(() => history.replaceState(null, "", state.address()), ADDRESS_MS);
}

function turnStyles() {
  if (!state.auto || document.hidden) return;
  if (performance.now() - turned_ms < 1000 * state.auto_period) return;
  turned_ms = performance.now();
  state.perform("next");
}

function onVisibility() {
  if (!document.hidden && wasHidden && source && source.isLive) toast(say("said_hidden"));
  wasHidden = document.hidden;
  if (!document.hidden) stayAwake();
}

function pullDivider(event) {
  if (!event.buttons || state.compare !== "split" || event.target.tagName === "BUTTON") return;
  const box = $("stage").getBoundingClientRect(), { width, height } = $("picture");
  const shownWidth = Math.min(box.width, box.height * width / height);  // the rest is a margin
  const left = box.left + (box.width - shownWidth) / 2;
  state.perform("divider", (event.clientX - left) / shownWidth);
}

function listen() {
  const press = (id, act) => { $(id).onclick = act; };
  press("begin", () => startCamera());
  press("camera", () => startCamera());
  press("open", () => $("file").click());
  press("more", () => $("file").click());
  $("style_file").onchange = () => {
    addStyleFile($("style_file").files[0]);
    $("style_file").value = "";
  };
  press("turn", turnCamera);
  press("end", end);
  press("snapshot", takeSnapshot);
  press("record", toggleRecording);
  press("fullscreen", toggleFullscreen);
  press("help", () => perform("help"));
  press("language", changeLanguage);
  press("settings", () => {
    const isOpen = document.querySelector("main").classList.toggle("settings");
    $("settings").setAttribute("aria-expanded", isOpen);
  });
  $("file").onchange = () => { startFile($("file").files[0]); $("file").value = ""; };
  $("keys_on").checked = recall("keys") !== "off";
  $("keys_on").onchange = () => remember("keys", $("keys_on").checked ? "on" : "off");
  for (const type of ["pointerdown", "pointermove"]) $("stage").addEventListener(type, pullDivider);
  $("stage").onclick = (event) => {
    const isFilled = document.body.classList.contains("filled") && !state.clean;
    if (isFilled && event.target.id === "picture") fill();
  };
  addEventListener("keydown", onKey);
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const take = event.target.closest?.("#styles") ? addStyleFile : startFile;
    take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", ({ clipboardData: { files: [file] } }) => {
    if (file?.type.startsWith("image/")) addStyleFile(file);  // as on the programs' page
    else startFile(file);
  });
  addEventListener("hashchange", () => {
    state.readAddress(location.hash);
    onCommand({ detail: { name: "address" } });
  });
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    $("install").hidden = false;
    press("install", () => { event.prompt(); $("install").hidden = true; });
  });
  document.addEventListener("visibilitychange", onVisibility);
  listenToGraphics();
  state.addEventListener("command", onCommand);
  setInterval(showFigures, FIGURES_MS);
  setInterval(turnStyles, 200);
  setInterval(() => { if (recording) showRecording(); }, 250);
}

function listenToGraphics() {
  $("picture").addEventListener("webglcontextlost", (event) => {
    event.preventDefault();
    showProblem({ name: "GraphicsLost" });
  });
  $("picture").addEventListener("webglcontextrestored", () => {
    show.begin();
    $("start").hidden = Boolean(source);
    fresh = true;
    paintNext();
  });
}

async function changeLanguage() {
  turnLanguage();
  fillWords();
  await buildControls(state);
  showRecording();
  if (why) $("why").textContent = say(...why);
  if (!source) showStart("");
}

/** Takes what `choosePainter` chooses; nothing is painted before. */
async function openPainter(table, choosing) {
  let chosen;
  try {
    chosen = await choosing;
    if (chosen.painter.device) await moveToCard(chosen.painter, table);
  } catch (error) {
    closeSource();
    return showProblem(error);
  }
  ({ painter, why } = chosen);
  ready = fresh = true;
  sayWhy();
  if (source) $("start").hidden = true;
  paintNext();
  keepTimer = setTimeout(keepSoon, KEEP_MS);
}

// Why it is not the graphics card is said on the stage, too, once for each reason.
function sayWhy() {
  $("why").textContent = say(...why);
  const isKnown = ["why_card", "why_asked", recall("why")].includes(why[0]);
  if (!isKnown && !state.clean) toast(say(...why));
  remember("why", why[0]);
}

// A canvas is drawn on by one kind of graphics for good.
function changeCanvas() {
  stopRecording();
  const canvas = $("picture").cloneNode();
  $("picture").replaceWith(canvas);
  return canvas;
}

async function moveToCard(card, table) {
  card.show = show = await GpuShow.open(changeCanvas(), card.device);
  card.device.lost.then(() => leaveCard(card, table).catch(showProblem));
}

async function leaveCard(card, table) {
  ready = false;
  show = await reopenShow();
  toast(say("said_card_lost"));
  await openPainter(table, choosePainter(table, "wasm"));
  why = ["why_failed", { reason: card.wrong }];
  $("why").textContent = say(...why);
}

// What has taken the card away may keep it for a moment.
async function reopenShow() {
  for (let trial = 0; ; trial++) {
    try {
      const opened = new Show(changeCanvas());
      listenToGraphics();
      return opened;
    } catch (error) {
      if (trial === MOST_TRIALS) throw error;
      await new Promise((done) => { setTimeout(done, 500); });
    }
  }
}

async function run() {
  const processor = new Painter();  // a worker begins only while this thread has nothing to do
  const [answer] = await Promise.all([fetch("site.json"), loadWords()]);
  const table = await answer.json();
  document.body.classList.add("running");
  fillWords();
  state = new State(table);
  state.readAddress(location.hash);
  const choosing = choosePainter(table, state.painter, processor);  // takes longer than the rest
  choosing.catch(() => {});  // openPainter says it
  state.hud = recall("hud") !== "off";
  await buildControls(state);
  end();
  try {
    show = new Show($("picture"));
  } catch (error) {
    return showProblem(error);
  }
  listen();
  if (state.clean) {
    document.body.classList.add("filled", "clean");
    startCamera();
  }
  await openPainter(table, choosing);
}

run().catch((error) => {
  document.body.classList.add("running");
  document.getElementById("problem").textContent = String(error.message || error);
});
