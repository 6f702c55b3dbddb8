"use strict";
// The page only binds to the server's table of commands: what there is to control, in which range
// and by which keys comes with the first message.

const $ = (id) => document.getElementById(id);
const TABS = ["live", "files", "mine"];
let token = inAddress("token");
const KEY_NAMES = {  // where the server's name is not the browser's in lower case
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  " ": "space", Escape: "esc",
};
// Keys are called by what lies there on a US keyboard, whatever is printed on them: plain, shifted.
const PLACES = {
  Minus: "-_", Equal: "=+", BracketLeft: "[{", BracketRight: "]}", Backslash: "\\|",
  Semicolon: ";:", Quote: "'\"", Backquote: "`~", Comma: ",<", Period: ".>", Slash: "/?",
  IntlBackslash: "<>",
};
const NUMBER_PAD = {
  NumpadAdd: "+", NumpadSubtract: "-", NumpadMultiply: "*", NumpadDivide: "/", NumpadDecimal: ".",
};
const SHIFTED_DIGITS = ")!@#$%^&*(";
const LOCAL = {  // commands that are this user's own business, not the server's
  snapshot: takeSnapshot, record: toggleRecording, fullscreen: toggleFullscreen, help: toggleCard,
};

const MOST_SENT_PX = 1920;
const NO_CAMERA = ["NotAllowedError", "NotFoundError", "NotReadableError"];
const NO_MICROPHONE = ["NotAllowedError", "NotFoundError"];
// What a recording is, the first that this browser writes. An mp4 knows how long it is.
const RECORDED = [
  "video/mp4;codecs=avc1.42E01E,mp4a.40.2", "video/mp4;codecs=avc1,opus",
  "video/mp4;codecs=vp9,opus", "video/mp4", "video/webm;codecs=vp9,opus", "video/webm",
];
const MOST_LATE_S = 2;

let microphone = null;
const shownLate = { server_ms: 0 };
// Of words.js: here before anything is shown.
let say, sayTold, fillWords, turnLanguage, recall, remember;
let connection, channel, table, state = {}, figures = {};
let connectionText = () => "", whyText = () => "";  // in the language of the moment
let hasQuit = false;
let camera = null, recorder = null, heldBlend = false, toastTimer = 0, measured = {};

function inAddress(name) { return new URLSearchParams(location.hash.slice(1)).get(name) || ""; }

function toAddress(changes) {
  const parts = new URLSearchParams(location.hash.slice(1));
  for (const [name, value] of Object.entries(changes)) {
    if (value) parts.set(name, value);
    else parts.delete(name);
  }
  history.replaceState(null, "", `#${parts}`);
}

// A program that opened this page had a word that is good once, since others may see its arguments.
async function redeem() {
  const ticket = inAddress("open");
  if (!ticket) return;
  const answer = await fetch(`/token?ticket=${encodeURIComponent(ticket)}`, { method: "POST" });
  if (!answer.ok) return;
  token = await answer.text();
  toAddress({ open: "", token });
}

function shownTab() { return TABS.find((tab) => !$(tab).hidden); }

function showTab(name) {
  for (const tab of TABS) {
    const button = $(`tab-${tab}`), isShown = tab === name;
    $(tab).hidden = !isShown;
    button.setAttribute("aria-selected", isShown);
    button.tabIndex = isShown ? 0 : -1;
  }
  toAddress({ tab: name === "live" ? "" : name });
  document.dispatchEvent(new CustomEvent("tab", { detail: name }));
}

function request(path, options = {}) {
  const headers = { ...options.headers, Authorization: `Bearer ${token}` };
  return fetch(path, { ...options, headers });
}

function perform(command, value = null) {
  if (table && table.watches) return;
  if (channel && channel.readyState === "open") channel.send(JSON.stringify({ command, value }));
}

function toast(text) {
  if (shownTab() !== "live") return notify(text);
  $("toast").textContent = text;
  $("toast").style.opacity = text ? 1 : 0;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").style.opacity = 0; }, 1800);
}

