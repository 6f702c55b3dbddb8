// Follows the camera, so that the canvas stays on the scene when the camera moves: the arithmetic,
// its constants and its sources are those of realtime/picture/camera_motion.py.

import { STILL } from "./canvas.js";

/** Of the copy in which the camera is followed, but for the rounding of its sides. */
export const SMALL_PX = 160 * 120;
const LEAST_SIDE_PX = 16;
const CELL_PX = 14, BLUR_RADIUS = 15, DARK = 16, CONTRAST = 120;
const CORNER = 2e-4, CORNER_RADIUS = 2;
const RADIUS = 5, SIDE = 2 * RADIUS + 1, WINDOW = SIDE * SIDE, LEVELS = 3;
const MOST_STEPS = 20, STEP_PX = 0.01, LEAST_EIGENVALUE = 1e-4, MOST_ERROR = 20;
const STILL_PX = 0.2, REST_FRAMES = 8, STILL_SHARE = 0.15;
const FIT_PX = 0.75, MOST_TRIALS = 200, CERTAINTY = 0.99;
const LAYER_SHARE = 0.7, LEAST_POINTS = 10, SURE_SHARE = 0.3, RENEWED_SHARE = 0.6;
const CUT_FOUND = 0.25, SAME_SHOT = 0.5, COARSE = [12, 16];
const CUT_UNITS = 1000, MOST_ZOOM = 16;

const LOG = Float32Array.from({ length: 256 }, (_, level) => Math.log(level + DARK));

/** Follows what a source shows, frame by frame, in a small `copy` of it. */
export class Camera {
  constructor() {
    const small = document.createElement("canvas");
    this.small = small.getContext("2d", { willReadFrequently: true });
    this.motion = new CameraMotion();
  }

  /** Begins anew with the next frame. */
  reset() { this.motion.reset(); }

  /** The view of the newest frame of `source`; what stands still keeps the one before. */
  follow({ frame, size: [height, width], moves }) {
    if (!moves) return this.motion.view;
    const { small } = this, scale = Math.min(1, Math.sqrt(SMALL_PX / (height * width)));
    const rows = Math.max(1, Math.round(height * scale));
    const columns = Math.max(1, Math.round(width * scale));
    if (small.canvas.height !== rows || small.canvas.width !== columns) {
      Object.assign(small.canvas, { height: rows, width: columns });
    }
    small.imageSmoothingQuality = "medium";
    small.drawImage(frame, 0, 0, columns, rows);
    this.copy = {
      pixels: small.getImageData(0, 0, columns, rows).data, height: rows, width: columns,
    };
    return this.motion.follow(this.copy.pixels, rows, columns);
  }
}

/** Remembers a keyframe, the frame before, and where the camera has gone since. */
export class CameraMotion {
  constructor() { this.reset(); }

  /** Begins anew with the next frame: its view is the identity. */
  reset() {
    Object.assign(this, {
      key: null, last: null, motion: STILL, held: [], calm: REST_FRAMES, layer: [], view: STILL,
      cuts: 0, isLost: false,
    });
  }

  /**
   * The view of a frame, of which RGBA `pixels` is a copy of at most SMALL_PX: what maps its points
   * to the world, as rows of a 2x3 matrix, in short sides from the frame's middle.
   */
  follow(pixels, height, width) {
    if (Math.min(height, width) < LEAST_SIDE_PX) return this.view;
    const now = new Flat(pixels, height, width);
    const isOther = this.last && (this.last.height !== height || this.last.width !== width);
    if (!this.key || isOther) {
      this.last = now;
      this.startKey(now);
    }
    if (!this.isFoundIn(now) && !this.isFoundFromLast(now)) this.lose(now);
    return this.view;
  }

