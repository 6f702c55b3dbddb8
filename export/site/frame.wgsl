// What is done with a frame before the network, and with its painting after it: the same
// arithmetic as in noise.js and slopes.js. half4 is what is put in front of this.

struct Frame {
  size: vec2i,  // columns and rows
  cells: vec2i,
  cell: i32,  // pixels of a cell's side
  first: vec2i,  // whether means begin anew: of frames, of paintings
}

struct Hold {
  across: vec4f,  // rows of what leads from a pixel to where it was in the last painting
  down: vec4f,
  size: vec2i,  // columns and rows of shares; 0: there is no last painting
}

const UNIT = 128;
const LEAST_GAINS = vec2i(7, 20);  // of frames, of paintings
const BLOCK = 4;
const SHIFT_LEVELS = vec2f(3, 9);
const CHANGE_LEVELS = vec2f(6, 13);
const EPSILON = 60.0;
const RADIUS = 4;
const LIMIT = 1.25;
const STEPS = 64.0;
const ZERO = 128.0;

override of_paintings: i32 = 0;

@group(0) @binding(0) var<uniform> at: Frame;
@group(0) @binding(1) var frame: texture_2d<f32>;
@group(0) @binding(2) var smooth_edges: sampler;
@group(0) @binding(3) var picture: texture_storage_2d<rgba8unorm, write>;
@group(0) @binding(4) var<storage, read_write> pixels: array<u32>;
@group(0) @binding(5) var<storage, read_write> shown: array<u32>;
@group(0) @binding(6) var<storage, read_write> mean: array<vec4i>;
@group(0) @binding(7) var<storage, read_write> moves: array<f32>;
@group(0) @binding(8) var<storage, read_write> gains: array<i32>;
@group(0) @binding(9) var<storage, read_write> cells: array<half4>;
@group(0) @binding(10) var<storage, read_write> planes: array<vec4f>;
@group(0) @binding(11) var<storage, read_write> raw: array<vec4f>;
@group(0) @binding(12) var<uniform> hold: Hold;
@group(0) @binding(13) var<storage, read_write> shares: array<f32>;
@group(0) @binding(14) var<storage, read_write> before: array<vec4f>;
@group(0) @binding(15) var<storage, read_write> steady: array<vec4f>;

fn levels(bytes: u32) -> vec4i {
  return vec4i((vec4u(bytes) >> vec4u(0, 8, 16, 24)) & vec4u(255));
}

fn bytes_of(color: vec4i) -> u32 {
  let bits = vec4u(color) << vec4u(0, 8, 16, 24);
  return bits.x | bits.y | bits.z | bits.w;
}

/// The frame at the size of the network: its mean under each pixel.
@compute @workgroup_size(8, 8)
fn shrink(@builtin(global_invocation_id) id: vec3u) {
  let place = vec2i(id.xy);
  if (any(place >= at.size)) { return; }
  let taps = max(vec2i(ceil(vec2f(textureDimensions(frame)) / vec2f(at.size) - 0.01)), vec2i(1));
  var sum = vec3f(0);
  for (var y = 0; y < taps.y; y++) {
    for (var x = 0; x < taps.x; x++) {
      let point = vec2f(place) + (vec2f(vec2i(x, y)) + 0.5) / vec2f(taps);
      sum += textureSampleLevel(frame, smooth_edges, point / vec2f(at.size), 0).rgb;
    }
  }
  let color = vec4f(sum / f32(taps.x * taps.y), 1);
  pixels[place.y * at.size.x + place.x] = pack4x8unorm(color);
  textureStore(picture, place, color);
}

fn ramp(sum: i32, between: vec2f) -> f32 {
  let level = f32(sum) / f32(BLOCK * BLOCK);
  return clamp((level - between.x) / (between.y - between.x), 0.0, 1.0);
}

/// How surely a block moves, 0 to 1.
@compute @workgroup_size(8, 8)
fn look_for_motion(@builtin(global_invocation_id) id: vec3u) {
  let block = vec2i(id.xy);
  let blocks = at.size / BLOCK;
  if (any(block >= blocks)) { return; }
  var shift = vec4i(0);
  var change = vec4i(0);
  for (var y = 0; y < BLOCK; y++) {
    for (var x = 0; x < BLOCK; x++) {
      let i = (BLOCK * block.y + y) * at.size.x + BLOCK * block.x + x;
      let step = levels(pixels[i]) - levels(shown[i]);
      shift += step;
      change += abs(step);
    }
  }
  var most = 0.0;
  for (var channel = 0; channel < 3; channel++) {
    most = max(most, ramp(abs(shift[channel]), SHIFT_LEVELS));
    most = max(most, ramp(change[channel], CHANGE_LEVELS));
  }
  moves[block.y * blocks.x + block.x] = most;
}