let noticeTimer = 0;
function notify(text) {
  $("notice").textContent = text;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { $("notice").textContent = ""; }, 2500 + 40 * text.length);
}

function showConnection(text, is) {
  connectionText = text;
  $("connection").textContent = text();
  $("connection").dataset.is = is;
}

function showProblem(error) {
  showConnection(() => sayTold(error.message || String(error)), "wrong");
}

async function connect() {
  if (connection) { connection.onconnectionstatechange = null; connection.close(); }
  connection = new RTCPeerConnection();
  const opened = connection;
  channel = connection.createDataChannel("controls");
  channel.onmessage = (event) => receive(JSON.parse(event.data));
  connection.ontrack = (event) => {
    event.receiver.jitterBufferTarget = 0;  // the newest picture, not the smoothest
    $("painting").srcObject = event.streams[0] || new MediaStream([event.track]);
  };
  connection.onconnectionstatechange = () => {
    const now = opened.connectionState;
    const isLive = now === "connected";
    showConnection(() => say(`connection_${now}`), isLive ? "live" : "waiting");
    if (now !== "failed" && now !== "disconnected") return;
    setTimeout(() => { if (opened === connection) reconnect(); }, 1500);
  };
  if (camera) {
    const options = { direction: "sendrecv", streams: [camera] };
    connection.addTransceiver(camera.getVideoTracks()[0], options);
  } else connection.addTransceiver("video", { direction: "recvonly" });
  await connection.setLocalDescription(await connection.createOffer());
  await new Promise((done) => {
    if (opened.iceGatheringState === "complete") return done();
    opened.onicegatheringstatechange = () => { if (opened.iceGatheringState === "complete") done(); };
    setTimeout(done, 3000);
  });
  const answer = await request("/offer", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ sdp: opened.localDescription.sdp }),
  });
  if (!answer.ok) {
    const final = answer.status === 401 || answer.status === 403;
    throw Object.assign(new Error(await answer.text()), { final });
  }
  await opened.setRemoteDescription(await answer.json());
}

function reconnect() {  // until the server is back, unless it has refused us
  if (hasQuit) return showConnection(() => say("has_ended"), "waiting");
  connect().catch((error) => {
    if (error.final) return showProblem(error);
    showConnection(() => say("no_connection"), "wrong");
    setTimeout(reconnect, 2000);
  });
}

async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "videoinput");
}

async function openCamera(constraints) {
  const size = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  const opened = await navigator.mediaDevices.getUserMedia({ video: { ...size, ...constraints } });
  const [track] = opened.getVideoTracks();
  track.onended = () => { if (camera === opened) endCamera(); };
  for (const old of camera ? camera.getTracks() : []) old.stop();
  camera = $("camera").srcObject = opened;
  $("turn").hidden = (await listCameras()).length < 2;
  return track;
}

async function startCamera() {
  if (!navigator.mediaDevices) {
    return showWhy(() => say("camera_NotSecure"));
  }
  try {
    showWhy(() => "");
    await openCamera({ facingMode: "user" });
    $("start").hidden = true;
    $("end").hidden = false;
    await connect();
    if (navigator.wakeLock) navigator.wakeLock.request("screen").catch(() => {});
  } catch (error) {
    const isKnown = NO_CAMERA.includes(error.name);
    showWhy(() => (isKnown ? say(`camera_${error.name}`) : sayTold(error.message || String(error))));
    $("start").hidden = false;
  }
}

function showWhy(text) {
  whyText = text;
  $("why").textContent = text();
}

async function turnCamera() {
  const cameras = await listCameras(), { deviceId } = camera.getVideoTracks()[0].getSettings();
  const now = cameras.findIndex((device) => device.deviceId === deviceId);
  const next = cameras[(now + 1) % cameras.length];
  for (const old of camera.getTracks()) {  // phones open one camera at a time
    old.onended = null;
    old.stop();
  }
  const track = await openCamera({ deviceId: { exact: next.deviceId } });
  await connection.getSenders()[0].replaceTrack(track);
  toast(next.label || say("turn"));
}

