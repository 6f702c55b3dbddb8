"use strict";
// The Files tab: what is brought, what is painted of it, and how far that is. The server keeps all
// of it; this only shows it and asks.

const PARTS = { first: 2 ** 18, least: 2 ** 16, most: 2 ** 22 };  // bytes of a file in one request
const ASK_MS = 1000;
const SECONDS_SHOWN = 5;

let studio = null, chosen = "", wanted = {}, asked = 0, previewed = "";
const pictures = new Map();  // "number/style" -> address of a frame
const sending = new Map();  // number -> what is being sent

async function ask(path, options = {}) {
  const answer = await request(path, options);
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

function told(error) { notify(sayTold(error.message || String(error))); }

function does(act) { return () => Promise.resolve(act()).then(askState).catch(told); }

async function askState() {
  const answer = await request("/studio").catch(() => null);
  if (!answer) return;  // the connection says so
  const refused = answer.ok ? "" : sayTold(await answer.text());
  for (const tab of ["files", "mine"]) {
    $(`${tab}-refused`).textContent = refused;
    $(`${tab}-refused`).hidden = !refused;
    $(`${tab}-all`).hidden = Boolean(refused);
  }
  if (refused) return;
  if (!studio) recallChoices();
  studio = await answer.json();
  drawFiles();
  drawOwn();
}

async function keepAsking() {
  if (shownTab() !== "live" && !document.hidden) await askState().catch(told);
  asked = setTimeout(keepAsking, ASK_MS);
}

// What is chosen and not painted yet outlives a reload: this browser keeps it, as long as the file.
let kept = "";

function keepChoices() {
  if (!studio) return;
  for (const number of timelines.keys()) {
    if (!studio.uploads.some((one) => one.number === number)) timelines.delete(number);
  }
  const choices = JSON.stringify({ chosen, wanted, times: [...timelines] });
  if (choices !== kept) remember("files", kept = choices);
}

function recallChoices() {
  const choices = JSON.parse(recall("files") || "{}");
  chosen = chosen || choices.chosen || "";
  wanted = { ...choices.wanted, ...wanted };
  for (const [number, line] of choices.times || []) timelines.set(number, line);
}

function upload() { return studio && studio.uploads.find((one) => one.number === chosen); }

// What has stopped before its end goes on there.
async function beginSending(file) {
  const stopped = studio && studio.uploads.find((one) => one.size_bytes === file.size
    && one.have_bytes < one.size_bytes && !sending.has(one.number)
    && file.name.startsWith(one.title));
  if (stopped) return { number: stopped.number, have: stopped.have_bytes };
  const about = `name=${encodeURIComponent(file.name)}&size=${file.size}`;
  const { number } = await (await ask(`/files?${about}`, { method: "POST" })).json();
  return { number, have: 0 };
}

// In parts, so how far it is is known, and a server that was away is gone on with.
async function bring(file) {
  const { number, have: before } = await beginSending(file);
  chosen = number;
  sending.set(number, file);
  await askState();
  let have = before, part = PARTS.first;
  try {
    while (have < file.size && sending.has(number)) {
      const began = performance.now(), body = file.slice(have, have + part);
      const answer = await request(`/files/${number}?at=${have}`, { method: "PUT", body })
        .catch(() => null);
      if (!answer || answer.status === 401 || answer.status >= 500 && answer.status !== 507) {
        await new Promise((done) => { setTimeout(done, 1500); });
        continue;
      }
      if (!answer.ok) throw new Error(await answer.text());
      ({ have } = await answer.json());
      const took = performance.now() - began;
      if (took < 250) part = Math.min(PARTS.most, part * 2);
      if (took > 1500) part = Math.max(PARTS.least, part / 2);
    }
  } finally { sending.delete(number); }
  await askState();
}

async function bringAll(files) {
  for (const file of files) await bring(file).catch(told);
}

function size(bytes) {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds)), hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60, rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

// The children of `list`, one for each of `items`: made once, then only drawn.
function drawList(list, items, keyOf, make, draw) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const now = items.map((item) => {
    const key = keyOf(item), child = old.get(key) || make(item);
    child.dataset.key = key;
    draw(child, item);
    return child;
  });
  const same = now.length === list.children.length
    && now.every((child, index) => child === list.children[index]);
  if (!same) list.replaceChildren(...now);
}

function setText(element, text) { if (element.textContent !== text) element.textContent = text; }

