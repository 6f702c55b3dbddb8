// Every word that is shown, from words.json; the visitor's language, or the one chosen here before.
// The page of --serve and the one that paints by itself (export/site) read their words with this.

const LANGUAGES = ["en", "de"];
const TOLD = /^(told|label|help)_/;  // what a program says
let table, language, whole, patterns;

/** Loads the words. */
export async function loadWords() {
  table = await (await fetch("words.json")).json();
  const wanted = [recall("language"), ...navigator.languages.map((code) => code.slice(0, 2))];
  language = wanted.find((code) => LANGUAGES.includes(code)) || LANGUAGES[0];
  const told = Object.entries(table.en).filter(([name]) => TOLD.test(name));
  whole = new Map(told.map(([name, text]) => [text, name]));
  patterns = told.filter(([, text]) => text.includes("{")).map(([name, text]) => {
    const parts = text.split(/\{(\w+)\}/).map((part, index) => (
      index % 2 ? `(?<${part}>.+?)` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
    return [new RegExp(`^${parts.join("")}$`, "s"), name];
  });
}

/** The words under a name, with what they hold: {fps} stands for values.fps. */
export function say(name, values = {}) {
  const text = table[language][name];
  return text.replace(/\{(\w+)\}/g, (hole, key) => values[key] ?? hole);
}

/** What a program says, which is English, in the page's language; as it is where it has no entry. */
export function sayTold(text) {
  if (whole.has(text)) return say(whole.get(text));
  for (const [pattern, name] of patterns) {
    const found = pattern.exec(text);
    if (found) return say(name, found.groups);
  }
  return text;
}

/** Puts the words in: data-word is an element's text, data-name its accessible name, data-hint what
 * is shown when one points at it. */
export function fillWords() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = say(element.dataset.word);
  }
  for (const element of document.querySelectorAll("[data-name]")) {
    element.setAttribute("aria-label", say(element.dataset.name));
  }
  for (const element of document.querySelectorAll("[data-hint]")) {
    element.title = say(element.dataset.hint);
  }
}

/** Turns to the other language. */
export function turnLanguage() {
  language = LANGUAGES[(LANGUAGES.indexOf(language) + 1) % LANGUAGES.length];
  remember("language", language);
}

/** What was kept here, or null: a browser may keep nothing. */
export function recall(name) {
  try { return localStorage.getItem(`livebrush ${name}`); } catch { return null; }
}

/** Keeps a text in this browser. */
export function remember(name, text) {
  try { localStorage.setItem(`livebrush ${name}`, text); } catch { /* then not */ }
}
