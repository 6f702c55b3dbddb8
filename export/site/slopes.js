// How much each channel of a painting follows the luma of its frame nearby: the formula and its
// source are in realtime/picture/formulas.py.

const EPSILON = 60, RADIUS = 4, LIMIT = 1.25, STEPS = 64, ZERO = 128;

/** The BT.601 luma of three bytes. */
export function luma(pixels, at) {
  return Math.round(0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2]);
}

/**
 * Slopes of a painting, both pictures RGBA of even sides: RGBA bytes at half the size, in 1 / 64
 * with 128 for not at all.
 */
export function slopesOf(frame, painting, height, width) {
  const rows = Math.max(1, height >> 1), columns = Math.max(1, width >> 1);
  const [y, ...channels] = halved(frame, painting, height, width, rows, columns);
  const mean = boxMean(y, rows, columns);
  const spread = boxMean(y.map((value) => value * value), rows, columns);
  const slopes = new Uint8ClampedArray(4 * rows * columns);
  channels.forEach((channel, place) => {
    const ours = boxMean(channel, rows, columns);
    const product = boxMean(channel.map((value, i) => value * y[i]), rows, columns);
    const raw = product.map((value, i) =>
      (value - ours[i] * mean[i]) / (spread[i] - mean[i] * mean[i] + EPSILON));
    boxMean(raw, rows, columns).forEach((slope, i) => {
      const limited = Math.min(Math.max(slope, -LIMIT), LIMIT);
      slopes[4 * i + place] = Math.round(limited * STEPS + ZERO);
    });
  });
  return slopes;
}

// Luma of the frame, and the channels of the painting, as planes of half the size.
function halved(frame, painting, height, width, rows, columns) {
  const planes = [0, 1, 2, 3].map(() => new Float32Array(rows * columns));
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      const sums = [0, 0, 0, 0];
      for (let place = 0; place < 4; place++) {
        const y = Math.min(2 * row + (place >> 1), height - 1);
        const x = Math.min(2 * column + (place & 1), width - 1), at = 4 * (y * width + x);
        sums[0] += luma(frame, at);
        for (let channel = 0; channel < 3; channel++) sums[channel + 1] += painting[at + channel];
      }
      for (let plane = 0; plane < 4; plane++) planes[plane][i] = Math.round(sums[plane] / 4);
    }
  }
  return planes;
}

/** The mean over a square window, edges repeated. */
export function boxMean(plane, rows, columns, radius = RADIUS) {
  const across = new Float32Array(plane.length), mean = new Float32Array(plane.length);
  for (let row = 0; row < rows; row++) slide(plane, across, row * columns, 1, columns, radius);
  for (let column = 0; column < columns; column++) {
    slide(across, mean, column, columns, rows, radius);
  }
  return mean;
}

function slide(from, to, start, step, length, radius) {
  const at = (place) => from[start + step * Math.min(Math.max(place, 0), length - 1)];
  const share = 1 / (2 * radius + 1);
  let sum = 0;
  for (let place = -radius; place <= radius; place++) sum += at(place);
  for (let place = 0; place < length; place++) {
    to[start + step * place] = sum * share;
    sum += at(place + radius + 1) - at(place - radius);
  }
}
