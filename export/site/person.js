// Masks of people that rest and follow at once, and what is behind them out of focus: arithmetic,
// constants and sources are those of realtime/picture/people.py and layers.py.

import { boxMean, luma } from "./slopes.js";

/** The size [height, width] of the picture that people are looked for in. */
export const LOOKED_AT = [144, 256];
const LEAST_GAIN = 0.1, APART = [0.05, 0.35], MOTION_LEVELS = [1.5, 3.5], MOTION_RADIUS = 4;
const RADIUS = 3, EPSILON = 30, EDGE = [0.35, 0.65];
const BLUR_LINES = 40, FINER = 4, LEAST_SEEN = 0.01, NOBODY = 8 / 255;

/** 0 up to the first of two `ends`, 1 from the second on, smoothly between them. */
function ramp(value, [first, second]) {
  const t = Math.min(Math.max((value - first) / (second - first), 0), 1);
  return t * t * (3 - 2 * t);
}

/** Remembers the mask of the frame before. */
export class SteadyPerson {
  reset() { this.last = null; }

  /**
   * What makes a mask of a frame's luma: two numbers a pixel of LOOKED_AT, the slope and the offset
   * of the mask's sureness. `pixels`: RGBA; `found`: how sure of a person the network is.
   */
  linesOf(pixels, found) {
    const [rows, columns] = LOOKED_AT, y = new Float32Array(rows * columns);
    for (let i = 0; i < y.length; i++) y[i] = luma(pixels, 4 * i);
    const person = this.steady(found, y), mean = (plane) => boxMean(plane, rows, columns, RADIUS);
    const [ours, theirs] = [mean(y), mean(person)];
    const spread = mean(y.map((value) => value * value));
    const product = mean(y.map((value, i) => value * person[i]));
    const raw = product.map((value, i) => (
      (value - ours[i] * theirs[i]) / (spread[i] - ours[i] * ours[i] + EPSILON)));
    const slope = mean(raw), offset = mean(theirs.map((value, i) => value - raw[i] * ours[i]));
    const lines = new Float32Array(2 * y.length);
    for (let i = 0; i < y.length; i++) [lines[2 * i], lines[2 * i + 1]] = [slope[i], offset[i]];
    return lines;
  }

  // Little of what is new where it agrees with the last mask or nothing moves.
  steady(found, y) {
    const [rows, columns] = LOOKED_AT, { last } = this;
    const person = found.map((value) => Math.min(Math.max(value, 0), 1));
    if (last) {
      const change = boxMean(y.map((value, i) => Math.abs(value - last.y[i])), rows, columns,
        MOTION_RADIUS);
      for (let i = 0; i < y.length; i++) {
        const apart = person[i] - last.person[i];
        const gain = ramp(change[i], MOTION_LEVELS) * ramp(Math.abs(apart), APART);
        person[i] = last.person[i] + (LEAST_GAIN + (1 - LEAST_GAIN) * gain) * apart;
      }
    }
    this.last = { y, person };
    return person;
  }
}

/** The size [height, width] at which a frame's room is looked at, to put it out of focus. */
export function roomSize(height, width) {
  const scale = BLUR_LINES / Math.min(height, width);
  return [height, width].map((side) => FINER * Math.max(3, Math.round(side * scale)));
}

/**
 * A frame out of focus, as if there was nobody: RGBA bytes, a quarter as large each way. `pixels`:
 * RGBA, `roomSize` large; `lines`: as from `linesOf`.
 */
export function blurRoom(pixels, height, width, lines) {
  const rows = height / FINER, columns = width / FINER;
  // Red, green and blue, and how much of them is seen.
  const planes = [0, 1, 2, 3].map(() => new Float32Array(rows * columns));
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const sure = masked(lines, (x + 0.5) / width, (y + 0.5) / height, luma(pixels, at));
      if (sure > NOBODY) continue;
      const to = Math.floor(y / FINER) * columns + Math.floor(x / FINER);
      for (let channel = 0; channel < 3; channel++) planes[channel][to] += pixels[at + channel];
      planes[3][to] += 1;
    }
  }
  const share = 1 / FINER ** 2, blurred = planes.map((plane) => plane.map((sum) => share * sum));
  const total = (plane) => plane.reduce((sum, value) => sum + value, 0);
  const means = blurred.map((plane) => total(plane) / plane.length);
  // Far behind somebody there is nothing to see: there it is the mean of the room.
  const whole = [0, 1, 2].map((channel) => means[channel] / Math.max(means[3], LEAST_SEEN));
  blurred.forEach((plane, channel) => {
    const added = LEAST_SEEN * (channel < 3 ? whole[channel] : 1);
    plane.forEach((value, i) => { plane[i] = value + added; });
    for (let time = 0; time < 3; time++) plane.set(boxMean(plane, rows, columns, 1));
  });
  const room = new Uint8ClampedArray(4 * rows * columns).fill(255);
  for (let i = 0; i < rows * columns; i++) {
    for (let channel = 0; channel < 3; channel++) {
      room[4 * i + channel] = blurred[channel][i] / blurred[3][i];
    }
  }
  return { room, rows, columns };
}

// The mask at a point of 0..1 both ways, as show.js has it.
function masked(lines, right, under, y) {
  const [rows, columns] = LOOKED_AT, limit = (value, most) => Math.min(Math.max(value, 0), most);
  const x = limit(right * columns - 0.5, columns - 1), z = limit(under * rows - 0.5, rows - 1);
  const left = Math.floor(x), top = Math.floor(z);
  const next = left + 1 < columns ? 2 : 0, below = top + 1 < rows ? 2 * columns : 0;
  const at = 2 * (top * columns + left), a = x - left, b = z - top;
  const [slope, offset] = [at, at + 1].map((i) => (
    (lines[i] * (1 - a) + lines[i + next] * a) * (1 - b)
    + (lines[i + below] * (1 - a) + lines[i + below + next] * a) * b));
  return ramp(slope * y + offset, EDGE);
}