/// The gain that a block, or one beside it, asks for, in 1 / UNIT.
@compute @workgroup_size(8, 8)
fn set_gains(@builtin(global_invocation_id) id: vec3u) {
  let block = vec2i(id.xy);
  let blocks = at.size / BLOCK;
  if (any(block >= blocks)) { return; }
  var most = 0.0;
  for (var y = max(block.y - 1, 0); y <= min(block.y + 1, blocks.y - 1); y++) {
    for (var x = max(block.x - 1, 0); x <= min(block.x + 1, blocks.x - 1); x++) {
      most = max(most, moves[y * blocks.x + x]);
    }
  }
  let least = f32(LEAST_GAINS.x);
  gains[block.y * blocks.x + block.x] = i32(round(least + (f32(UNIT) - least) * most));
}

/// The recursive mean of frames, or of paintings.
@compute @workgroup_size(8, 8)
fn take(@builtin(global_invocation_id) id: vec3u) {
  let place = vec2i(id.xy);
  if (any(place >= at.size)) { return; }
  let i = place.y * at.size.x + place.x;
  let now = levels(pixels[i]);
  var sum = now * UNIT;
  if (at.first[of_paintings] == 0) {
    let blocks = at.size / BLOCK;
    let block = min(place / BLOCK, blocks - 1);
    let gain = max(gains[block.y * blocks.x + block.x], LEAST_GAINS[of_paintings]);
    sum = mean[i] + (now - levels(shown[i])) * gain;
  }
  mean[i] = sum;
  shown[i] = bytes_of((sum + UNIT / 2) >> vec4u(7)) | 0xff000000u;
}

/// Cuts the frame into cells around zero, the channels of a cell row by row.
@compute @workgroup_size(8, 8)
fn cut(@builtin(global_invocation_id) id: vec3u) {
  let place = vec2i(id.xy);
  if (any(place >= at.cells)) { return; }
  for (var four = 0; four < 3 * at.cell * at.cell / 4; four++) {
    var value = vec4f(0);
    for (var i = 0; i < 4; i++) {
      let inside = (4 * four + i) / 3;
      let wanted = place * at.cell + vec2i(inside % at.cell, inside / at.cell);
      let pixel = min(wanted, at.size - 1);
      let color = levels(shown[pixel.y * at.size.x + pixel.x]);
      value[i] = f32(color[(4 * four + i) % 3]) / 255 - 0.5;
    }
    cells[(four * at.cells.y + place.y) * at.cells.x + place.x] = half4(value);
  }
}

/// Puts the cells together again.
@compute @workgroup_size(8, 8)
fn join(@builtin(global_invocation_id) id: vec3u) {
  let place = vec2i(id.xy);
  if (any(place >= at.size)) { return; }
  let cell = place / at.cell;
  let inside = place % at.cell;
  var color = vec4f(1);
  for (var channel = 0; channel < 3; channel++) {
    let i = 3 * (inside.y * at.cell + inside.x) + channel;
    let four = cells[(i / 4 * at.cells.y + cell.y) * at.cells.x + cell.x];
    color[channel] = f32(four[i % 4]);
  }
  pixels[place.y * at.size.x + place.x] = pack4x8unorm(color);
}

/// The four pixels around a point, row by row, and how far it lies between them.
struct Around {
  pixels: vec4i,
  part: vec2f,
}

fn around(wanted: vec2f, size: vec2i) -> Around {
  let point = clamp(wanted, vec2f(0), vec2f(size - 1));
  let near = vec2i(point);
  let far = min(near + 1, size - 1);
  let rows = vec2i(near.y, far.y) * size.x;
  let pixels = vec4i(rows.x + near.x, rows.x + far.x, rows.y + near.x, rows.y + far.x);
  return Around(pixels, point - vec2f(near));
}

