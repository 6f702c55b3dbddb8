// Takes the camera's noise out of the frames: the same arithmetic as realtime/picture/noise.py.

const UNIT = 128, LEAST_GAIN = 7, BLOCK = 4, LEAST_PX = 16;
const SHIFT_LEVELS = [3, 9], CHANGE_LEVELS = [6, 13];

/** Remembers the mean so far. Frames are RGB, three bytes a pixel. */
export class NoiseReduction {
  reset() { this.mean = null; }

  /** The frame with less noise, not to be written to; the first one comes back as it is. */
  reduce(frame, height, width) {
    if (Math.min(height, width) < LEAST_PX) return frame;
    const isNew = !this.mean || this.height !== height || this.width !== width;
    if (isNew) {
      Object.assign(this, { height, width, shown: frame, mean: Int16Array.from(frame) });
      for (let i = 0; i < frame.length; i++) this.mean[i] *= UNIT;
      return frame;
    }
    const gains = gainsOf(frame, this.shown, height, width);
    const columns = Math.floor(width / BLOCK), rows = Math.floor(height / BLOCK);
    const shown = new Uint8Array(frame.length);
    for (let y = 0, at = 0; y < height; y++) {
      const first = Math.min(y >> 2, rows - 1) * columns;
      for (let x = 0; x < width; x++) {
        const gain = gains[first + Math.min(x >> 2, columns - 1)];
        for (let end = at + 3; at < end; at++) {
          const mean = this.mean[at] + (frame[at] - this.shown[at]) * gain;
          this.mean[at] = mean;
          shown[at] = mean + UNIT / 2 >> 7;
        }
      }
    }
    this.shown = shown;
    return shown;
  }
}

// The gain that each whole block, or one beside it, asks for, in 1 / UNIT.
function gainsOf(frame, shown, height, width) {
  const rows = Math.floor(height / BLOCK), columns = Math.floor(width / BLOCK);
  const moves = new Float32Array(rows * columns), gains = new Int16Array(rows * columns);
  const shift = [0, 0, 0], change = [0, 0, 0];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      shift.fill(0);
      change.fill(0);
      for (let y = 0; y < BLOCK; y++) {
        let at = 3 * ((row * BLOCK + y) * width + column * BLOCK);
        for (let x = 0; x < BLOCK; x++) {
          for (let channel = 0; channel < 3; channel++, at++) {
            const step = frame[at] - shown[at];
            shift[channel] += step;
            change[channel] += Math.abs(step);
          }
        }
      }
      let most = 0;
      for (let channel = 0; channel < 3; channel++) {
        most = Math.max(most, ramp(Math.abs(shift[channel]), SHIFT_LEVELS));
        most = Math.max(most, ramp(change[channel], CHANGE_LEVELS));
      }
      moves[row * columns + column] = most;
    }
  }
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let most = 0;
      for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, rows - 1); y++) {
        for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, columns - 1); x++) {
          most = Math.max(most, moves[y * columns + x]);
        }
      }
      gains[row * columns + column] = Math.round(LEAST_GAIN + (UNIT - LEAST_GAIN) * most);
    }
  }
  return gains;
}

// 0 where a block's mean is the first of `levels` or below, 1 from the second on.
function ramp(sum, [first, second]) {
  const levels = sum / BLOCK ** 2;
  return Math.min(Math.max((levels - first) / (second - first), 0), 1);
}