  // Sets the view of `now`; false, and nothing set, if the keyframe is not found in it.
  isFoundIn(now) {
    const { points, flat, view } = this.key, count = points.length;
    if (count < LEAST_POINTS) return false;
    const there = flat.followed(points, now, this.motion);
    const rests = there.map((point, i) => distance(point, this.held[i]) < STILL_PX);
    const resting = countOf(rests), found = countOf(there);
    const share = resting * spread(points.filter((_, i) => rests[i]), points);
    let isStill = found > 0 && share >= STILL_SHARE * found;
    if (!(isStill && this.calm >= REST_FRAMES)) {
      const { motion, fits } = similarity(points, there, this.layer), fitting = countOf(fits);
      const isSure = fitting >= Math.max(LEAST_POINTS, SURE_SHARE * count);
      isStill ||= !(isSure && fitting > 2 * resting);
      if (isStill && 2 * resting < LEAST_POINTS) return false;
      // A slow pan must not go in steps: who stopped a moment ago may still be moving.
      const layer = this.layer.map((isOf, i) => isOf && there[i] !== null);
      const both = countOf(fits.map((fit, i) => fit && layer[i]));
      const isAlike = both >= LAYER_SHARE * countOf(layer);
      if (!isStill || (isSure && isAlike)) {
        this.layer = fits.map((fit, i) => fit || (this.layer[i] && there[i] === null));
        this.motion = motion;
        this.view = joined(view, inUnits(motion, now));
      }
    }
    if (isStill) {  // points that were lost rest where they are seen again
      this.held = this.held.map((point, i) => point || there[i]);
      this.calm = Math.min(this.calm + 1, REST_FRAMES);
    } else Object.assign(this, { held: there, calm: 0 });
    if (found < RENEWED_SHARE * count) this.startKey(now);
    Object.assign(this, { last: now, isLost: false });
    const zoom = Math.hypot(this.view[0], this.view[3]);
    if (!(zoom > 1 / MOST_ZOOM && zoom < MOST_ZOOM)) this.startWorld(now);
    return true;
  }

  // As isFoundIn, from the frame before in place of the keyframe.
  isFoundFromLast(now) {
    if (this.key.flat === this.last) return false;
    this.startKey(this.last);
    return this.isFoundIn(now);
  }

  // Keeps the view of a frame in which nothing was found again, unless a new shot begins.
  lose(now) {
    if (now.corners.length < LEAST_POINTS) return;  // a hand before the lens
    const { flat, points } = this.key;
    let isCut = false;
    // Only what could be followed can be cut: snow on the screen is lost every frame.
    if (!this.isLost && points.length >= LEAST_POINTS) {
      const found = countOf(flat.followed(points, now, this.motion)) / points.length;
      isCut = found < CUT_FOUND && likeness(now, this.last) < SAME_SHOT;
    }
    if (isCut) this.startWorld(now);
    else this.startKey(now);
    Object.assign(this, { last: now, isLost: true });
  }

  startWorld(now) {
    this.cuts += 1;
    this.view = [1, 0, CUT_UNITS * this.cuts, 0, 1, 0];
    this.calm = REST_FRAMES;
    this.startKey(now);
  }

  // Compares with `flat`, which has the view that is set, from now on.
  startKey(flat) {
    this.key = { flat, points: flat.corners, view: this.view };
    Object.assign(this, { held: flat.corners, motion: STILL });
    this.layer = flat.corners.map(() => true);
  }
}

/** A picture without its light, and what is found in it: the logarithm less its mean around. */
class Flat {
  constructor(pixels, height, width) {
    const count = height * width, log = new Float32Array(count), levels = new Float32Array(count);
    for (let i = 0, at = 0; i < count; i++, at += 4) {  // whole numbers: Math.round takes longer
      const luma = 9798 * pixels[at] + 19235 * pixels[at + 1] + 3735 * pixels[at + 2];
      log[i] = LOG[luma + 16384 >> 15];
    }
    const around = boxSum(log, height, width, BLUR_RADIUS), share = 1 / (2 * BLUR_RADIUS + 1) ** 2;
    for (let i = 0; i < count; i++) {
      const level = Math.abs(CONTRAST * (log[i] - share * around[i]) + 128) + 0.5 | 0;
      levels[i] = level < 255 ? level : 255;
    }
    Object.assign(this, { height, width, levels: [new Level(levels, height, width)] });
    this.patches = new Map();
  }

  /** The best corner of each cell that has one, [x, y]. */
  get corners() { return this.found ||= cornersOf(this.levels[0]); }

