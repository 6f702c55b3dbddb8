// What show.js draws, for WebGPU: the same formulas.

struct Shown {
  size: vec2f,  // of the frame
  share: f32,  // of the frame itself
  divider: f32,
  mode: u32,
  painted: u32,
  enlarged: u32,
  keeps_color: u32,
  mirrors: u32,
  masked: u32,
  parts: vec4f,  // how far people are painted, what is behind them, and what covers that
  cover: vec4f,  // a colour, or the room out of focus where its last number is 0
}

struct Corner {
  @builtin(position) position: vec4f,
  @location(0) at: vec2f,
}

@group(0) @binding(0) var<uniform> shown: Shown;
@group(0) @binding(1) var smooth_edges: sampler;
@group(0) @binding(2) var frame: texture_2d<f32>;
@group(0) @binding(3) var small: texture_2d<f32>;
@group(0) @binding(4) var painting: texture_2d<f32>;
@group(0) @binding(5) var slopes: texture_2d<f32>;
@group(0) @binding(6) var lines: texture_2d<f32>;
@group(0) @binding(7) var room: texture_2d<f32>;

@vertex
fn corner(@builtin(vertex_index) index: u32) -> Corner {
  let at = vec2f(f32(index & 1), f32(index >> 1));
  return Corner(vec4f(2 * at.x - 1, 1 - 2 * at.y, 0, 1), at);
}

fn across(source: texture_2d<f32>, xs: vec3f, y: f32, weights: vec3f) -> vec3f {
  return textureSampleLevel(source, smooth_edges, vec2f(xs.x, y), 0).rgb * weights.x
    + textureSampleLevel(source, smooth_edges, vec2f(xs.y, y), 0).rgb * weights.y
    + textureSampleLevel(source, smooth_edges, vec2f(xs.z, y), 0).rgb * weights.z;
}

// Catmull-Rom, its sixteen reads in nine between pixels.
fn up(source: texture_2d<f32>, point: vec2f) -> vec3f {
  let size = vec2f(textureDimensions(source));
  let whole = floor(point * size - 0.5) + 0.5;
  let f = point * size - whole;
  let a = f * (-0.5 + f * (1 - 0.5 * f));
  let b = 1 + f * f * (-2.5 + 1.5 * f);
  let c = f * (0.5 + f * (2 - 1.5 * f));
  let d = f * f * (-0.5 + 0.5 * f);
  let m = b + c;
  let first = (whole - 1) / size;
  let middle = (whole + c / m) / size;
  let last = (whole + 2) / size;
  let xs = vec3f(first.x, middle.x, last.x);
  let weights = vec3f(a.x, m.x, d.x);
  return across(source, xs, first.y, weights) * a.y + across(source, xs, middle.y, weights) * m.y
    + across(source, xs, last.y, weights) * d.y;
}

fn luma(color: vec3f) -> f32 { return dot(color, vec3f(0.299, 0.587, 0.114)); }

/// How surely there is a person, along the frame's own edges. Such numbers are in no sampler.
fn person(point: vec2f, whole: vec3f) -> f32 {
  let most = vec2i(textureDimensions(lines)) - 1;
  let place = clamp(point * vec2f(most + 1) - 0.5, vec2f(0), vec2f(most));
  let first = vec2i(place);
  let next = min(first + 1, most);
  let part = place - vec2f(first);
  let right = vec2i(next.x, first.y);
  let below = vec2i(first.x, next.y);
  let upper = mix(textureLoad(lines, first, 0), textureLoad(lines, right, 0), part.x);
  let lower = mix(textureLoad(lines, below, 0), textureLoad(lines, next, 0), part.x);
  let line = mix(upper, lower, part.y);
  return smoothstep(0.35, 0.65, line.x * 255 * luma(whole) + line.y);
}

@fragment
fn color_at(@location(0) at: vec2f) -> @location(0) vec4f {
  var point = at;
  var original = false;
  if (shown.mode == 1) {
    original = at.x < shown.divider;
    if (abs(at.x - shown.divider) * shown.size.x < 1.5) { return vec4f(1); }
  }
  if (shown.mode == 2) {
    original = at.x < 0.5;
    point.x = fract(at.x * 2);
  }
  if (shown.mirrors == 1) { point.x = 1 - point.x; }
  let whole = textureSampleLevel(frame, smooth_edges, point, 0).rgb;
  if (original) { return vec4f(whole, 1); }
  var color = whole;
  if (shown.painted == 1) {
    color = up(painting, point);
    if (shown.enlarged == 1) {
      let slope = (up(slopes, point) * 255 - 128) / 64;
      color += slope * (luma(whole) - luma(up(small, point)));
    }
    color = clamp(color, vec3f(0), vec3f(1));
    if (shown.keeps_color == 1) { color = whole + (luma(color) - luma(whole)); }
  }
  if (shown.masked == 0) { return vec4f(mix(whole, color, 1 - shown.share), 1); }
  let sure = person(point, whole);
  let part = mix(shown.parts.y, shown.parts.x, sure);
  color = clamp(mix(whole, color, (1 - shown.share) * part), vec3f(0), vec3f(1));
  let behind = select(up(room, point), shown.cover.rgb, shown.cover.a > 0.5);
  return vec4f(mix(color, behind, shown.parts.z * (1 - sure)), 1);
}
