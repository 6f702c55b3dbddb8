// Blends each painting with the last one, moved along with the camera: as --stability of the
// programs (realtime/picture/steadiness.py), but for one motion of the whole picture in place of one
// of each pixel. What moves otherwise is painted anew.

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
    const along = joined(inverted(last.view), view), changes = changesAlong(along, copy, last);
    const most = MOST * (1 - (1 - stability) ** 4), around = boxSum(changes, height, width, 1);
    const shares = around.map((sum) => most * Math.exp(-((sum / (9 * SIGMA)) ** 2)));
    const found = shares.reduce((count, share) => count + (share > 0.1 * most ? 1 : 0), 0);
    return { along, height, width, shares: found > CUT_FOUND * shares.length ? shares : null };
  }
}

function meanLuma({ pixels }) {
  let sum = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    sum += 0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2];
  }
  return 4 * sum / pixels.length;
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
      const column = Math.floor(u), line = Math.floor(v), right = u - column, under = v - line;
      const next = right ? 4 : 0, below = under ? row : 0;
      let at = line * row + 4 * column, most = 0;
      for (let channel = 0; channel < 3; channel++, at++) {
        const upper = before[at] + right * (before[at + next] - before[at]);
        const lower = before[at + below] + right * (before[at + below + next] - before[at + below]);
        const change = Math.abs(pixels[4 * i + channel] - upper - under * (lower - upper));
        if (change > most) most = change;
      }
      changes[i] = most;
    }
  }
  return changes;
}

/** The painting shown last, three numbers a pixel: bytes would never come near a new painting. */
export class LastPainting {
  /** `painting`, RGB, mixed with the last one; `steady`: as from `Steadiness`, null where it is off. */
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
    for (let y = 0, i = 0; y < height; y++) {
      const shares = rowOf(steady, between(y, height, steady.height));
      for (let x = 0; x < width; x++, i += 3) {
        const { first, second, part } = columns[x];
        const share = shares[first] + part * (shares[second] - shares[first]);
        if (share < LEAST_SHARE) continue;
        const u = Math.min(Math.max(a * x + b * y + left, 0), width - 1);
        const v = Math.min(Math.max(c * x + d * y + top, 0), height - 1);
        const column = Math.floor(u), line = Math.floor(v), right = u - column, under = v - line;
        const next = right ? 3 : 0, below = under ? row : 0;
        for (let at = line * row + 3 * column, to = i; to < i + 3; at++, to++) {
          const upper = before[at] + right * (before[at + next] - before[at]);
          const lower = before[at + below]
            + right * (before[at + below + next] - before[at + below]);
          shown[to] += share * (upper + under * (lower - upper) - shown[to]);
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

function rowOf({ shares, width }, { first, second, part }) {
  const [upper, lower] = [first, second].map((y) => shares.subarray(y * width, (y + 1) * width));
  return upper.map((share, x) => share + part * (lower[x] - share));
}