function endCamera() {
  for (const track of camera ? camera.getTracks() : []) track.stop();
  camera = $("camera").srcObject = null;
  $("end").hidden = $("turn").hidden = true;
  $("start").hidden = !table.wants_camera;
  reconnect();
}

function receive(message) {
  if (message.commands) return buildPage(message);
  if (message.refused) return toast(sayTold(message.refused));
  const before = state.said_count;
  ({ state, status: figures } = message);
  if (state.said_count !== before && before !== undefined) toast(sayTold(state.said));
  drawState();
}

function buildPage(hello) {
  table = hello;
  document.body.classList.toggle("watching", Boolean(hello.watches));
  $("start").hidden = !hello.wants_camera || Boolean(camera);
  $("quit").hidden = !hello.may_quit || hasQuit;
  const styles = [{ name: "original", title: say("original") }, ...hello.styles];
  const ofKind = (kind) => hello.controls.filter((control) => control.kind === kind);
  $("styles").replaceChildren(...styles.map(makeStyleButton));
  $("sliders").replaceChildren(...ofKind("slider").map(makeSlider));
  $("switches").replaceChildren(...ofKind("button").map(makeButton), ...ofKind("text").map(makeField));
  $("card").replaceChildren(...hello.help.map(([keys, text]) => {
    const row = document.createElement("p"), key = document.createElement("kbd");
    key.textContent = keys;
    row.append(key, sayTold(text));
    return row;
  }));
}

function makeElement(kind, className, text = "") {
  return Object.assign(document.createElement(kind), { className, textContent: text });
}

function makeStyleButton(style) {
  const button = makeElement("button", "");
  button.dataset.style = style.name;
  const title = makeElement("span", "name", style.title);
  const seen = [...$("styles").children].find((old) => old.dataset.style === style.name);
  const picture = seen ? seen.firstChild : makeElement("span", "blank");
  button.append(picture, makeElement("kbd", ""), title);
  button.onclick = () => {
    const slot = table.styles.findIndex((other) => other.name === style.name);
    const isInBank = slot >= 0 && Math.floor(slot / 9) === state.bank - 1;
    if (state.blend && isInBank) perform("slot", slot % 9 + 1);
    else perform("style", style.name);
  };
  return button;
}

function makeSlider(control) {
  const label = document.createElement("label"), title = makeElement("span", "", sayTold(control.label));
  const input = document.createElement("input"), output = document.createElement("output");
  const { low: min, high: max, step } = control;
  Object.assign(input, { type: "range", min, max, step, id: `c-${control.name}` });
  label.htmlFor = input.id;  // else the label would be the output's
  output.setAttribute("aria-live", "off");  // the slider itself tells its value
  label.title = sayTold(control.help);
  title.append(output);
  label.append(title, input);
  input.oninput = () => {
    output.textContent = input.value;
    perform(control.name, Number(input.value));
  };
  return label;
}

function makeField(control) {
  const label = makeElement("label", "field", sayTold(control.label)), input = document.createElement("input");
  Object.assign(input, { type: "text", maxLength: control.longest, id: `c-${control.name}` });
  label.title = sayTold(control.help);
  label.append(input);
  input.onchange = () => perform(control.name, input.value);
  input.onkeydown = (event) => { if (event.key === "Enter") input.blur(); };  // keys are the show's again
  return label;
}

function makeButton(control) {
  const button = makeElement("button", "", sayTold(control.label));
  button.id = `c-${control.name}`;
  button.title = sayTold(control.help);
  button.onclick = () => perform(control.name);
  return button;
}

