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
  notify(say("kept_as", { name }));
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
      ? say("kept_about", { name: one.name }) : say("run_about"));
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
  setText($("lesson-end"), say(isEnded ? "put_away" : "cancel"));
  $("lesson-done").hidden = !lesson || isEnded;
  if (lesson && lesson.done > 0) $("lesson-done").value = lesson.done;
  else $("lesson-done").removeAttribute("value");  // nobody knows how far it is
  setText($("lesson-name"), lesson ? lesson.title : painting.name);
  const about = say(downloads ? "lesson_about_downloads" : "lesson_about");
  setText($("lesson-said"), lesson ? tellLesson(lesson) : sayTold(refusal) || about);
  showLesson(lesson).catch(told);
}

function tellLesson({ state: how, done, minutes, words: said }) {
  const whole = sayTold(said);
  const words = whole === said ? said.split(", ").map(sayTold).join(", ") : whole;
  if (how === "failed") return say("lesson_failed", { words });
  if (how === "done") return say("lesson_is_done", { words });
  if (!done) return words;
  const left = clock(minutes * 60 * (1 - done));
  return say("lesson_runs", { percent: Math.round(100 * done), left, words });
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
      image.alt = say("lesson_seen");
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
  notify(say("lesson_kept", { name }));
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
  keep: ["keep", (one) => ask(`/own/${one.name}/keep`, { method: "POST" })],
  rename: ["rename", (one) => {
    const title = prompt(say("its_name"), one.title);
    if (!title) return null;
    const about = `title=${encodeURIComponent(title)}`;
    return ask(`/own/${one.name}/rename?${about}`, { method: "POST" });
  }],
  share: ["download", async (one) => {
    const answer = await ask(`/own/${one.name}/row`);
    saveAs(await answer.blob(), `${one.name}.row`);
  }],
  remove: ["remove", (one) => {
    if (!confirm(say("remove_style_asks", { title: one.title }))) return null;
    return ask(`/own/${one.name}`, { method: "DELETE" });
  }],
};

function makeOwn(one) {
  const row = document.createElement("li"), text = document.createElement("div");
  const acts = makeElement("div", "do");
  text.append(makeElement("span", "name", one.title), makeElement("span", "about"));
  for (const [name, [word, act]] of Object.entries(OF_STYLE)) {
    if ((name === "keep") === one.kept) continue;
    const label = say(word), button = makeElement("button", name === "keep" ? "first" : "", label);
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
  if (!fresh.length) toast(say("told_nothing_to_keep"));
};

$("pick").onclick = () => $("picked").click();
$("picked").onchange = () => {
  const files = [...$("picked").files];
  $("picked").value = "";
  bringStyles(files);
};
TAKES.mine = bringStyles;
document.addEventListener("language", () => {
  $("own").replaceChildren();
  if (studio) drawOwn();
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  for (const place of [$("files-drop"), $("mine-drop")]) {
    place.addEventListener(kind, () => place.classList.toggle("over", kind === "dragover"));
  }
}
