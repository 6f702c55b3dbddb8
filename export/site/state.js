// What can be controlled, and what the commands do: as realtime/controls has it, for one visitor.

const BANK = 9;
const STEPS = {  // what each command changes, and by how much
  weaker: ["strength", -0.1], stronger: ["strength", 0.1],
  finer: ["brush", -0.25], broader: ["brush", 0.25],
  plainer: ["canvas", -0.1], rougher: ["canvas", 0.1],
  looser: ["stability", -0.1], steadier: ["stability", 0.1],
  fade_shorter: ["fade", -0.2], fade_longer: ["fade", 0.2],
  auto_slower: ["auto_period", 1], auto_faster: ["auto_period", -1],
  divider_left: ["divider", -0.05], divider_right: ["divider", 0.05],
};
const SWITCHES = ["blend", "keep_color", "auto", "freeze", "mirror", "hud", "help"];
// Under these names a look stands behind the # of the address.
const IN_ADDRESS = {
  strength: "strength", brush: "brush", canvas: "canvas", stability: "stability", fade: "fade",
};
const PARTS = ["paint", "behind"];
const COLOR = /^#[0-9a-f]{6}$/i;  // behind a person
const PAINTERS = ["webgpu", "wasm"];
const MOST_SEED = 2 ** 31 - 1;
const EVEN_LINES = 480;  // the short side at which strokes have the breadth of brush 1

/** The state of the controls. `onChange(name)` is called after each command. */
export class State extends EventTarget {
  constructor(table) {
    super();
    this.table = table;
    this.styles = table.styles.slice(1).map((style) => style.name);
    // Instead of a function from state to state there is one object: the page has one thread.
    Object.assign(this, table.values, { divider: 0.5, bank: 0, seed: 1, painting: null });
    this.mix = [[this.styles[0], 1]];
    this.fadeFrom = null;
    this.cover = table.behind[2];  // what was behind people last: blur, or a colour
  }

  /** Adds a picture as a style, and chooses it. */
  addPicture(label, row, thumbnail) {
    const name = `picture_${this.rows.length + 1}`;
    this.fadeFrom = null;  // it knows of one style less
    this.table.styles.push({ name, label, title: label, artist: "", row, thumbnail });
    this.styles.push(name);
    this.perform("style", name);
  }

  /** The rows of pictures, which are the last of all styles. */
  get rows() { return this.table.styles.map((style) => style.row).filter(Boolean); }

  /** The address of a style's small picture. */
  thumbnailOf(name) {
    return this.table.styles.find((style) => style.name === name).thumbnail || `styles/${name}.jpg`;
  }

  /** The styles that digits mean now. */
  get bankStyles() { return this.styles.slice(this.bank * BANK, (this.bank + 1) * BANK); }

  get banks() { return Math.max(1, Math.ceil(this.styles.length / BANK)); }

  get chosen() { return this.mix.map(([name]) => name); }

  /** Does what a command says; no value means the next or the other one. */
  perform(name, value = null) {
    if (STEPS[name]) {
      const [number, by] = STEPS[name];
      return this.perform(number, stepped(this[number], by));
    }
    if (this.table.ranges[name] && name !== "slot") this.setNumber(name, value);
    else if (SWITCHES.includes(name)) this[name] = value === null ? !this[name] : Boolean(value);
    else if (name === "compare") this.compare = this.other("compare");
    else if (name === "paint") this.setPart("paint", value || this.other("paint"));
    else if (name === "behind") this.setPart("behind", value || this.other("behind"));
    else if (name === "slot") this.pickSlot(value);
    else if (name === "style") this.choose(value);
    else if (name === "original") this.toggleOriginal();
    else if (name === "next" || name === "previous") this.turnStyles(name === "next" ? 1 : -1);
    else if (name === "bank_next") this.bank = (this.bank + 1) % this.banks;
    else if (name === "bank_previous") this.bank = (this.bank + this.banks - 1) % this.banks;
    this.dispatchEvent(new CustomEvent("command", { detail: { name, value } }));
  }