  /** A halving of the picture; beyond the smallest, undefined. */
  level(number) {
    while (this.levels.length <= number) {
      const half = this.levels.at(-1).halved();
      if (!half) break;
      this.levels.push(half);
    }
    return this.levels[number];
  }

  /** Where `points` of this picture lie in `other`, or null. `motion`: from where to search. */
  followed(points, other, motion) {
    let top = LEVELS;
    while (!this.level(top)) top--;
    for (let number = 0; number <= top; number++) other.level(number);
    return points.map((point, i) => this.follow(point, i, other, applied(motion, point), top));
  }

  // The method of Lucas and Kanade (Bouguet's pyramids), from the coarsest level to the finest.
  follow([x, y], place, other, guess, top) {
    const now = guess.map((value) => value / 2 ** top);
    for (let number = top; number >= 0; number--) {
      const scale = 2 ** number, key = LEVELS * place + number + place;
      if (!this.patches.has(key)) {
        this.patches.set(key, this.levels[number].patch(x / scale, y / scale));
      }
      const patch = this.patches.get(key), level = other.levels[number];
      const isFound = patch !== null && level.search(patch, now);
      if (number) now.forEach((value, axis) => { now[axis] = 2 * value; });
      else if (!isFound || level.error(patch, now) > MOST_ERROR) return null;
    }
    const isInside = now[0] >= 0 && now[1] >= 0 && now[0] <= other.width - 1
      && now[1] <= other.height - 1;
    return isInside ? now : null;
  }
}

/** One size of a picture, with a ring around it in which it is mirrored. */
class Level {
  constructor(levels, height, width) {
    const across = width + 2 * SIDE, down = height + 2 * SIDE;
    Object.assign(this, { levels, height, width, across, padded: new Float64Array(across * down) });
    for (let y = 0, at = 0; y < down; y++) {
      const row = width * mirrored(y - SIDE, height);
      for (let x = 0; x < across; x++) this.padded[at++] = levels[row + mirrored(x - SIDE, width)];
    }
  }

