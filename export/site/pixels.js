// Pictures with and without alpha: what browsers draw, and what networks take.

export function withoutAlpha(pixels) {
  const rgb = new Uint8Array(pixels.length / 4 * 3);
  for (let i = 0, at = 0; at < pixels.length; at += 4) {
    rgb[i++] = pixels[at];
    rgb[i++] = pixels[at + 1];
    rgb[i++] = pixels[at + 2];
  }
  return rgb;
}

export function withAlpha(rgb) {
  const pixels = new Uint8ClampedArray(rgb.length / 3 * 4);
  for (let i = 0, at = 0; at < pixels.length; at += 4) {
    pixels[at] = rgb[i++];
    pixels[at + 1] = rgb[i++];
    pixels[at + 2] = rgb[i++];
    pixels[at + 3] = 255;
  }
  return pixels;
}