  setNumber(name, value) {
    const [low, high] = this.table.ranges[name];
    if (!Number.isFinite(value)) return;
    this.startFade(name === "strength");
    this[name] = Math.min(Math.max(Number(value.toFixed(6)), low), high);
  }

  // The next of the usual words, and the first after any other.
  other(name) {
    const words = this.table[name];
    return words[(words.indexOf(this[name]) + 1) % words.length];
  }

  // Who is painted, or what is behind them.
  setPart(name, word) {
    const isColor = name === "behind" && COLOR.test(word);
    if (!isColor && !this.table[name].includes(word)) return;
    this.startFade(true);
    this[name] = word;
    if (isColor || word === this.table.behind[2]) this.cover = word;
  }

  /** Paints all, at once. */
  paintAll() {
    [this.paint, this.behind] = [this.table.paint[0], this.table.behind[0]];
    this.fadeFrom = null;
    this.dispatchEvent(new CustomEvent("command", { detail: { name: "paint" } }));
  }

  /** How far people are painted, what is behind them, and what covers that: 0 to 1 each. */
  get parts() {
    const [, nobodyElse, background] = this.table.paint, [painting, original] = this.table.behind;
    const person = this.paint === background ? 0 : 1;
    if (this.behind === original) return [person, 0, 0];
    if (this.behind !== painting) return [person, person, 1];
    return [person, this.paint === nobodyElse ? 0 : 1, 0];
  }

  /** The colour behind people, as [red, green, blue, 1]; [0, 0, 0, 0]: the room out of focus. */
  get coverColor() {
    if (!COLOR.test(this.cover)) return [0, 0, 0, 0];
    return [1, 3, 5, 7].map((at) => parseInt(`${this.cover}ff`.slice(at, at + 2), 16) / 255);
  }

  pickSlot(number) {
    const name = this.bankStyles[number - 1];
    if (name) this.choose(name);
  }

  /** Picks a style, or adds it to the blend while one is being made. */
  choose(name) {
    if (this.blend && name !== "original") this.blendIn(name);
    else this.pick(name);
  }

  pick(name) {
    this.setMix([[name, 1]]);
    if (name === "original") return;
    this.bank = Math.floor(this.styles.indexOf(name) / BANK);
    this.blend = false;
  }

  blendIn(name) {
    const names = this.chosen.filter((other) => other !== "original");
    const others = names.filter((other) => other !== name);
    const isOut = others.length < names.length && others.length > 0;
    this.setMix((isOut ? others : [...others, name]).map((other) => [other, 1]));
  }

  setMix(mix) {
    this.startFade(true);
    this.mix = mix;
  }

  toggleOriginal() {
    const isOriginal = this.chosen.every((name) => name === "original");
    if (!isOriginal) {
      this.painting = this.mix;
      this.setMix([["original", 1]]);
    } else if (this.painting) this.setMix(this.painting);
  }

  turnStyles(by) {
    const heaviest = this.mix.reduce((a, b) => (b[1] > a[1] ? b : a))[0];
    const at = this.styles.indexOf(heaviest), count = this.styles.length;
    this.pick(this.styles[at < 0 ? (by > 0 ? 0 : count - 1) : (at + by + count) % count]);
  }