function drawControl(control, shown, value) {
  if (control.kind === "slider") {
    if (document.activeElement !== shown) shown.value = value;
    shown.parentElement.querySelector("output").textContent = Number(value.toFixed(2));
  } else if (control.kind === "text") {
    if (document.activeElement !== shown) shown.value = value;
  } else if (value !== undefined) {  // an action has no value
    shown.setAttribute("aria-pressed", value !== control.rest);
  }
}

function drawState() {
  for (const control of table.controls) {
    drawControl(control, $(`c-${control.name}`), state[control.name]);
  }
  for (const [place, button] of [...$("styles").children].entries()) {
    button.setAttribute("aria-pressed", state.chosen.includes(button.dataset.style));
    const slot = place - 1 - 9 * (state.bank - 1);
    const key = slot >= 0 && slot < 9 ? slot + 1 : "";
    button.querySelector("kbd").textContent = place === 0 ? "0" : key;
  }
  // In the middle is what stands there instead of a picture; a warning leaves that in sight.
  showNote($("problem"), $("start").hidden && figures.problem);
  showNote($("warning"), $("start").hidden && !figures.problem && figures.warning);
  shownLate.server_ms = figures.latency_p50_ms || 0;
  $("figures").textContent = formatFigures();
  $("figures").hidden = state.hud === "off" || !$("start").hidden;
  drawComparison();
}

function showNote(place, text) {
  const words = text ? `! ${sayTold(text)}` : "";
  if (place.textContent !== words) place.textContent = words;  // else it would be read out again
  place.hidden = !words;
}

function formatFigures() {
  const { fps, dropped, latency_p50_ms: p50, latency_p95_ms: p95, engine, size } = figures;
  const painted = say("figures_painted", { fps: fps.toFixed(1), dropped });
  const lines = [
    measured.fps === undefined ? painted
      : `${say("figures_shown", { fps: measured.fps.toFixed(1) })} · ${painted}`,
    [
      p95 !== null && say("figures_server", { p50: Math.round(p50), p95: Math.round(p95) }),
      measured.way_ms !== undefined && say("figures_way", { ms: Math.round(measured.way_ms) }),
    ].filter(Boolean).join(" · "),
    `${engine} · ${size}`,
    figures.film,
    figures.opening && sayTold(figures.opening),
  ];
  return lines.filter(Boolean).join("\n");
}

// What this browser adds: the way there and back, and what waits here before it is shown.
async function measure() {
  if (!connection || connection.connectionState !== "connected") { measured = {}; return; }
  const stats = [...(await connection.getStats()).values()];
  const video = stats.find((entry) => entry.type === "inbound-rtp" && entry.kind === "video") || {};
  const pair = stats.find((entry) => entry.type === "candidate-pair" && entry.nominated) || {};
  const count = (video.jitterBufferEmittedCount || 0) - (measured.count || 0);
  const waited_s = (video.jitterBufferDelay || 0) - (measured.waited_s || 0);
  const way_s = (pair.currentRoundTripTime || 0) + waited_s / count;
  measured = {
    count: video.jitterBufferEmittedCount,
    waited_s: video.jitterBufferDelay,
    fps: video.framesPerSecond,
    way_ms: count > 0 ? 1000 * way_s : undefined,
  };
}

function drawComparison() {
  const divided = state.compare === "split", own = Boolean(camera) && state.compare !== "off";
  $("stage").classList.toggle("mirrored", Boolean(state.mirror));
  $("stage").classList.toggle("divided", divided);
  // To pages without a camera the server sends both halves.
  $("camera").hidden = $("line").hidden = !own;
  const at = divided ? state.divider : 0.5, rest = `${100 - 100 * at}%`;
  // It is cut before it is mirrored.
  $("camera").style.clipPath = state.mirror ? `inset(0 0 0 ${rest})` : `inset(0 ${rest} 0 0)`;
  $("line").style.left = `${100 * at}%`;
}

