"use strict";
// The page only binds to the server's table of commands: what there is, its range and its keys come with the first message.

const $ = (id) => document.getElementById(id);
const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
const SLIDERS = ["strength", "brush", "stability", "fade", "auto_period"];
const SWITCHES = ["blend", "keep_color", "mirror", "freeze", "auto"];
const KEY_NAMES = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down", PageUp: "pageup", PageDown: "pagedown",
  Home: "home", End: "end", Insert: "insert", Delete: "delete", " ": "space", Tab: "tab", Enter: "enter", Escape: "esc", Backspace: "backspace" };
const LOCAL = { snapshot: takeSnapshot, record: toggleRecording, fullscreen: toggleFullscreen };  // done here, for this page's user
const UNUSED = ["quit", "back", "strip", "sheet"];  // would act on the server's window, or end it for everybody

let peer, channel, table, state = {}, heldBlend = false, recorder = null, toastTimer = 0;

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

function connected(text) { $("connection").textContent = text; }

async function connect(camera) {
  if (peer) { peer.onconnectionstatechange = null; peer.close(); }
  peer = new RTCPeerConnection();
  const mine = peer;
  channel = peer.createDataChannel("controls");
  channel.onmessage = (event) => hear(JSON.parse(event.data));
  peer.ontrack = (event) => { $("painting").srcObject = event.streams[0] || new MediaStream([event.track]); };
  peer.onconnectionstatechange = () => {
    const now = mine.connectionState;
    connected(now === "connected" ? "live" : now);
    if (now === "failed" || now === "disconnected") setTimeout(() => { if (mine === peer) connect(camera).catch(tell); }, 2000);
  };
  if (camera) peer.addTransceiver(camera.getVideoTracks()[0], { direction: "sendrecv", streams: [camera] });
  else peer.addTransceiver("video", { direction: "recvonly" });
  await peer.setLocalDescription(await peer.createOffer());
  await new Promise((done) => {
    if (peer.iceGatheringState === "complete") return done();
    peer.onicegatheringstatechange = () => { if (mine.iceGatheringState === "complete") done(); };
    setTimeout(done, 3000);
  });
  const answer = await request("/offer", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ sdp: peer.localDescription.sdp }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  await peer.setRemoteDescription(await answer.json());
}

function tell(error) { connected(error.message || String(error)); }

async function startCamera() {
  if (!navigator.mediaDevices) return tell(new Error("browsers give their camera to https:// and localhost only: see docs/live.md"));
  try {
    const camera = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } } });
    $("camera").srcObject = camera;
    $("start").hidden = true;
    await connect(camera);
  } catch (error) { tell(error); $("start").hidden = false; }
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
  $("start").hidden = !hello.wants_camera || Boolean($("camera").srcObject);
  $("styles").replaceChildren(...[{ name: "original", title: "Original" }, ...hello.styles].map(styleButton));
  const ranges = Object.fromEntries(hello.commands.map((command) => [command.name, command]));
  $("controls").replaceChildren(...SLIDERS.map((name) => slider(ranges[name])), ...SWITCHES.map((name) => toggle(ranges[name])),
    ...(hello.wants_camera ? [toggle({ name: "compare", help: "compare with the original" })] : []));
  $("card").replaceChildren(...hello.help.map(([keys, text]) => {
    const row = document.createElement("p"), key = document.createElement("kbd");
    key.textContent = keys;
    row.append(key, ` ${text}`);
    return row;
  }));
}

function styleButton(style) {
  const button = document.createElement("button"), name = document.createElement("span"), blank = document.createElement("span");
  button.dataset.style = style.name;
  name.className = "name"; name.textContent = style.title; blank.className = "blank";
  button.append(blank, name);
  button.onclick = () => {
    const slot = table.styles.findIndex((other) => other.name === style.name);
    if (state.blend && slot >= 0 && Math.floor(slot / 9) === state.bank) perform("slot", slot % 9 + 1);
    else perform("style", style.name);
  };
  return button;
}

function slider(command) {
  const label = document.createElement("label"), input = document.createElement("input"), output = document.createElement("output");
  const [low, high] = command.values;
  Object.assign(input, { type: "range", min: low, max: Math.min(high, 60), step: high > 10 ? 1 : 0.05, id: `c-${command.name}` });
  const title = document.createElement("span");
  title.append(command.help, output);
  label.append(title, input);
  input.oninput = () => { output.textContent = input.value; perform(command.name, Number(input.value)); };
  return label;
}

