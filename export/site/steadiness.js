// Blends each painting with the last one, moved along with the camera: as --stability of the
// programs (realtime/picture/steadiness.py), but with one motion of the whole picture for all its
// pixels. What moves otherwise is painted anew.

import { boxSum, inPixels, inverted, joined } from "./motion.js";

const MOST = 0.95;  // of the last painting, at stability 1
const SIGMA = 12;  // 8-bit levels of difference along the motion at which the hold has let go
const CUT_FOUND = 0.2;  // of the picture: with less of it found again, it is another shot
const JUMP_LEVELS = 8;  // of mean luma: exposure has changed, and all of the painting with it
const LEAST_SHARE = 1 / 512;  // what is less is not seen

/** Tells from small copies of the frames where the last painting still holds. */
export class Steadiness {
  constructor() { this.reset(); }

  /** Begins anew with the next frame. */
  reset() { this.last = null; }

  /**
   * How the painting of a frame is mixed with the last one: `along` leads from it to the frame
   * before, as rows of a 2x3 matrix in short sides; `shares` are those of the last painting, at
   * the size of `copy`, { pixels, height, width } of RGBA, and null where there is none to hold.
   */
  follow(copy, view, stability) {
    const { last } = this, { height, width } = copy, luma = meanLuma(copy);
    this.last = { ...copy, view, luma };
    const isOther = !last || last.height !== height || last.width !== width;
    if (isOther || Math.abs(luma - last.luma) > JUMP_LEVELS) return { shares: null };
    const along = joined(inverted(last.view), view), most = MOST * (1 - (1 - stability) ** 4);
    const shares = boxSum(changesAlong(along, copy, last), height, width, 1);
    let found = 0;
    for (let i = 0; i < shares.length; i++) {
      const trust = Math.exp(-((shares[i] / (9 * SIGMA)) ** 2));
      if (trust > 0.1) found += 1;
      shares[i] = most * trust;
    }
    return { along, height, width, shares: found > CUT_FOUND * shares.length ? shares : null };
  }
}

function meanLuma({ pixels }) {
  let sum = 0, count = 0;
  for (let at = 0; at < pixels.length; at += 20, count++) {  // every fifth pixel tells it
    sum += 0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2];
  }
  return sum / count;
}

// How much the channel changed that did most; all of it where that was out of sight.
function changesAlong(along, { pixels, height, width }, { pixels: before }) {
  const [a, b, left, c, d, top] = inPixels(along, height, width);
  const changes = new Float32Array(height * width), row = 4 * width;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const u = a * x + b * y + left, v = c * x + d * y + top;
      changes[i] = 255;
      if (!(u >= 0 && v >= 0 && u <= width - 1 && v <= height - 1)) continue;
      const column = u | 0, line = v | 0, right = u - column, under = v - line;
      const next = right ? 4 : 0, below = under ? row : 0;
      const near = line * row + 4 * column, far = near + below;
      let most = 0;
      for (let k = 0; k < 3; k++) {
        const upper = before[near + k] + right * (before[near + next + k] - before[near + k]);
        const lower = before[far + k] + right * (before[far + next + k] - before[far + k]);
        const change = Math.abs(pixels[4 * i + k] - upper - under * (lower - upper));
        if (change > most) most = change;
      }
      changes[i] = most;
    }
  }
  return changes;
}

/** The painting shown last, three numbers a pixel: bytes would never come near a new painting. */
export class LastPainting {
  /** `painting`, RGB, mixed with the last one; `steady`: as from `Steadiness`, or null: off. */
  hold(painting, steady, height, width) {
    const isSame = this.height === height && this.width === width;
    const before = steady?.shares && isSame ? this.shown : null;
    this.shown = steady ? new Float32Array(painting) : null;
    if (!steady) return painting;
    Object.assign(this, { height, width });
    if (before) this.mix(before, steady);
    return new Uint8ClampedArray(this.shown);
  }

  mix(before, steady) {
    const { shown, height, width } = this, row = 3 * width;
    const [a, b, left, c, d, top] = inPixels(steady.along, height, width);
    const columns = Array.from({ length: width }, (_, x) => between(x, width, steady.width));
    const shares = new Float32Array(width);
    for (let y = 0, i = 0; y < height; y++) {
      readRow(steady, between(y, height, steady.height), columns, shares);
      for (let x = 0; x < width; x++, i += 3) {
        const share = shares[x];
        if (share < LEAST_SHARE) continue;
        const u = Math.min(Math.max(a * x + b * y + left, 0), width - 1);
        const v = Math.min(Math.max(c * x + d * y + top, 0), height - 1);
        const column = u | 0, line = v | 0, right = u - column, under = v - line;
        const at = line * row + 3 * column;
        if (right === 0 && under === 0) {  // most of what rests
          shown[i] += share * (before[at] - shown[i]);
          shown[i + 1] += share * (before[at + 1] - shown[i + 1]);
          shown[i + 2] += share * (before[at + 2] - shown[i + 2]);
          continue;
        }
        const next = at + (right ? 3 : 0), below = at + (under ? row : 0), far = below + next - at;
        const whole = 1 - share, upper = share * (1 - under), lower = share * under;
        const p = upper * (1 - right), q = upper * right;
        const r = lower * (1 - right), s = lower * right;
        for (let k = 0; k < 3; k++) {
          shown[i + k] = whole * shown[i + k] + p * before[at + k] + q * before[next + k]
            + r * before[below + k] + s * before[far + k];
        }
      }
    }
  }
}

// Between which two of `count` a pixel of `length` lies, and how far from the first.
function between(place, length, count) {
  const at = Math.min(Math.max((place + 0.5) * count / length - 0.5, 0), count - 1);
  const first = Math.floor(at);
  return { first, second: Math.min(first + 1, count - 1), part: at - first };
}

// The shares of a row of pixels, whose `columns` lie between those that are told.
function readRow({ shares, width }, line, columns, row) {
  const upper = line.first * width, lower = line.second * width;
  columns.forEach(({ first, second, part }, x) => {
    const left = shares[upper + first]
      + line.part * (shares[lower + first] - shares[upper + first]);
    const right = shares[upper + second]
      + line.part * (shares[lower + second] - shares[upper + second]);
    row[x] = left + part * (right - left);
  });
}
