// Builds what is pressed and pulled, and shows the state on it.

import { readLabels } from "./keys.js";
import { say } from "./words.js";

const SLIDERS = { strength: 0.05, brush: 0.05, canvas: 0.05, stability: 0.05, fade: 0.1, auto_period: 1 };
const MOST = { auto_period: 60 };  // the far end of a longer range leaves no room for usual values
const SWITCHES = ["blend", "keep_color", "mirror", "freeze", "auto", "compare"];
const PARTS = ["paint", "behind"];  // who is painted, and what is behind
const BANK = 9;

const $ = (id) => document.getElementById(id);

function make(kind, properties, ...children) {
  const element = Object.assign(document.createElement(kind), properties);
  element.append(...children);
  return element;
}

/** Builds all controls of `state`, in the language that is set. */
export async function buildControls(state) {
  const [original, ...styles] = state.table.styles.map((style) => makeStyle(state, style));
  const add = state.table.predictor ? [makeAdd()] : [];
  $("styles").replaceChildren(original, ...add, ...styles);
  $("sliders").replaceChildren(...Object.keys(SLIDERS).map((name) => makeSlider(state, name)));
  const parts = PARTS.map((name) => makeSwitch(state, name, ""));
  const switches = SWITCHES.map((name) => makeSwitch(state, name, say(name)));
  $("switches").replaceChildren(...switches, ...parts, makeColor(state));
  drawControls(state);
  $("rows").replaceChildren(...helpRows(state.table.keys, await readLabels()));
}

function makeStyle(state, { name, label, title, artist }) {
  const isOriginal = name === "original";
  const image = make("img", { src: state.thumbnailOf(name), alt: "", width: 160, height: 120 });
  const text = make("span", { textContent: isOriginal ? say("original") : label });
  const button = make("button", {}, image, make("kbd", {}), text);
  if (!isOriginal) button.title = [title, artist].filter(Boolean).join(", ");
  button.dataset.style = name;
  button.onclick = () => state.perform(...(isOriginal ? ["original"] : ["style", name]));
  return button;
}

function makeAdd() {
  const button = make("button", { textContent: say("add_style"), className: "add" });
  button.title = say("help_add_style");
  button.onclick = () => $("style_file").click();
  return button;
}

function makeSlider(state, name) {
  const [min, high] = state.table.ranges[name], max = MOST[name] || high;
  const input = make("input", { type: "range", id: `c-${name}` });
  Object.assign(input, { min, max, step: SLIDERS[name] });
  input.oninput = () => state.perform(name, Number(input.value));
  const title = make("span", { textContent: say(name) });
  return make("label", { title: say(`help_${name}`) }, title, make("output", {}), input);
}

function makeSwitch(state, name, text) {
  const button = make("button", { id: `c-${name}`, textContent: text });
  button.title = say(`help_${name}`);
  button.onclick = () => state.perform(name);
  return button;
}

function makeColor(state) {
  const input = make("input", { type: "color", id: "c-color", value: "#1e6e4f" });
  input.oninput = () => state.perform("behind", input.value);
  return make("label", { title: say("help_behind") }, say("color_behind"), " ", input);
}

/** The word for what is behind people: behind_ stands before it in words.json. */
export function behindWord({ behind }) { return behind.startsWith("#") ? "color" : behind; }

// A row for each thing that keys do: of two ways, as in "[ ]", both stand in one row.
function helpRows(keys, labelOf) {
  const rows = new Map();
  for (const [key, [command]] of Object.entries(keys)) {
    const text = say(`help_${command}`);
    rows.set(text, [...(rows.get(text) || []), labelOf(key)]);
  }
  return [...rows].map(([text, labels]) => {
    const shown = labels.length > 6 ? `${labels[0]} – ${labels.at(-1)}` : labels.join("  ");
    return make("p", {}, make("kbd", { textContent: shown }), make("span", { textContent: text }));
  });
}

/** Shows `state` on the controls. */
export function drawControls(state) {
  for (const name of Object.keys(SLIDERS)) {
    const input = $(`c-${name}`), output = input.parentElement.querySelector("output");
    input.value = state[name];
    output.textContent = Number(state[name].toFixed(2));
  }
  for (const name of SWITCHES) {
    const isOn = name === "compare" ? state.compare !== state.table.compare[0] : state[name];
    $(`c-${name}`).setAttribute("aria-pressed", isOn);
  }
  for (const name of PARTS) {
    const word = name === "behind" ? behindWord(state) : state[name];
    $(`c-${name}`).setAttribute("aria-pressed", state[name] !== state.table[name][0]);
    $(`c-${name}`).textContent = say(`${name}_${word}`);
  }
  if (behindWord(state) === "color") $("c-color").value = state.behind;
  $("styles").querySelectorAll("[data-style]").forEach((button, place) => {
    const slot = place - 1 - BANK * state.bank, isInBank = slot >= 0 && slot < BANK;
    button.setAttribute("aria-pressed", state.chosen.includes(button.dataset.style));
    button.querySelector("kbd").textContent = place === 0 ? 0 : isInBank ? slot + 1 : "";
  });
  $("stage").classList.toggle("divided", state.compare === state.table.compare[1]);
}