function toggle(command) {
  const button = document.createElement("button");
  button.id = `c-${command.name}`;
  button.textContent = command.help;
  button.onclick = () => perform(command.name);
  return button;
}

function draw(status) {
  for (const name of SLIDERS) {
    const input = $(`c-${name}`);
    if (document.activeElement !== input) input.value = state[name];
    input.parentElement.querySelector("output").textContent = Number(state[name].toFixed(2));
  }
  for (const name of SWITCHES) $(`c-${name}`).setAttribute("aria-pressed", state[name]);
  const chosen = state.mix.map(([name]) => name);
  for (const button of $("styles").children) button.setAttribute("aria-pressed", chosen.includes(button.dataset.style));
  $("card").hidden = !state.help;
  const missing = status.problem || status.warning;
  const latency = status.latency_p95_ms === null ? "" : ` · p95 ${Math.round(status.latency_p95_ms)} ms`;
  const figures = `${status.fps.toFixed(1)} fps painted${latency} · dropped ${status.dropped}\n${status.engine} · ${status.size}`;
  $("figures").textContent = [state.hud ? figures : "", missing ? `! ${missing}` : ""].filter(Boolean).join("\n");
  compare();
}

function compare() {
  const on = table.wants_camera && $("camera").srcObject && state.compare !== "off";
  const button = $("c-compare");
  if (button) button.setAttribute("aria-pressed", Boolean(on));
  $("stage").classList.toggle("mirrored", Boolean(state.mirror));
  $("camera").hidden = $("line").hidden = !on;
  const at = state.compare === "split" ? state.divider : 0.5;
  $("camera").style.clipPath = `inset(0 ${100 - 100 * at}% 0 0)`;
  if (state.mirror) $("camera").style.clipPath = `inset(0 0 0 ${100 - 100 * at}%)`;  // before it is mirrored
  $("line").style.left = `${100 * at}%`;
}

async function refreshTiles() {
  for (const button of $("styles").children) {
    if (document.hidden || !channel || channel.readyState !== "open") break;
    const answer = await request(`/tile/${encodeURIComponent(button.dataset.style)}`).catch(() => null);
    if (!answer || !answer.ok) continue;
    const old = button.firstChild, image = old.tagName === "IMG" ? old : document.createElement("img");
    if (image.src) URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(await answer.blob());
    image.alt = "";
    if (image !== old) old.replaceWith(image);
  }
  setTimeout(refreshTiles, 1500);
}

function save(blob, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `livebrush-${state.mix.map(([name]) => name).join("+")}-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${ending}`;
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
  const parts = [];
  const ending = MediaRecorder.isTypeSupported("video/webm") ? "webm" : "mp4";
  recorder = new MediaRecorder($("painting").srcObject, { mimeType: `video/${ending}`, videoBitsPerSecond: 5e6 });
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = () => {
    recorder = null;
    $("keep").setAttribute("aria-pressed", "false");
    $("keep").textContent = "Record";
    save(new Blob(parts, { type: `video/${ending}` }), ending);
    toast("recording saved");
  };
  recorder.start(1000);
  $("keep").setAttribute("aria-pressed", "true");
  $("keep").textContent = "● Stop recording";
}

function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if ($("stage").requestFullscreen) $("stage").requestFullscreen();
}

function onKey(event) {
  if (!table || event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
  const key = KEY_NAMES[event.key] || (event.key.length === 1 ? event.key : event.key.toLowerCase());
  const [command, value] = table.keys[key] || [];
  if (!command || UNUSED.includes(command) || (event.target.tagName === "BUTTON" && ["space", "enter"].includes(key))) return;
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

$("start").onclick = startCamera;
$("take").onclick = takeSnapshot;
$("keep").onclick = toggleRecording;
$("full").onclick = toggleFullscreen;
$("keys").onclick = () => perform("help");
$("card").onclick = () => perform("help", false);
$("painting").addEventListener("resize", () => {
  if ($("painting").videoWidth) $("stage").style.aspectRatio = `${$("painting").videoWidth} / ${$("painting").videoHeight}`;
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
addEventListener("pagehide", () => { if (peer) peer.close(); });
connect(null).catch(tell);
refreshTiles();
