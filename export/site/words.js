// Every word that is shown, from words.json; the visitor's language, or the one chosen here before.

const LANGUAGES = ["en", "de"];
let table, language;

/** Loads the words. */
export async function loadWords() {
  table = await (await fetch("words.json")).json();
  const wanted = [recall("language"), ...navigator.languages.map((code) => code.slice(0, 2))];
  language = wanted.find((code) => LANGUAGES.includes(code)) || LANGUAGES[0];
}

/** The words under a name, with what they hold: {fps} stands for values.fps. */
export function say(name, values = {}) {
  const text = table[language][name];
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

/** Puts the words into the page: data-word is an element's text, data-name its accessible name. */
export function fillWords() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = say(element.dataset.word);
  }
  for (const element of document.querySelectorAll("[data-name]")) {
    element.setAttribute("aria-label", say(element.dataset.name));
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