  /** Half the size, by the binomial kernel of five; null where a window would not fit. */
  halved() {
    const { padded, across } = this, height = this.height + 1 >> 1, width = this.width + 1 >> 1;
    if (Math.min(height, width) <= SIDE) return null;
    const rows = this.height + 4, sums = new Float32Array(rows * width);
    for (let y = 0, i = 0; y < rows; y++) {
      for (let x = 0; x < width; x++) {
        const at = (y + SIDE - 2) * across + SIDE + 2 * x;
        sums[i++] = padded[at - 2] + padded[at + 2] + 6 * padded[at]
          + 4 * (padded[at - 1] + padded[at + 1]);
      }
    }
    const half = new Float32Array(height * width);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = 2 * y * width + x;
        const sum = sums[at] + sums[at + 4 * width] + 6 * sums[at + 2 * width]
          + 4 * (sums[at + width] + sums[at + 3 * width]);
        half[i++] = Math.floor((sum + 128) / 256);
      }
    }
    return new Level(half, height, width);
  }

  // Scharr's, in levels a pixel; none outside of the picture.
  get slopes() {
    if (this.across_slopes) return [this.across_slopes, this.down_slopes];
    const { padded, across, height, width } = this;
    const [right, under] = [0, 1].map(() => new Float64Array(padded.length));
    for (let y = 0; y < height; y++) {
      for (let x = 0, at = (y + SIDE) * across + SIDE; x < width; x++, at++) {
        const [a, b, c] = [at - across, at, at + across];
        right[at] = (3 * (padded[a + 1] - padded[a - 1] + padded[c + 1] - padded[c - 1])
          + 10 * (padded[b + 1] - padded[b - 1])) / 32;
        under[at] = (3 * (padded[c - 1] - padded[a - 1] + padded[c + 1] - padded[a + 1])
          + 10 * (padded[c] - padded[a])) / 32;
      }
    }
    Object.assign(this, { across_slopes: right, down_slopes: under });
    return [right, under];
  }

  // Where the window around a point begins in `padded`; -1 where it lies outside.
  cornerOf(x, y) {
    const left = Math.floor(x) - RADIUS, top = Math.floor(y) - RADIUS;
    const isInside = left >= -SIDE && left < this.width && top >= -SIDE && top < this.height;
    return isInside ? (top + SIDE) * this.across + left + SIDE : -1;
  }

  // The window around a point of `plane`, bilinear, into `window`; false where it lies outside.
  read(plane, x, y, window) {
    const corner = this.cornerOf(x, y), { across } = this;
    if (corner < 0) return false;
    const a = x - Math.floor(x), b = y - Math.floor(y);
    for (let row = 0, i = 0; row < SIDE; row++) {
      let at = corner + row * across;
      let before = plane[at] + b * (plane[at + across] - plane[at]);
      for (let column = 0; column < SIDE; column++) {
        at += 1;
        const next = plane[at] + b * (plane[at + across] - plane[at]);
        window[i++] = before + a * (next - before);
        before = next;
      }
    }
    return true;
  }

  /** What is searched for: the window around a point and its slopes; null where it is even. */
  patch(x, y) {
    const [right, under] = this.slopes;
    const [levels, dx, dy] = [0, 1, 2].map(() => new Float64Array(WINDOW));
    if (!this.read(this.padded, x, y, levels)) return null;
    this.read(right, x, y, dx);
    this.read(under, x, y, dy);
    let xx = 0, xy = 0, yy = 0;
    for (let i = 0; i < WINDOW; i++) {
      xx += dx[i] * dx[i];
      xy += dx[i] * dy[i];
      yy += dy[i] * dy[i];
    }
    const least = (xx + yy - Math.hypot(xx - yy, 2 * xy)) / (2 * WINDOW) / 1024;
    const determinant = xx * yy - xy * xy;
    if (least < LEAST_EIGENVALUE || determinant <= 0) return null;
    return { levels, dx, dy, xx: xx / determinant, xy: xy / determinant, yy: yy / determinant };
  }

  /** Moves `now` to where `patch` lies; false where that is outside. */
  search(patch, now) {
    const { levels, dx, dy, xx, xy, yy } = patch, before = [0, 0];
    const { padded, across: row_px } = this;
    for (let step = 0; step < MOST_STEPS; step++) {
      const corner = this.cornerOf(now[0], now[1]);
      if (corner < 0) return false;
      const a = now[0] - Math.floor(now[0]), b = now[1] - Math.floor(now[1]);
      let x = 0, y = 0;
      for (let row = 0, i = 0; row < SIDE; row++) {  // as `read` does, and at once compared
        let at = corner + row * row_px;
        let last = padded[at] + b * (padded[at + row_px] - padded[at]);
        for (let column = 0; column < SIDE; column++, i++) {
          at += 1;
          const next = padded[at] + b * (padded[at + row_px] - padded[at]);
          const change = last + a * (next - last) - levels[i];
          x += change * dx[i];
          y += change * dy[i];
          last = next;
        }
      }
      const across = xy * y - yy * x, down = xy * x - xx * y;
      now[0] += across;
      now[1] += down;
      if (across * across + down * down <= STEP_PX ** 2) break;
      const swings = Math.abs(across + before[0]) < STEP_PX && Math.abs(down + before[1]) < STEP_PX;
      if (step && swings) {
        now[0] -= across / 2;
        now[1] -= down / 2;
        break;
      }
      before[0] = across;
      before[1] = down;
    }
    return true;
  }

  /** The mean difference between `patch` and what is there. */
  error({ levels }, [x, y]) {
    if (!this.read(this.padded, x, y, WINDOW_NOW)) return Infinity;
    let sum = 0;
    for (let i = 0; i < WINDOW; i++) sum += Math.abs(WINDOW_NOW[i] - levels[i]);
    return sum / WINDOW;
  }
}

const WINDOW_NOW = new Float64Array(WINDOW);

// Mirrored at the edges, which are not repeated.
function mirrored(i, length) { return i < 0 ? -i : i >= length ? 2 * length - 2 - i : i; }