async function fetchFrame(number, style) {
  const key = `${number}/${style}`;
  if (pictures.has(key)) return;
  pictures.set(key, "");
  const answer = await request(`/files/${number}/frame/${encodeURIComponent(style)}`)
    .catch(() => null);
  if (!answer || answer.status !== 200) pictures.delete(key);
  else pictures.set(key, URL.createObjectURL(await answer.blob()));
}

function drawPicture(holder, number, style) {
  const address = pictures.get(`${number}/${style}`), shown = holder.firstChild;
  if (!address) {
    const one = studio.uploads.find((other) => other.number === number);
    if (one && one.frames.includes(style)) fetchFrame(number, style);
    if (shown.tagName === "IMG") shown.replaceWith(makeElement("span", "blank"));
    return;
  }
  if (shown.src === address) return;
  const image = Object.assign(document.createElement("img"), { src: address, alt: "" });
  shown.replaceWith(image);
}

function drawFiles() {
  const uploads = studio.uploads;
  if (!upload()) chosen = uploads.length ? uploads[0].number : "";
  const { used_bytes, most_bytes, free_bytes, kept_days } = studio;
  setText($("room"), say("room", {
    folder: studio.folder, used: size(used_bytes), most: size(most_bytes), free: size(free_bytes),
    days: kept_days,
  }));
  drawList($("shelf"), uploads, (one) => one.number, makeUpload, drawUpload);
  drawNamed();
  const one = upload();
  $("easel").hidden = !(one && (one.size || one.problem));
  if (one) drawEasel(one);
  const jobs = uploads.flatMap((of) => of.jobs.filter((job) => !job.is_preview)
    .map((job) => ({ ...job, of })));
  $("queue-title").hidden = !jobs.length;
  drawList($("queue"), jobs, (job) => job.id, makeJob, drawJob);
  keepChoices();
}

// Files in folders that the owner has named stay where they lie.
function drawNamed() {
  const told = JSON.stringify(studio.named);
  $("named-label").hidden = !studio.named.length;
  if ($("named").dataset.told === told) return;
  $("named").dataset.told = told;
  const groups = studio.named.map(({ folder, names }) => {
    const group = Object.assign(document.createElement("optgroup"), { label: folder });
    group.append(...names.map((name) => new Option(name, JSON.stringify([folder, name]))));
    return group;
  });
  $("named").replaceChildren(new Option(`${studio.named.map((one) => one.folder).join(", ")} …`, ""),
    ...groups);
}

async function takeNamed() {
  if (!$("named").value) return;
  const [folder, name] = JSON.parse($("named").value);
  $("named").value = "";
  const about = new URLSearchParams({ folder, name });
  ({ number: chosen } = await (await ask(`/files/named?${about}`, { method: "POST" })).json());
}

function makeUpload(one) {
  const row = document.createElement("li"), pick = makeElement("button", "one");
  const text = document.createElement("span");
  text.append(makeElement("span", "name", one.title), makeElement("span", "about"));
  pick.append(makeElement("span", "blank"), text);
  pick.onclick = () => {
    chosen = one.number;
    if (timelineOf(chosen).parts.length) pickPart(chosen, timelineOf(chosen).picked);
    drawFiles();
  };
  const remove = makeElement("button", "", say("remove"));
  remove.setAttribute("aria-label", say("remove_file", { title: one.title }));
  remove.onclick = () => {
    const asks = one.jobs.length ? "remove_all_asks" : "remove_file_asks";
    if (!confirm(say(asks, { title: one.title }))) return;
    sending.delete(one.number);
    does(() => ask(`/files/${one.number}`, { method: "DELETE" }))();
  };
  row.append(pick, remove);
  return row;
}

function drawUpload(row, one) {
  const pick = row.firstChild, about = pick.querySelector(".about");
  pick.setAttribute("aria-pressed", one.number === chosen);
  drawPicture(pick, one.number, "original");
  const share = Math.floor(100 * one.have_bytes / one.size_bytes);
  const length = one.is_picture ? "" : ` · ${clock(one.duration_s || 0)}`;
  const until = new Date(1000 * one.kept_until_s).toLocaleDateString(document.documentElement.lang);
  const known = one.size ? `${one.size}${length} · ${say("kept_until", { until })}` : say("looked_at");
  const coming = one.have_bytes < one.size_bytes
    && say(sending.has(one.number) ? "share_here" : "share_stopped", { share });
  setText(about, sayTold(one.problem) || coming || known);
  about.classList.toggle("wrong", Boolean(one.problem));
}