async function refreshThumbnails() {
  for (const button of $("styles").children) {
    if (document.hidden || !channel || channel.readyState !== "open") break;
    const address = `/thumbnail/${encodeURIComponent(button.dataset.style)}`;
    const answer = await request(address).catch(() => null);
    const old = button.firstChild;
    if (answer && answer.status === 204 && old.tagName === "IMG") {  // who it showed has left
      URL.revokeObjectURL(old.src);
      old.replaceWith(makeElement("span", "blank"));
    }
    if (!answer || answer.status !== 200) continue;
    const image = old.tagName === "IMG" ? old : document.createElement("img");
    if (image.src) URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(await answer.blob());
    image.alt = "";
    if (image !== old) old.replaceWith(image);
  }
  setTimeout(refreshThumbnails, 1500);
}

function saveAs(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function saveFile(blob, ending) {
  const time = new Date().toISOString().slice(0, 19).replaceAll(":", "");
  saveAs(blob, `livebrush-${state.chosen.join("+")}-${time}.${ending}`);
}

// Sent smaller and upright, as this browser reads it: phones have pictures of their own kinds.
async function shrink(file) {
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) throw new Error(say("no_picture", { name: file.name }));
  const scale = Math.min(1, MOST_SENT_PX / Math.max(picture.width, picture.height));
  const shrunk = document.createElement("canvas"), context = shrunk.getContext("2d");
  shrunk.width = Math.max(1, Math.round(picture.width * scale));
  shrunk.height = Math.max(1, Math.round(picture.height * scale));
  context.fillStyle = "white";
  context.fillRect(0, 0, shrunk.width, shrunk.height);
  context.drawImage(picture, 0, 0, shrunk.width, shrunk.height);
  return new Promise((done) => { shrunk.toBlob(done, "image/jpeg", 0.92); });
}

function titleOf(file) { return encodeURIComponent(file.name.replace(/\.[^.]*$/, "")); }

async function addPicture(file, asGrade = false) {
  if (!file) return;
  const body = await shrink(file).catch((error) => toast(error.message));
  if (!body) return;
  const title = titleOf(file);
  const headers = { "Content-Type": "image/jpeg" };
  const as = asGrade ? "&as=grade" : "";
  const answer = await request(`/style?title=${title}${as}`, { method: "POST", headers, body });
  const made = say(asGrade ? "making_grade" : "making_style");
  toast(answer.ok ? made : sayTold(await answer.text()));
}

async function takeSnapshot() {
  const answer = await request("/snapshot");
  if (!answer.ok) return toast(sayTold(await answer.text()));
  saveFile(await answer.blob(), "png");
  toast(say("snapshot_saved"));
}

function toggleRecording() {
  if (recorder) return recorder.stop();
  if (!$("painting").srcObject || !window.MediaRecorder) {
    return toast(say("nothing_to_record"));
  }
  const parts = [], began = Date.now(), sound = microphone ? soundInStep() : null;
  const kind = RECORDED.find((one) => MediaRecorder.isTypeSupported(one));
  const ending = kind.startsWith("video/mp4") ? "mp4" : "webm";
  const tracks = $("painting").srcObject.getVideoTracks();
  const stream = new MediaStream(sound ? [...tracks, ...sound.tracks] : tracks);
  recorder = new MediaRecorder(stream, { mimeType: kind, videoBitsPerSecond: 5e6 });
  const clock = setInterval(() => {
    const seconds = Math.floor((Date.now() - began) / 1000);
    const minutes = Math.floor(seconds / 60), rest = String(seconds % 60).padStart(2, "0");
    $("keep").textContent = say("recording", { clock: `${minutes}:${rest}` });
  }, 250);
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = () => {
    clearInterval(clock);
    if (sound) sound.end();
    recorder = null;
    $("keep").setAttribute("aria-pressed", "false");
    $("keep").textContent = say("record");
    saveFile(new Blob(parts, { type: `video/${ending}` }), ending);
    toast(say("recording_saved"));
  };
  recorder.start(1000);
  $("keep").setAttribute("aria-pressed", "true");
}

