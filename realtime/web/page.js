"use strict";
// The page only binds to the server's table of commands: what there is, its range and its keys come with the first message.

const $ = (id) => document.getElementById(id);
const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
const KEY_NAMES = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down", PageUp: "pageup", PageDown: "pagedown",
  Home: "home", End: "end", Insert: "insert", Delete: "delete", " ": "space", Tab: "tab", Enter: "enter", Escape: "esc", Backspace: "backspace" };
const LOCAL = { snapshot: takeSnapshot, record: toggleRecording, fullscreen: toggleFullscreen, help: toggleCard };  // for this page's user

let connection, channel, table, state = {}, camera = null, heldBlend = false, recorder = null, toastTimer = 0, seen = {};

function request(path, options = {}) {
  return fetch(path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` } });
}

function perform(command, value = null) {
  if (channel && channel.readyState === "open") channel.send(JSON.stringify({ command, value }));
}

function toast(text) {
  $("toast").textContent = text;
  $("toast").style.opacity = text ? 1 : 0;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").style.opacity = 0; }, 1800);
}

function connected(text, is) {
  $("connection").textContent = text;
  $("connection").dataset.is = is;
}

function tell(error) { connected(error.message || String(error), "wrong"); }

async function connect() {
  if (connection) { connection.onconnectionstatechange = null; connection.close(); }
  connection = new RTCPeerConnection();
  const mine = connection;
  channel = connection.createDataChannel("controls");
  channel.onmessage = (event) => hear(JSON.parse(event.data));
  connection.ontrack = (event) => {
    event.receiver.jitterBufferTarget = 0;  // the newest picture, not the smoothest
    $("painting").srcObject = event.streams[0] || new MediaStream([event.track]);
  };
  connection.onconnectionstatechange = () => {
    const now = mine.connectionState;
    connected(now === "connected" ? "live" : now, now === "connected" ? "live" : "waiting");
    if (now === "failed" || now === "disconnected") setTimeout(() => { if (mine === connection) again(); }, 1500);
  };
  if (camera) connection.addTransceiver(camera.getVideoTracks()[0], { direction: "sendrecv", streams: [camera] });
  else connection.addTransceiver("video", { direction: "recvonly" });
  await connection.setLocalDescription(await connection.createOffer());
  await new Promise((done) => {
    if (mine.iceGatheringState === "complete") return done();
    mine.onicegatheringstatechange = () => { if (mine.iceGatheringState === "complete") done(); };
    setTimeout(done, 3000);
  });
  const answer = await request("/offer", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ sdp: mine.localDescription.sdp }),
  });
  if (!answer.ok) throw Object.assign(new Error(await answer.text()), { final: answer.status === 401 || answer.status === 403 });
  await mine.setRemoteDescription(await answer.json());
}

function again() {  // until the server is back, unless it has refused us
  connect().catch((error) => {
    tell(error.final ? error : new Error("no connection: trying again"));
    if (!error.final) setTimeout(again, 2000);
  });
}

async function openCamera(constraints) {
  const size = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  const opened = await navigator.mediaDevices.getUserMedia({ video: { ...size, ...constraints } });
  const [track] = opened.getVideoTracks();
  track.onended = () => { if (camera === opened) endCamera(); };
  for (const old of camera ? camera.getTracks() : []) old.stop();
  camera = $("camera").srcObject = opened;
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  $("turn").hidden = cameras.length < 2;
  return track;
}

async function startCamera() {
  if (!navigator.mediaDevices) return tell(new Error("browsers give their camera to https:// and localhost only: see docs/live.md"));
  try {
    await openCamera({ facingMode: "user" });
    $("start").hidden = true;
    $("end").hidden = false;
    await connect();
    if (navigator.wakeLock) navigator.wakeLock.request("screen").catch(() => {});
  } catch (error) {
    tell(error.name === "NotAllowedError" ? new Error("the browser does not give its camera: allow it in the address bar") : error);
    $("start").hidden = false;
  }
}

async function turnCamera() {
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  const now = cameras.findIndex((device) => device.deviceId === camera.getVideoTracks()[0].getSettings().deviceId);
  const next = cameras[(now + 1) % cameras.length];
  for (const old of camera.getTracks()) { old.onended = null; old.stop(); }  // phones open one camera at a time
  const track = await openCamera({ deviceId: { exact: next.deviceId } });
  await connection.getSenders()[0].replaceTrack(track);
  toast(next.label || "other camera");
}

function endCamera() {
  for (const track of camera ? camera.getTracks() : []) track.stop();
  camera = $("camera").srcObject = null;
  $("end").hidden = $("turn").hidden = true;
  $("start").hidden = !table.wants_camera;
  again();
}

function hear(message) {
  if (message.commands) return build(message);
  if (message.refused) return toast(message.refused);
  const before = state.said_count;
  state = message.state;
  if (state.said_count !== before && before !== undefined) toast(state.said);
  draw(message.status);
}

function build(hello) {
  table = hello;
  $("start").hidden = !hello.wants_camera || Boolean(camera);
  $("styles").replaceChildren(...[{ name: "original", title: "Original" }, ...hello.styles].map(styleButton));
  $("sliders").replaceChildren(...hello.controls.filter((control) => control.kind === "slider").map(slider));
  $("switches").replaceChildren(...hello.controls.filter((control) => control.kind === "button").map(toggle));
  $("card").replaceChildren(...hello.help.map(([keys, text]) => {
    const row = document.createElement("p"), key = document.createElement("kbd");
    key.textContent = keys;
    row.append(key, text);
    return row;
  }));
}

function element(kind, className, text = "") {
  return Object.assign(document.createElement(kind), { className, textContent: text });
}

function styleButton(style) {
  const button = element("button", "");
  button.dataset.style = style.name;
  button.append(element("span", "blank"), element("kbd", ""), element("span", "name", style.title));
  button.onclick = () => {
    const slot = table.styles.findIndex((other) => other.name === style.name);
    if (state.blend && slot >= 0 && Math.floor(slot / 9) === state.bank - 1) perform("slot", slot % 9 + 1);
    else perform("style", style.name);
  };
  return button;
}

function slider(control) {
  const label = document.createElement("label"), input = document.createElement("input"), output = document.createElement("output");
  const title = element("span", "", control.label);
  Object.assign(input, { type: "range", min: control.low, max: control.high, step: control.step, id: `c-${control.name}` });
  label.title = control.help;
  title.append(output);
  label.append(title, input);
  input.oninput = () => { output.textContent = input.value; perform(control.name, Number(input.value)); };
  return label;
}

function toggle(control) {
  const button = element("button", "", control.label);
  button.id = `c-${control.name}`;
  button.title = control.help;
  button.onclick = () => perform(control.name);
  return button;
}

function drawControl(control, shown, value) {
  if (control.kind === "slider") {
    if (document.activeElement !== shown) shown.value = value;
    shown.parentElement.querySelector("output").textContent = Number(value.toFixed(2));
  } else if (value !== undefined) shown.setAttribute("aria-pressed", value !== control.rest);  // an action has no value
}

function draw(status) {
  for (const control of table.controls) drawControl(control, $(`c-${control.name}`), state[control.name]);
  for (const [place, button] of [...$("styles").children].entries()) {
    button.setAttribute("aria-pressed", state.chosen.includes(button.dataset.style));
    const slot = place - 1 - 9 * (state.bank - 1);
    button.querySelector("kbd").textContent = place === 0 ? "0" : slot >= 0 && slot < 9 ? slot + 1 : "";
  }
  const missing = $("start").hidden ? status.problem || status.warning : "";
  $("problem").textContent = missing ? `! ${missing}` : "";
  $("problem").hidden = !missing;
  $("figures").textContent = figures(status);
  $("figures").hidden = !state.hud || !$("start").hidden;
  compare();
}

function figures(status) {
  const ms = (value) => `${Math.round(value)} ms`;
  const shown = seen.fps === undefined ? "" : `${seen.fps.toFixed(1)} fps shown · `;
  const server = status.latency_p95_ms === null ? "" : `server ${ms(status.latency_p50_ms)}, p95 ${ms(status.latency_p95_ms)}`;
  const way = seen.way_ms === undefined ? "" : `stream ${ms(seen.way_ms)}`;
  return [`${shown}${status.fps.toFixed(1)} painted · ${status.dropped} dropped`, [server, way].filter(Boolean).join(" · "),
    `${status.engine} · ${status.size}`].filter(Boolean).join("\n");
}

async function measure() {  // what this browser adds: the way there and back, and what waits here before it is shown
  if (!connection || connection.connectionState !== "connected") { seen = {}; return; }
  const stats = [...(await connection.getStats()).values()];
  const video = stats.find((entry) => entry.type === "inbound-rtp" && entry.kind === "video") || {};
  const pair = stats.find((entry) => entry.type === "candidate-pair" && entry.nominated) || {};
  const count = (video.jitterBufferEmittedCount || 0) - (seen.count || 0), waited = (video.jitterBufferDelay || 0) - (seen.waited || 0);
  seen = { count: video.jitterBufferEmittedCount, waited: video.jitterBufferDelay, fps: video.framesPerSecond,
    way_ms: count > 0 ? 1000 * ((pair.currentRoundTripTime || 0) + waited / count) : undefined };
}

function compare() {
  const divided = state.compare === "split", own = Boolean(camera) && state.compare !== "off";
  $("stage").classList.toggle("mirrored", Boolean(state.mirror));
  $("stage").classList.toggle("divided", divided);
  $("camera").hidden = $("line").hidden = !own;  // to pages without a camera the server sends both halves
  const at = divided ? state.divider : 0.5, rest = `${100 - 100 * at}%`;
  $("camera").style.clipPath = state.mirror ? `inset(0 0 0 ${rest})` : `inset(0 ${rest} 0 0)`;  // cut before it is mirrored
  $("line").style.left = `${100 * at}%`;
}

async function refreshThumbnails() {
  for (const button of $("styles").children) {
    if (document.hidden || !channel || channel.readyState !== "open") break;
    const answer = await request(`/thumbnail/${encodeURIComponent(button.dataset.style)}`).catch(() => null);
    if (!answer || answer.status !== 200) continue;
    const old = button.firstChild, image = old.tagName === "IMG" ? old : document.createElement("img");
    if (image.src) URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(await answer.blob());
    image.alt = "";
    if (image !== old) old.replaceWith(image);
  }
  setTimeout(refreshThumbnails, 1500);
}

function save(blob, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `livebrush-${state.chosen.join("+")}-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function takeSnapshot() {
  const answer = await request("/snapshot");
  if (!answer.ok) return toast(await answer.text());
  save(await answer.blob(), "png");
  toast("snapshot saved");
}

function toggleRecording() {
  if (recorder) return recorder.stop();
  if (!$("painting").srcObject || !window.MediaRecorder) return toast("there is nothing to record yet");
  const parts = [], began = Date.now();
  const ending = MediaRecorder.isTypeSupported("video/webm") ? "webm" : "mp4";
  recorder = new MediaRecorder($("painting").srcObject, { mimeType: `video/${ending}`, videoBitsPerSecond: 5e6 });
  const clock = setInterval(() => {
    const seconds = Math.floor((Date.now() - began) / 1000);
    $("keep").textContent = `● ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} Stop`;
  }, 250);
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = () => {
    clearInterval(clock);
    recorder = null;
    $("keep").setAttribute("aria-pressed", "false");
    $("keep").textContent = "Record";
    save(new Blob(parts, { type: `video/${ending}` }), ending);
    toast("recording saved");
  };
  recorder.start(1000);
  $("keep").setAttribute("aria-pressed", "true");
}

function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if ($("stage").requestFullscreen) $("stage").requestFullscreen();
  else if ($("painting").webkitEnterFullscreen) $("painting").webkitEnterFullscreen();  // iPhones
}

function toggleCard() {
  $("card").hidden = !$("card").hidden;
  $("keys").setAttribute("aria-pressed", !$("card").hidden);
}

function onKey(event) {
  if (!table || event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
  const key = KEY_NAMES[event.key] || (event.key.length === 1 ? event.key : event.key.toLowerCase());
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
  const [command] = (table && table.keys[event.key]) || [];
  if (command === "blend") { if (heldBlend === "used") perform("blend", false); heldBlend = false; }
}

$("begin").onclick = startCamera;
$("take").onclick = takeSnapshot;
$("keep").onclick = toggleRecording;
$("full").onclick = toggleFullscreen;
$("turn").onclick = () => turnCamera().catch(tell);
$("end").onclick = endCamera;
$("keys").onclick = toggleCard;
$("painting").addEventListener("resize", () => {
  if ($("painting").videoWidth) $("stage").style.setProperty("--shape", $("painting").videoWidth / $("painting").videoHeight);
});
for (const type of ["pointerdown", "pointermove"]) {
  $("stage").addEventListener(type, (event) => {
    if (!event.buttons || state.compare !== "split" || event.target.tagName === "BUTTON") return;
    const box = $("stage").getBoundingClientRect();
    perform("divider", (event.clientX - box.left) / box.width);
  });
}
addEventListener("keydown", onKey);
addEventListener("keyup", onKeyUp);
addEventListener("pagehide", () => { if (connection) connection.close(); });
again();
refreshThumbnails();
setInterval(() => measure().catch(() => {}), 1000);