/** The sum over a square window, mirrored at the edges. */
export function boxSum(plane, height, width, radius) {
  const across = new Float32Array(plane.length), sum = new Float32Array(plane.length);
  for (let y = 0; y < height; y++) slideSum(plane, across, y * width, 1, width, radius);
  for (let x = 0; x < width; x++) slideSum(across, sum, x, width, height, radius);
  return sum;
}

function slideSum(from, to, start, step, length, radius) {
  let sum = 0;
  for (let place = -radius; place <= radius; place++) {
    sum += from[start + step * mirrored(place, length)];
  }
  for (let place = 0; place < length; place++) {
    to[start + step * place] = sum;
    sum += from[start + step * mirrored(place + radius + 1, length)]
      - from[start + step * mirrored(place - radius, length)];
  }
}

// By the smaller eigenvalue of the slopes nearby (Shi and Tomasi 1994).
function cornersOf(level) {
  const { padded, across, height, width } = level;
  const scale = 1 / (4 * (2 * CORNER_RADIUS + 1) * 255);
  const planes = [0, 1, 2].map(() => new Float32Array(height * width));
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0, at = (y + SIDE) * across + SIDE; x < width; x++, at++, i++) {
      const [a, b, c] = [at - across, at, at + across];
      const right = scale * (padded[a + 1] - padded[a - 1] + padded[c + 1] - padded[c - 1]
        + 2 * (padded[b + 1] - padded[b - 1]));
      const under = scale * (padded[c - 1] - padded[a - 1] + padded[c + 1] - padded[a + 1]
        + 2 * (padded[c] - padded[a]));
      planes[0][i] = right * right;
      planes[1][i] = right * under;
      planes[2][i] = under * under;
    }
  }
  const [xx, xy, yy] = planes.map((plane) => boxSum(plane, height, width, CORNER_RADIUS));
  const corners = [];
  for (let top = 0; top + CELL_PX <= height; top += CELL_PX) {
    for (let left = 0; left + CELL_PX <= width; left += CELL_PX) {
      let most = CORNER, best = null;
      for (let y = top; y < top + CELL_PX; y++) {
        for (let x = left; x < left + CELL_PX; x++) {
          const i = y * width + x, a = xx[i] / 2, c = yy[i] / 2;
          const strength = a + c - Math.hypot(a - c, xy[i]);
          if (strength > most) {
            most = strength;
            best = [x, y];
          }
        }
      }
      if (best) corners.push(best);
    }
  }
  return corners;
}

/** How many of a list are something. */
function countOf(list) { return list.reduce((count, value) => count + (value ? 1 : 0), 0); }

function distance(one, other) {
  return one && other ? Math.hypot(one[0] - other[0], one[1] - other[1]) : NaN;
}

function applied(motion, [x, y]) {
  return [motion[0] * x + motion[1] * y + motion[2], motion[3] * x + motion[4] * y + motion[5]];
}

// How far apart some of `points` lie: 1 as far as all of them, 0 in one place.
function spread(some, points) {
  return some.length ? Math.sqrt(variance(some) / variance(points)) : 0;
}

function variance(points) {
  const [x, y] = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0)
    / points.length);
  return points.reduce((sum, point) => sum + (point[0] - x) ** 2 + (point[1] - y) ** 2, 0)
    / points.length;
}

// The similarity between points and where they are `now`, and who follows it; while most of those
// of `layer` move as one, theirs is taken.
function similarity(before, now, layer) {
  let motion = STILL, fits = now.map(() => false);
  const all = before.map((_, i) => i).filter((i) => now[i]);
  for (const among of [all.filter((i) => layer[i]), all]) {
    const fitted = among.length >= LEAST_POINTS && fittedBy(before, now, among);
    if (!fitted) continue;
    motion = fitted;
    fits = before.map((point, i) => distance(applied(motion, point), now[i]) < FIT_PX);
    if (countOf(among.map((i) => fits[i])) >= LAYER_SHARE * among.length) break;
  }
  return { motion, fits };
}