// The painting comes later than what was filmed; so does the sound that is recorded with it.
function soundInStep() {
  const context = new AudioContext(), late = context.createDelay(MOST_LATE_S);
  const out = context.createMediaStreamDestination();
  late.delayTime.value = Math.min(MOST_LATE_S, (shownLate.server_ms + (measured.way_ms || 0)) / 1000);
  context.createMediaStreamSource(microphone).connect(late).connect(out);
  return { tracks: out.stream.getTracks(), end: () => context.close() };
}

async function toggleMicrophone() {
  if (microphone) {
    for (const track of microphone.getTracks()) track.stop();
    microphone = null;
  } else {
    if (!navigator.mediaDevices) return toast(say("microphone_NotSecure"));
    // Music is no noise.
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    try { microphone = await navigator.mediaDevices.getUserMedia({ audio }); } catch (error) {
      const isKnown = NO_MICROPHONE.includes(error.name);
      return toast(isKnown ? say(`microphone_${error.name}`) : error.message);
    }
    toast(say(recorder ? "sound_next" : "sound_now"));
  }
  $("hear").setAttribute("aria-pressed", Boolean(microphone));
}

function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if ($("stage").requestFullscreen) $("stage").requestFullscreen();
  else if ($("painting").webkitEnterFullscreen) $("painting").webkitEnterFullscreen();  // iPhones
}

async function toggleLinks() {
  $("links").hidden = !$("links").hidden;
  $("phone").setAttribute("aria-pressed", !$("links").hidden);
  await drawLinks();
}

async function drawLinks() {
  const panel = $("links");
  if (panel.hidden) return;
  const answer = await request("/links");
  if (!answer.ok) return toast(sayTold(await answer.text()));
  const { links, fingerprint, watching, watching_code: code } = await answer.json();
  const trust = fingerprint && say("links_trust", { fingerprint });
  const unsafe = location.protocol === "https:" ? "" : say("links_unsafe");
  const hint = links.length ? trust || unsafe : say("links_none");
  panel.replaceChildren(...links.map(makeLink), makeElement("p", "about", hint));
  if (!watching) return;
  panel.append(makeElement("h2", "", say("watching")), makeLink({ address: watching, code }),
    makeElement("p", "about", say("watching_about")));
}

function makeLink({ address, code }) {
  const figure = document.createElement("figure"), image = document.createElement("img");
  image.src = `data:image/svg+xml,${encodeURIComponent(code)}`;
  image.alt = say("qr_code");
  figure.append(image, makeElement("figcaption", "", address));
  return figure;
}

async function quitProgram() {
  if (!confirm(say("quit_asks"))) return;
  hasQuit = true;
  $("quit").hidden = true;
  perform("quit");
  setTimeout(() => { if (connection.connectionState === "connected") perform("quit"); }, 1500);
}

// All that shows words is drawn anew; files.js and mine.js do the same for theirs.
function changeLanguage() {
  turnLanguage();
  fillWords();
  $("connection").textContent = connectionText();
  $("why").textContent = whyText();
  drawLinks().catch(showProblem);
  document.dispatchEvent(new Event("language"));
  if (!table) return;
  buildPage(table);
  if (figures.fps !== undefined) drawState();
}

function toggleCard() {
  $("card").hidden = !$("card").hidden;
  $("keys").setAttribute("aria-pressed", !$("card").hidden);
}

/** The name that the table of commands has for a key. */
function keyName({ code, key, shiftKey }) {
  const [, kind, sign] = /^(Key|Digit|Numpad)(\w)$/.exec(code) || [];
  if (kind === "Key") return shiftKey ? sign : sign.toLowerCase();
  if (kind === "Digit" && shiftKey && table.keys[SHIFTED_DIGITS[sign]]) return SHIFTED_DIGITS[sign];
  if (sign) return sign;  // where digits need Shift, people hold it
  if (PLACES[code]) return PLACES[code][Number(shiftKey)];
  return NUMBER_PAD[code] || KEY_NAMES[key] || (key.length === 1 ? key : key.toLowerCase());
}

