// Takes the camera's noise out of the frames, and holds the paint that lies on what stands still: the
// same arithmetic as realtime/picture/noise.py and rest.py.

const UNIT = 128, LEAST_GAIN = 7, LEAST_PAINT_GAIN = 20, BLOCK = 4, LEAST_PX = 16;
const SHIFT_LEVELS = [3, 9], CHANGE_LEVELS = [6, 13];

/** The mean so far of pictures: RGB, three bytes a pixel. */
class RecursiveMean {
  reset() { this.mean = null; }

  /** Whether the mean begins with `picture`: it is the first, or of another size. */
  begins(picture, height, width) {
    if (this.mean && this.height === height && this.width === width) return false;
    Object.assign(this, { height, width, shown: picture, mean: Int16Array.from(picture) });
    for (let i = 0; i < picture.length; i++) this.mean[i] *= UNIT;
    return true;
  }

  /** The new mean, not to be written to; `gains`: of each block, in 1 / UNIT, at least `least`. */
  take(picture, gains, least) {
    const { height, width } = this;
    const columns = Math.floor(width / BLOCK), rows = Math.floor(height / BLOCK);
    const shown = new Uint8Array(picture.length);
    for (let y = 0, at = 0; y < height; y++) {
      const first = Math.min(y >> 2, rows - 1) * columns;
      for (let x = 0; x < width; x++) {
        const gain = Math.max(gains[first + Math.min(x >> 2, columns - 1)], least);
        for (let end = at + 3; at < end; at++) {
          const mean = this.mean[at] + (picture[at] - this.shown[at]) * gain;
          this.mean[at] = mean;
          shown[at] = mean + UNIT / 2 >> 7;
        }
      }
    }
    this.shown = shown;
    return shown;
  }
}

export class NoiseReduction extends RecursiveMean {
  /** The frame with less noise, not to be written to; the first one comes back as it is. */
  reduce(frame, height, width) {
    this.gains = null;
    if (Math.min(height, width) < LEAST_PX || this.begins(frame, height, width)) return frame;
    this.gains = gainsOf(frame, this.shown, height, width);
    return this.take(frame, this.gains, LEAST_GAIN);
  }
}

export class PaintingAtRest extends RecursiveMean {
  /** The painting, held where its frame stood still; `madeWith`: the numbers that it was made with. */
  hold(painting, gains, madeWith, height, width) {
    const same = madeWith.length === this.madeWith?.length
      && madeWith.every((value, i) => value === this.madeWith[i]);
    this.madeWith = madeWith;
    if (!gains || !same) this.reset();
    if (this.begins(painting, height, width)) return painting;
    return this.take(painting, gains, LEAST_PAINT_GAIN);
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