// The one that most follow, found from pairs of them (RANSAC), and the best for all of these.
function fittedBy(before, now, among) {
  let most = [], trials = MOST_TRIALS, seed = 1;
  const draw = () => {  // the same for the same points (Knuth's numbers)
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return among[Math.floor(seed / 2 ** 32 * among.length)];
  };
  for (let trial = 0; trial < trials; trial++) {
    const pair = [draw(), draw()], motion = pair[0] !== pair[1] && leastSquares(before, now, pair);
    if (!motion) continue;
    const follow = among.filter((i) => distance(applied(motion, before[i]), now[i]) < FIT_PX);
    if (follow.length <= most.length) continue;
    most = follow;
    const doubt = 1 - (most.length / among.length) ** 2;
    trials = doubt ? Math.min(trials, Math.log(1 - CERTAINTY) / Math.log(doubt)) : 0;
  }
  return most.length > 1 ? leastSquares(before, now, most) : null;
}

// Of points of these `places`; null where they are one.
function leastSquares(before, now, places) {
  let [x, y, u, v] = [0, 0, 0, 0];
  for (const i of places) {
    x += before[i][0] / places.length;
    y += before[i][1] / places.length;
    u += now[i][0] / places.length;
    v += now[i][1] / places.length;
  }
  let [along, turned, size] = [0, 0, 0];
  for (const i of places) {
    const [dx, dy] = [before[i][0] - x, before[i][1] - y];
    const [du, dv] = [now[i][0] - u, now[i][1] - v];
    along += dx * du + dy * dv;
    turned += dx * dv - dy * du;
    size += dx * dx + dy * dy;
  }
  if (!size || (!along && !turned)) return null;
  const [c, s] = [along / size, turned / size];
  return [c, -s, u - c * x + s * y, s, c, v - s * x - c * y];
}

// The motion of pixels backwards and in short sides from the middle.
function inUnits(motion, { height, width }) {
  const middle = [(width - 1) / 2, (height - 1) / 2], short = Math.min(height, width);
  const shift = applied(motion, middle).map((value, axis) => (value - middle[axis]) / short);
  return inverted([motion[0], motion[1], shift[0], motion[3], motion[4], shift[1]]);
}

/** The way back. */
export function inverted([a, b, right, c, d, under]) {
  const determinant = a * d - b * c;
  const back = [d, -b, 0, -c, a, 0].map((value) => value / determinant);
  const [x, y] = applied(back, [right, under]);
  return [back[0], back[1], -x, back[3], back[4], -y];
}

/** What is told in short sides from the middle, in pixels of a picture of that size. */
export function inPixels([a, b, right, c, d, under], height, width) {
  const x = (width - 1) / 2, y = (height - 1) / 2, short = Math.min(height, width);
  return [a, b, x - a * x - b * y + short * right, c, d, y - c * x - d * y + short * under];
}

/** Through `inner`, then through `outer`. */
export function joined(outer, inner) {
  const [a, b, , c, d] = outer, [x, y] = applied(outer, [inner[2], inner[5]]);
  return [a * inner[0] + b * inner[3], a * inner[1] + b * inner[4], x,
    c * inner[0] + d * inner[3], c * inner[1] + d * inner[4], y];
}

// How alike two pictures are from afar, a correlation of -1 to 1.
function likeness(one, other) {
  const [a, b] = [one, other].map(({ levels: [level] }) => {
    const coarse = coarsened(level);
    const mean = coarse.reduce((sum, value) => sum + value) / coarse.length;
    return coarse.map((value) => value - mean);
  });
  const product = (left, right) => left.reduce((sum, value, i) => sum + value * right[i], 0);
  const size = Math.sqrt(product(a, a) * product(b, b));
  return size ? product(a, b) / size : 0;
}

// COARSE means of a picture; pixels on the line between two count for the one with their middle.
function coarsened({ levels, height, width }) {
  const [rows, columns] = COARSE, sums = new Array(rows * columns).fill(0), counts = [...sums];
  for (let y = 0, i = 0; y < height; y++) {
    const row = columns * Math.floor((y + 0.5) * rows / height);
    for (let x = 0; x < width; x++, i++) {
      const to = row + Math.floor((x + 0.5) * columns / width);
      sums[to] += levels[i];
      counts[to] += 1;
    }
  }
  return sums.map((sum, i) => sum / counts[i]);
}