function onKey(event) {
  const isOther = event.ctrlKey || event.metaKey || event.altKey;
  const isTyped = event.target.tagName === "INPUT" || event.target.role === "tab";
  if (!table || isOther || isTyped || shownTab() !== "live") return;
  const key = keyName(event);
  if (key === "esc" && !$("card").hidden) return toggleCard();
  const [command, value] = table.keys[key] || [];
  if (!command || (event.target.tagName === "BUTTON" && ["space", "enter"].includes(key))) return;
  event.preventDefault();
  if (command === "blend") {  // held, or pressed once
    if (event.repeat) return;
    heldBlend = !state.blend;
  }
  if (command === "slot") heldBlend = heldBlend && "used";
  (LOCAL[command] || (() => perform(command, value)))();
}

function onKeyUp(event) {
  const [command] = (table && table.keys[keyName(event)]) || [];
  if (command === "blend") { if (heldBlend === "used") perform("blend", false); heldBlend = false; }
}

for (const tab of TABS) {
  $(`tab-${tab}`).onclick = () => showTab(tab);
  $(`tab-${tab}`).onkeydown = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length];
    showTab(next);
    $(`tab-${next}`).focus();
  };
}
$("begin").onclick = startCamera;
$("phone").onclick = () => toggleLinks().catch(showProblem);
$("take").onclick = takeSnapshot;
$("keep").onclick = toggleRecording;
$("hear").onclick = toggleMicrophone;
$("full").onclick = toggleFullscreen;
let asGrade = false;
$("add").onclick = () => { asGrade = false; $("file").click(); };
$("grade").onclick = () => { asGrade = true; $("file").click(); };
$("file").onchange = () => {
  addPicture($("file").files[0], asGrade).catch(showProblem);
  $("file").value = "";  // the same one may be chosen again
};
$("turn").onclick = () => turnCamera().catch(showProblem);
$("end").onclick = endCamera;
$("keys").onclick = toggleCard;
$("quit").onclick = quitProgram;
$("language").onclick = changeLanguage;
$("painting").addEventListener("resize", () => {
  const { videoWidth, videoHeight } = $("painting");
  if (videoWidth) $("stage").style.setProperty("--shape", videoWidth / videoHeight);
});
for (const type of ["pointerdown", "pointermove"]) {
  $("stage").addEventListener(type, (event) => {
    if (!event.buttons || state.compare !== "split" || event.target.tagName === "BUTTON") return;
    const box = $("stage").getBoundingClientRect();
    perform("divider", (event.clientX - box.left) / box.width);
  });
}
addEventListener("dragover", (event) => event.preventDefault());
// What is dropped or pasted goes where one looks: files.js and mine.js have tabs of their own.
const TAKES = { live: (files, asGrade) => addPicture(files[0], asGrade) };
function take(files, asGrade) {
  if (files.length) TAKES[shownTab()]([...files], asGrade).catch((error) => notify(error.message));
}
addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer.files, event.shiftKey);
});
addEventListener("paste", (event) => take(event.clipboardData.files));
addEventListener("keydown", onKey);
addEventListener("keyup", onKeyUp);
addEventListener("pagehide", () => { if (connection) connection.close(); });
addEventListener("DOMContentLoaded", async () => {
  document.body.classList.toggle("clean", inAddress("view") === "clean");
  const words = await import("/words.js");
  ({ say, sayTold, fillWords, turnLanguage, recall, remember } = words);
  await words.loadWords();
  fillWords();
  showConnection(() => say("connection_new"), "waiting");
  await redeem().catch(showProblem);
  showTab(TABS.find((tab) => tab === inAddress("tab")) || "live");
  reconnect();
  refreshThumbnails();
});
setInterval(() => measure().catch(() => {}), 1000);