function drawEasel(one) {
  drawWishes();
  const styles = [{ name: "original", title: say("original") }, ...studio.styles];
  if (!wanted.style || !styles.some((style) => style.name === wanted.style)) {
    wanted.style = studio.styles[0].name;
  }
  drawList($("strip"), styles, (style) => style.name, makeChoice, (button, style) => {
    button.setAttribute("aria-pressed", style.name === wanted.style);
    setText(button.querySelector(".name"), style.title);
    drawPicture(button, one.number, style.name);
  });
  const isUnpaintable = !one.size || (wanted.style === "original" && !scheduleOf(one.number));
  $("paint").disabled = $("look").disabled = isUnpaintable;
  $("look").hidden = one.is_picture;
  const most = (one.duration_s || 0) - SECONDS_SHOWN;
  $("moment").hidden = one.is_picture || most <= 0;
  $("from").max = Math.max(0, most);
  if (one.size && $("from").dataset.of !== one.number) {
    $("from").dataset.of = one.number;
    $("from").value = Math.max(0, Math.min(most, one.duration_s / 3));
  }
  $("from").setAttribute("aria-valuetext", clock($("from").value));
  setText($("moment").querySelector("output"), clock($("from").value));
  drawTimes(one);
  drawSight(one);
}

// The chosen style on the frame, at once; the preview over it once there is one of this.
function drawSight(one) {
  const preview = one.jobs.find((job) => job.is_preview);
  const schedule = scheduleOf(one.number);
  const isOfThis = preview && preview.schedule === schedule
    && (schedule || preview.style === wanted.style);
  const address = pictures.get(`${one.number}/${wanted.style}`)
    || pictures.get(`${one.number}/original`);
  const plays = isOfThis && preview.state === "done";
  if (plays && previewed !== preview.id) loadPreview(one.number, preview.id);
  const isLoaded = plays && $("preview").dataset.of === preview.id;
  $("preview").hidden = !isLoaded;
  if (!isLoaded) $("preview").pause();
  $("sample").hidden = isLoaded || !address;
  if (address && $("sample").src !== address) $("sample").src = address;
  const { title } = [...studio.styles, { name: "original", title: say("original") }]
    .find((style) => style.name === wanted.style);
  $("sample").alt = `${one.title}, ${title}`;
  const states = {
    waiting: say("look_waits"),
    running: say("look_runs", { percent: Math.round(100 * (preview ? preview.done : 0)) }),
    failed: isOfThis && sayTold(preview.said),
  };
  const isPainted = pictures.get(`${one.number}/${wanted.style}`);
  const frame = sayTold(one.problem) || (isPainted ? "" : say("painting_frame"));
  setText($("sight-said"), (isOfThis && states[preview.state]) || (isLoaded ? "" : frame));
}

async function loadPreview(number, job) {
  previewed = job;
  const answer = await request(`/files/${number}/jobs/${job}/content`).catch(() => null);
  if (!answer || !answer.ok) { previewed = ""; return; }
  const video = $("preview");
  if (video.src) URL.revokeObjectURL(video.src);
  const content = new Blob([await answer.blob()], { type: "video/mp4" });
  video.src = URL.createObjectURL(content);
  video.dataset.of = job;
  drawFiles();
  video.play().catch(() => {});  // it may be hidden by now
}

function makeChoice(style) {
  const button = makeElement("button", "");
  button.dataset.style = style.name;
  button.append(makeElement("span", "blank"), makeElement("span", "name", style.title));
  button.onclick = () => { wanted.style = style.name; wishForPart(chosen); drawFiles(); };
  return button;
}

function drawWishes() {
  if ($("wishes").children.length) return;
  for (const control of studio.controls) {
    const isSlider = control.kind === "slider";
    const first = isSlider ? { strength: 1, brush: 1 }[control.name] || 0 : false;
    const value = wanted[control.name] ??= first;
    const made = isSlider ? makeSlider(control) : makeElement("button", "", sayTold(control.label));
    made.title = sayTold(control.help);
    const input = made.querySelector("input");
    if (input) {
      const draw = () => setText(made.querySelector("output"), input.value);
      Object.assign(input, { id: `w-${control.name}`, value });
      made.htmlFor = input.id;
      input.oninput = () => { wanted[control.name] = Number(input.value); draw(); };
      draw();
    } else {
      made.setAttribute("aria-pressed", value);
      made.onclick = () => {
        wanted[control.name] = !wanted[control.name];
        made.setAttribute("aria-pressed", wanted[control.name]);
      };
    }
    $("wishes").append(made);
  }
}

