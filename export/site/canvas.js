// The noise that even areas are painted from: the same as engines/canvas.py draws, for any seed.

const CHANNELS = 2;
const GRAINS = 40;
const BROADER = 3;
const DEVIATION = Math.sqrt(4 * (256 ** 2 - 1) / 12);

/** What of the world a camera sees that has not moved: rows of a 2x3 matrix, in short sides. */
export const STILL = [1, 0, 0, 0, 1, 0];

/** How many cells [down, across] of `cell` pixels a frame has noise for. */
export function canvasShape(height, width, cell) {
  return [Math.ceil(height / cell) + 1, Math.ceil(width / cell) + 1];
}

/** The noise of a frame, CHANNELS planes of `canvasShape`, times `strength`, as Float32Array. */
export function drawCanvas(height, width, cell, seed, strength, view = STILL) {
  const [down, across] = canvasShape(height, width, cell), short = Math.min(height, width);
  const noise = new Float32Array(CHANNELS * down * across);
  const zoom = Math.sqrt(Math.abs(view[0] * view[4] - view[1] * view[3]));
  const octave = Math.log2(GRAINS * zoom * cell / short), nearest = Math.round(octave);
  const lower = Math.abs(octave - nearest) < 1e-9 ? nearest : Math.floor(octave);
  const share = Math.PI / 2 * (octave - lower);
  const octaves = [[lower, Math.cos(share)]];
  if (share > 1e-9) octaves.push([lower + 1, Math.sin(share)]);
  let at = 0;
  for (let channel = 0; channel < CHANNELS; channel++) {
    for (let row = 0; row < down; row++) {
      for (let column = 0; column < across; column++) {
        const x = (column * cell - width / 2) / short, y = (row * cell - height / 2) / short;
        const right = view[0] * x + view[1] * y + view[2];
        const under = view[3] * x + view[4] * y + view[5];
        let sum = 0;
        for (const [level, weight] of octaves) {
          const grains = GRAINS / 2 ** level / (channel ? BROADER : 1);
          sum += weight * between(right * grains, under * grains, keyOf(seed, level) + channel);
        }
        noise[at++] = Math.fround(sum) * strength;
      }
    }
  }
  return noise;
}

/** The mean of what the styles of `vector` are meant to have, times `strength`. */
export function meantStrength(vector, strengths, strength) {
  let sum = 0, total = 0;
  for (let i = 1; i < vector.length; i++) {
    sum += vector[i] * strengths[i];
    total += vector[i];
  }
  return sum * strength / Math.max(total, 1e-6);
}

function keyOf(seed, octave) {
  return (Math.imul(seed, 0x9E3779B1) + Math.imul(octave, 0x85EBCA77)) | 0;
}

// Bilinear, divided by the root of the sum of squared weights: as strong between grains as on one.
function between(right, under, key) {
  const column = Math.floor(right), row = Math.floor(under);
  const x = right - column, y = under - row;
  const upper = grain(column, row, key) * (1 - x) + grain(column + 1, row, key) * x;
  const lower = grain(column, row + 1, key) * (1 - x) + grain(column + 1, row + 1, key) * x;
  const weights = (x * x + (1 - x) ** 2) * (y * y + (1 - y) ** 2);
  return (upper * (1 - y) + lower * y) / Math.sqrt(weights);
}

function grain(column, row, key) {
  const placed = mixed(mixed(key ^ column) ^ row);
  const bytes = (placed & 255) + (placed >>> 8 & 255) + (placed >>> 16 & 255) + (placed >>> 24);
  return (bytes - 510) / DEVIATION;
}

// lowbias32 (Wellons 2018).
function mixed(x) {
  x = Math.imul(x ^ x >>> 16, 0x7FEB352D);
  x = Math.imul(x ^ x >>> 15, 0x846CA68B);
  return x ^ x >>> 16;
}
