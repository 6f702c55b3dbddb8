// The keys of the programs, by where they lie on the keyboard and not by what is printed on them.

const PLAIN = {
  Minus: "-", BracketLeft: "[", BracketRight: "]", Semicolon: ";", Quote: "'", Comma: ",",
  Period: ".", Space: "space", PageUp: "pageup", PageDown: "pagedown", F11: "f11",
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  NumpadAdd: "+", NumpadSubtract: "-",
};
const SHIFTED = {
  Equal: "+", BracketLeft: "{", BracketRight: "}", Comma: "<", Period: ">", Slash: "?",
  Digit9: "(", Digit0: ")",
};
const UNSHIFTED = { Equal: "=", Slash: "/" };  // what else a key of SHIFTED has where keys are usual
const SIGNS = {
  left: "←", right: "→", up: "↑", down: "↓", pageup: "PgUp", pagedown: "PgDn",
  space: "Space", f11: "F11",
  "(": "⇧ 9", ")": "⇧ 0",  // keyboards differ in where brackets are, and not in where digits are
};

/** The name that the table of commands has for a key. */
export function keyName({ code, shiftKey }) {
  if (shiftKey) return SHIFTED[code];
  const [, sign] = /^(?:Key|Digit|Numpad)(\w)$/.exec(code) || [];
  return sign ? sign.toLowerCase() : PLAIN[code];
}

/** Returns what tells what is printed on the key of a name, where the browser knows. */
export async function readLabels() {
  const layout = navigator.keyboard && await navigator.keyboard.getLayoutMap().catch(() => null);
  const find = (codes, name) => Object.keys(codes).find((code) => codes[code] === name);
  return (name) => {
    if (SIGNS[name]) return SIGNS[name];
    const letter = /^[a-z]$/.test(name) && `Key${name.toUpperCase()}`;
    const shifted = find(SHIFTED, name);
    const code = shifted || find(PLAIN, name) || letter;
    const printed = layout && code && layout.get(code);
    if (!printed) return name;
    const isUsual = (keyName({ code }) || UNSHIFTED[code]) === printed;
    return shifted ? (isUsual ? name : `⇧ ${printed}`) : printed;
  };
}
