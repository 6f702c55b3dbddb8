"use strict";
// The My styles tab: styles made of pictures, kept as files.

let painting = null, seenAt = 0;  // the picture that was brought last; of which row the preview is

async function bringStyle(file) {
  if (!file.name.toLowerCase().endsWith(".row")) {
    painting = file;
    return addPicture(file);
  }
  const about = `name=${encodeURIComponent(file.name)}`;
  const { name } = await (await ask(`/own?${about}`, { method: "POST", body: file })).json();
  notify(`kept as ${name}`);
}

async function bringStyles(files) {
  for (const file of files) await bringStyle(file).catch(told);
  await askState();
}

function drawOwn() {
  drawLesson();
  const list = $("own");
  drawList(list, studio.own, (one) => `${one.kept}/${one.name}`, makeOwn, (row, one) => {
    drawSwatch(row, one);
    setText(row.querySelector(".name"), one.title);
    setText(row.querySelector(".about"), one.kept
      ? `kept: in Files, and in Live from every start on; -s ${one.name}`
      : "of this run: in Live; gone with it if it is not kept");
  });
}

// What is trained, was trained, or may be.
function drawLesson() {
  const { lesson, refusal, downloads, minutes } = studio.training;
  $("lesson").hidden = !lesson && !painting;
  if ($("lesson").hidden) return;
  const may = !lesson && !refusal, isEnded = lesson && lesson.state !== "running";
  if (!$("lesson-minutes").length) {
    $("lesson-minutes").append(...minutes.map((number) => new Option(number)));
    $("lesson-minutes").value = minutes[1];
  }
  for (const id of ["lesson-for", "lesson-begin"]) $(id).hidden = !may;
  $("lesson-keep").hidden = !lesson || !lesson.kept_at || lesson.state === "failed";
  $("lesson-end").hidden = !lesson;
  setText($("lesson-end"), isEnded ? "Put away" : "Cancel");
  $("lesson-done").hidden = !lesson || isEnded;
  if (lesson && lesson.done > 0) $("lesson-done").value = lesson.done;
  else $("lesson-done").removeAttribute("value");  // nobody knows how far it is
  setText($("lesson-name"), lesson ? lesson.title : painting.name);
  setText($("lesson-said"), lesson ? tellLesson(lesson) : refusal || (
    "It becomes one of the styles below at once. Training on photos brings it nearer to the painting: "
    + "you see it come, and keep it when it pleases." + (downloads
      ? " The first training downloads 528 MB first: VGG16's published weights, from pytorch.org." : "")));
  showLesson(lesson).catch(told);
}

function tellLesson({ state: how, done, minutes, words }) {
  if (how === "failed") return `it has failed: ${words}`;
  if (how === "done") return `done: ${words}`;
  if (!done) return words;
  const left = minutes * 60 * (1 - done);
  return `${Math.round(100 * done)} %, about ${clock(left)} left: ${words}. `
    + "Keep it as it is now, or let it go on.";
}

async function showLesson(lesson) {
  const at = lesson ? lesson.kept_at : 0, image = $("lesson-seen");
  if (at === seenAt) return;
  seenAt = at;
  if (at) {
    const answer = await request("/lesson/preview");
    if (answer.status === 200) {
      image.src = URL.createObjectURL(await answer.blob());
      image.onload = () => URL.revokeObjectURL(image.src);
      image.alt = "the painting, and below photos what they are painted like by now";
    }
  }
  image.hidden = !at;
}

async function beginLesson() {
  const body = await shrink(painting), headers = { "Content-Type": "image/jpeg" };
  const about = `title=${titleOf(painting)}&minutes=${$("lesson-minutes").value}`;
  await ask(`/lesson?${about}`, { method: "POST", headers, body });
  painting = null;
}

$("lesson-begin").onclick = does(beginLesson);
$("lesson-keep").onclick = does(async () => {
  const { name } = await (await ask("/lesson/keep", { method: "POST" })).json();
  notify(`kept as ${name}: in Live now, and in Files`);
});
$("lesson-end").onclick = does(() => ask("/lesson", { method: "DELETE" }));

// A kept style is shown on a photo that ships, one of this run on what Live shows, if it does.
async function drawSwatch(row, one) {
  const old = row.firstChild;
  if (old.dataset.of === `${one.name} ${one.swatch}` || row.dataset.asks) return;
  row.dataset.asks = "yes";
  const address = one.kept ? `/own/${one.name}/swatch` : `/thumbnail/${one.name}`;
  const answer = await request(address).catch(() => null);
  delete row.dataset.asks;
  if (!answer || answer.status !== 200) return;
  const image = makeElement("img", "swatch");
  image.onload = () => URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(await answer.blob());
  image.alt = "";
  image.dataset.of = `${one.name} ${one.swatch}`;
  old.replaceWith(image);
}

const OF_STYLE = {
  keep: ["Keep", (one) => ask(`/own/${one.name}/keep`, { method: "POST" })],
  rename: ["Rename", (one) => {
    const title = prompt("Its name", one.title);
    if (!title) return null;
    const about = `title=${encodeURIComponent(title)}`;
    return ask(`/own/${one.name}/rename?${about}`, { method: "POST" });
  }],
  share: ["Download", async (one) => {
    const answer = await ask(`/own/${one.name}/row`);
    saveAs(await answer.blob(), `${one.name}.row`);
  }],
  remove: ["Remove", (one) => {
    if (!confirm(`Remove the style ${one.title} from this machine?`)) return null;
    return ask(`/own/${one.name}`, { method: "DELETE" });
  }],
};

function makeOwn(one) {
  const row = document.createElement("li"), text = document.createElement("div");
  const acts = makeElement("div", "do");
  text.append(makeElement("span", "name", one.title), makeElement("span", "about"));
  for (const [name, [label, act]] of Object.entries(OF_STYLE)) {
    if ((name === "keep") === one.kept) continue;
    const button = makeElement("button", name === "keep" ? "first" : "", label);
    button.dataset.act = name;
    button.setAttribute("aria-label", `${label}: ${one.title}`);
    button.onclick = does(() => act(one));
    acts.append(button);
  }
  row.append(makeElement("span", "swatch"), text, acts);
  return row;
}

// On the page the key of `keep` does what the button does, for what is painted.
LOCAL.keep = async () => {
  await askState();
  if (!studio) return perform("keep");  // which says who may
  const fresh = studio.own.filter((one) => !one.kept && state.chosen.includes(one.name));
  for (const one of fresh) await OF_STYLE.keep[1](one).catch(told);
  if (!fresh.length) toast("nothing to keep: what is painted is kept already");
};

$("pick").onclick = () => $("picked").click();
$("picked").onchange = () => {
  const files = [...$("picked").files];
  $("picked").value = "";
  bringStyles(files);
};
TAKES.mine = bringStyles;
for (const kind of ["dragover", "dragleave", "drop"]) {
  for (const place of [$("files-drop"), $("mine-drop")]) {
    place.addEventListener(kind, () => place.classList.toggle("over", kind === "dragover"));
  }
}