fn share_at(place: vec2i) -> f32 {
  let wanted = (vec2f(place) + 0.5) * vec2f(hold.size) / vec2f(at.size) - 0.5;
  let found = around(wanted, hold.size);
  let upper = mix(shares[found.pixels.x], shares[found.pixels.y], found.part.x);
  let lower = mix(shares[found.pixels.z], shares[found.pixels.w], found.part.x);
  return mix(upper, lower, found.part.y);
}

fn before_at(place: vec2i) -> vec4f {
  let here = vec3f(vec2f(place), 1);
  let wanted = vec2f(dot(hold.across.xyz, here), dot(hold.down.xyz, here));
  let found = around(wanted, at.size);
  let upper = mix(before[found.pixels.x], before[found.pixels.y], found.part.x);
  let lower = mix(before[found.pixels.z], before[found.pixels.w], found.part.x);
  return mix(upper, lower, found.part.y);
}

/// The painting, mixed with the last one as in steadiness.js.
@compute @workgroup_size(8, 8)
fn blend(@builtin(global_invocation_id) id: vec3u) {
  let place = vec2i(id.xy);
  if (any(place >= at.size)) { return; }
  let i = place.y * at.size.x + place.x;
  var color = vec4f(levels(pixels[i]));
  if (hold.size.x > 0) { color = mix(color, before_at(place), share_at(place)); }
  steady[i] = color;
  pixels[i] = bytes_of(vec4i(round(color)));
}

@compute @workgroup_size(8, 8)
fn publish(@builtin(global_invocation_id) id: vec3u) {
  let place = vec2i(id.xy);
  if (any(place >= at.size)) { return; }
  textureStore(picture, place, unpack4x8unorm(shown[place.y * at.size.x + place.x]));
}

fn half_size() -> vec2i { return max(at.size / 2, vec2i(1)); }

fn luma(color: vec4i) -> f32 {
  return round(dot(vec3f(color.rgb), vec3f(0.299, 0.587, 0.114)));
}

/// Luma of the frame, and the channels of the painting, at half the size.
@compute @workgroup_size(8, 8)
fn halve(@builtin(global_invocation_id) id: vec3u) {
  let place = vec2i(id.xy);
  if (any(place >= half_size())) { return; }
  var sum = vec4f(0);
  for (var i = 0; i < 4; i++) {
    let pixel = min(2 * place + vec2i(i & 1, i >> 1), at.size - 1);
    let there = pixel.y * at.size.x + pixel.x;
    sum += vec4f(luma(levels(pixels[there])), vec3f(levels(shown[there]).rgb));
  }
  planes[place.y * half_size().x + place.x] = floor(sum / 4 + 0.5);
}

/// How much each channel follows the luma nearby.
@compute @workgroup_size(8, 8)
fn compare(@builtin(global_invocation_id) id: vec3u) {
  let place = vec2i(id.xy);
  if (any(place >= half_size())) { return; }
  var sum = vec4f(0);
  var products = vec4f(0);
  for (var y = -RADIUS; y <= RADIUS; y++) {
    for (var x = -RADIUS; x <= RADIUS; x++) {
      let there = clamp(place + vec2i(x, y), vec2i(0), half_size() - 1);
      let value = planes[there.y * half_size().x + there.x];
      sum += value;
      products += value * value.x;
    }
  }
  let count = f32((2 * RADIUS + 1) * (2 * RADIUS + 1));
  let together = products / count - sum / count * sum.x / count;
  raw[place.y * half_size().x + place.x] = together / (together.x + EPSILON);
}

@compute @workgroup_size(8, 8)
fn tell_slopes(@builtin(global_invocation_id) id: vec3u) {
  let place = vec2i(id.xy);
  if (any(place >= half_size())) { return; }
  var sum = vec4f(0);
  for (var y = -RADIUS; y <= RADIUS; y++) {
    for (var x = -RADIUS; x <= RADIUS; x++) {
      let there = clamp(place + vec2i(x, y), vec2i(0), half_size() - 1);
      sum += raw[there.y * half_size().x + there.x];
    }
  }
  let mean_slope = sum.yzw / f32((2 * RADIUS + 1) * (2 * RADIUS + 1));
  let slope = clamp(mean_slope, vec3f(-LIMIT), vec3f(LIMIT));
  textureStore(picture, place, vec4f(round(slope * STEPS + ZERO) / 255, 1));
}