  /** The style input of the network, as Float32Array of sum 1; column 0 is the frame itself. */
  vector() {
    const vector = new Float32Array(this.styles.length + 1);
    const total = this.mix.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of this.mix) {
      vector[this.styles.indexOf(name) + 1] += this.strength * weight / total;
    }
    vector[0] += 1 - this.strength;
    return vector;
  }

  startFade(isWanted) {
    const start = performance.now();
    if (isWanted) this.fadeFrom = { ...this.lookAt(start), start };
  }

  get fades() { return this.fadeFrom !== null; }

  /** The style input and the parts at a time, in the middle of a fade too. */
  lookAt(now_ms) {
    const after = { vector: this.vector(), parts: this.parts };
    if (!this.fadeFrom) return after;
    const t = Math.min(1, (now_ms - this.fadeFrom.start) / 1000 / this.fade);
    if (!(t < 1)) {
      this.fadeFrom = null;
      return after;
    }
    const smooth = t * t * (3 - 2 * t), { vector, parts } = this.fadeFrom;
    const between = (from, to) => to.map((value, i) => from[i] + smooth * (value - from[i]));
    return { vector: between(vector, after.vector), parts: between(parts, after.parts) };
  }

  /** Takes what stands behind the # of the address; what is not there is as usual. */
  readAddress(hash) {
    const told = new URLSearchParams(hash.replace(/^#/, ""));
    const mix = parseMix(told.get("s") || "", ["original", ...this.styles]);
    this.mix = mix.length ? mix : [[this.styles[0], 1]];
    this.bank = Math.max(0, Math.floor(this.styles.indexOf(this.chosen[0]) / BANK));
    for (const [name, key] of Object.entries(IN_ADDRESS)) {
      const number = parseFloat(told.get(key));
      this.setNumber(name, Number.isFinite(number) ? number : this.table.values[name]);
    }
    this.keep_color = told.get("keep_color") === "on";
    for (const name of PARTS) {
      this[name] = this.table.values[name];
      this.setPart(name, told.get(name));
    }
    const seed = parseInt(told.get("seed"), 10);
    this.seed = seed >= 0 && seed <= MOST_SEED ? seed : 1;
    this.clean = told.get("view") === "clean";
    this.painter = PAINTERS.find((name) => name === told.get("painter"));
    this.fadeFrom = null;
  }

  /** The address part that brings this look back: what is as usual is left out. */
  address() {
    const total = this.mix.reduce((sum, [, weight]) => sum + weight, 0);
    const mine = new Set(this.table.styles.filter((style) => style.row).map(({ name }) => name));
    const told = this.mix.filter(([name]) => !mine.has(name));  // a picture is not in the address
    const mix = told.map(([name, weight]) => mixPart(name, weight / total));
    const parts = mix.length ? [`s=${mix.join(",")}`] : [];
    for (const [name, key] of Object.entries(IN_ADDRESS)) {
      if (this[name] !== this.table.values[name]) parts.push(`${key}=${this[name]}`);
    }
    if (this.keep_color) parts.push("keep_color=on");
    for (const name of PARTS) {
      const word = encodeURIComponent(this[name]);
      if (this[name] !== this.table.values[name]) parts.push(`${name}=${word}`);
    }
    if (this.seed !== 1) parts.push(`seed=${this.seed}`);
    if (this.clean) parts.push("view=clean");
    if (this.painter) parts.push(`painter=${this.painter}`);
    return `#${parts.join("&")}`;
  }
}

/** The size [height, width] of the network for a frame: `lines` on the short side, even. */
export function networkSize(height, width, lines) {
  const scale = Math.min(lines / Math.min(height, width), 1600 / Math.max(height, width));
  const even = (length) => Math.max(2, 2 * Math.round(length * scale / 2));
  return Math.abs(scale - 1) <= 0.05 && height % 2 === 0 && width % 2 === 0
    ? [height, width] : [even(height), even(width)];
}

/** Lines of the network that give strokes of `brush`, where `lines` are what the device can. */
export function linesFor(brush, lines = EVEN_LINES) { return Math.min(lines, EVEN_LINES) / brush; }

// The next multiple of the step, as the programs count.
function stepped(now, by) {
  const size = Math.abs(by), at = now / size;
  return (by > 0 ? Math.floor(at + 1e-6) + 1 : Math.ceil(at - 1e-6) - 1) * size;
}

function mixPart(name, share) { return share === 1 ? name : `${name}:${Number(share.toFixed(3))}`; }

function parseMix(text, names) {
  const mix = new Map();
  for (const part of text.split(",")) {
    const [name, weight = "1"] = part.split(":"), number = parseFloat(weight);
    if (names.includes(name) && number > 0) mix.set(name, (mix.get(name) || 0) + number);
  }
  return [...mix];
}