function order(kind) {
  const schedule = scheduleOf(chosen), [first] = timelineOf(chosen).parts;
  const style = first ? first.style : wanted.style;
  const body = JSON.stringify({ ...wanted, style, schedule, begin_s: Number($("from").value) });
  return ask(`/files/${chosen}/${kind}`, { method: "POST", body });
}

const OF_JOB = {
  pause: ["pause", (at) => ask(`${at}/pause`, { method: "POST" })],
  go: ["go_on", (at) => ask(`${at}/go`, { method: "POST" })],
  download: ["download", async (at) => {
    const { address } = await (await ask(`${at}/ticket`, { method: "POST" })).json();
    Object.assign(document.createElement("a"), { href: address, download: "" }).click();
  }],
  folder: ["open_folder", (at) => ask(`${at}/folder`, { method: "POST" })],
  cancel: ["cancel", (at) => ask(at, { method: "DELETE" })],
  remove: ["remove", (at) => ask(at, { method: "DELETE" })],
};
const SHOWN = {
  waiting: ["pause", "cancel"], running: ["pause", "cancel"], paused: ["go", "cancel"],
  failed: ["go", "remove"], done: ["download", "folder", "remove"],
};

function makeJob(job) {
  const row = document.createElement("li"), text = document.createElement("div");
  const acts = makeElement("div", "do");
  text.append(makeElement("span", "name", `${job.of.title} · ${job.title}`),
    makeElement("span", "about"));
  for (const [name, [word, act]] of Object.entries(OF_JOB)) {
    const label = say(word), button = makeElement("button", "", label);
    button.dataset.act = name;
    button.setAttribute("aria-label", `${label}: ${job.of.title}, ${job.title}`);
    button.onclick = does(() => act(`/files/${job.of.number}/jobs/${job.id}`));
    acts.append(button);
  }
  const bar = Object.assign(document.createElement("progress"), { max: 1 });
  bar.setAttribute("aria-label", `${job.of.title}, ${job.title}`);
  row.append(text, acts, bar);
  return row;
}

function drawJob(row, job) {
  const bar = row.querySelector("progress"), about = row.querySelector(".about");
  const percent = `${Math.round(100 * job.done)} %`;
  const rate = say("frames_a_second", { fps: job.fps.toFixed(1) });
  const left = job.left_s === null ? "" : ` · ${say("time_left", { clock: clock(job.left_s) })}`;
  const states = {
    waiting: job.done ? say("waits_at", { percent }) : say("waits"),
    running: job.fps ? `${percent} · ${rate}${left}` : say("getting_ready"),
    paused: say("paused_at", { percent }),
    done: job.output,
    failed: say("not_painted"),
  };
  const said = job.said.split(" · ").map(sayTold).join(" · ");
  setText(about, [states[job.state], said].filter(Boolean).join(" · "));
  about.classList.toggle("wrong", job.state === "failed");
  row.dataset.state = job.state;
  bar.hidden = job.state === "done" || job.state === "failed";
  bar.value = job.done;
  for (const button of row.querySelectorAll("[data-act]")) {
    const act = button.dataset.act;
    button.hidden = !SHOWN[job.state].includes(act) || (act === "folder" && !studio.can_open);
  }
}

$("choose").onclick = () => $("chosen").click();
$("chosen").onchange = () => {
  const files = [...$("chosen").files];
  $("chosen").value = "";  // the same one may be chosen again
  bringAll(files);
};
$("named").onchange = does(takeNamed);
$("paint").onclick = does(() => order("painting"));
$("look").onclick = does(() => order("preview"));
$("from").oninput = () => drawFiles();
$("preview").onerror = () => {
  if ($("preview").src) notify(say("cannot_play"));
};
TAKES.files = bringAll;
document.addEventListener("language", () => {
  for (const list of ["shelf", "strip", "track", "wishes", "queue"]) $(list).replaceChildren();
  if (studio) drawFiles();
});
document.addEventListener("tab", (event) => { if (event.detail !== "live") askState().catch(told); });
addEventListener("pagehide", keepChoices);
addEventListener("DOMContentLoaded", () => { if (!asked) keepAsking(); });
