// Brings a painting to the size of its frame and shows it: the formulas are those of
// realtime/picture/formulas.py, the guided upsampling of He et al. 2013.

import { LOOKED_AT } from "./person.js";

const VERTEX = `#version 300 es
in vec2 corner;
out vec2 at;
void main() { at = vec2(corner.x, 1.0 - corner.y); gl_Position = vec4(corner * 2.0 - 1.0, 0, 1); }`;

const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D frame, small, painting, slopes, lines, room;
uniform float share, divider;
uniform bool enlarged, keepColor, mirror, painted, masked;
uniform vec3 parts;  // how far people are painted, what is behind them, and what covers that
uniform vec4 cover;  // a colour, or the room out of focus where its last number is 0
uniform int compare;
in vec2 at;
out vec4 result;

vec3 row(sampler2D source, float y, float first, float middle, float last, vec3 weights) {
  return texture(source, vec2(first, y)).rgb * weights.x
    + texture(source, vec2(middle, y)).rgb * weights.y
    + texture(source, vec2(last, y)).rgb * weights.z;
}

// Catmull-Rom, its sixteen reads in nine between pixels.
vec3 up(sampler2D source, vec2 point) {
  vec2 size = vec2(textureSize(source, 0)), whole = floor(point * size - 0.5) + 0.5;
  vec2 f = point * size - whole;
  vec2 a = f * (-0.5 + f * (1.0 - 0.5 * f)), b = 1.0 + f * f * (-2.5 + 1.5 * f);
  vec2 c = f * (0.5 + f * (2.0 - 1.5 * f)), d = f * f * (-0.5 + 0.5 * f), m = b + c;
  vec2 first = (whole - 1.0) / size, middle = (whole + c / m) / size, last = (whole + 2.0) / size;
  vec3 upper = row(source, first.y, first.x, middle.x, last.x, vec3(a.x, m.x, d.x));
  vec3 center = row(source, middle.y, first.x, middle.x, last.x, vec3(a.x, m.x, d.x));
  vec3 lower = row(source, last.y, first.x, middle.x, last.x, vec3(a.x, m.x, d.x));
  return upper * a.y + center * m.y + lower * d.y;
}

float luma(vec3 color) { return dot(color, vec3(0.299, 0.587, 0.114)); }

// How surely there is a person, along the frame's own edges.
float person(vec2 point, vec3 whole) {
  vec2 line = texture(lines, point).rg;
  return smoothstep(0.35, 0.65, line.x * 255.0 * luma(whole) + line.y);
}

void main() {
  vec2 point = at;
  bool original = compare == 1 && at.x < divider;
  if (compare == 2) { original = at.x < 0.5; point.x = fract(at.x * 2.0); }
  if (mirror) point.x = 1.0 - point.x;
  vec3 whole = texture(frame, point).rgb, color = whole;
  if (!original && painted) {
    color = up(painting, point);
    if (enlarged) {
      vec3 slope = (up(slopes, point) * 255.0 - 128.0) / 64.0;
      color += slope * (luma(whole) - luma(up(small, point)));
    }
    color = clamp(color, 0.0, 1.0);
    if (keepColor) color = whole + (luma(color) - luma(whole));
  }
  if (!original) {
    float sure = masked ? person(point, whole) : 1.0;
    color = mix(whole, color, (1.0 - share) * mix(parts.y, parts.x, sure));
    vec3 behind = cover.a > 0.5 ? cover.rgb : up(room, point);
    color = mix(clamp(color, 0.0, 1.0), behind, parts.z * (1.0 - sure));
  }
  if (compare == 1 && abs(at.x - divider) * float(textureSize(frame, 0).x) < 1.5) color = vec3(1);
  result = vec4(color, 1);
}`;

const TEXTURES = ["frame", "small", "painting", "slopes", "lines", "room"];
export const COMPARE = { "off": 0, "split": 1, "side by side": 2 };

/** Draws onto a canvas. Throws an Error named NoWebGL where there is no WebGL 2. */
export class Show {
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { alpha: false, antialias: false });
    if (!this.gl) throw Object.assign(new Error("WebGL 2"), { name: "NoWebGL" });
    this.begin();
  }

  /** Makes what lives on the GPU: at the start, and after that was lost. */
  begin() {
    const { gl } = this;
    this.program = linkProgram(gl);
    gl.useProgram(this.program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(this.program, "corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    TEXTURES.forEach((name, unit) => gl.uniform1i(this.place(name), unit));
    this.textures = Object.fromEntries(TEXTURES.slice(1).map((name) => [name, makeTexture(gl)]));
    this.mask = null;
    this.frames = [makeTexture(gl), makeTexture(gl)];  // the one shown, and the one being painted
    this.size = null;
  }

  place(name) { return this.gl.getUniformLocation(this.program, name); }

  get mostSide() { return this.gl.getParameter(this.gl.MAX_TEXTURE_SIZE); }

  /** Takes the frame of a source that is to be painted. */
  take({ frame, size }) {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.frames[1]);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, frame);
    this.nextSize = size;
  }

  /** Makes the frame taken last the one that is shown, with what the worker made of it, or null. */
  put(painted) {
    this.frames.reverse();
    this.size = this.nextSize;
    this.painted = painted;
    if (!painted) return;
    const { pixels, painting, slopes, height, width } = painted;
    this.upload("small", pixels, height, width);
    this.upload("painting", painting, height, width);
    if (slopes) this.upload("slopes", slopes, height >> 1, width >> 1);
  }

  upload(name, pixels, height, width) {
    const { gl } = this, bytes = new Uint8Array(pixels.buffer);
    gl.activeTexture(gl.TEXTURE0 + TEXTURES.indexOf(name));
    gl.bindTexture(gl.TEXTURE_2D, this.textures[name]);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
  }

  // Takes the mask of people, as from finder.js, where it is another than the last.
  takeMask(mask) {
    if (!mask || mask === this.mask) return;
    const { gl } = this, [rows, columns] = LOOKED_AT;
    this.mask = mask;
    gl.activeTexture(gl.TEXTURE0 + TEXTURES.indexOf("lines"));
    gl.bindTexture(gl.TEXTURE_2D, this.textures.lines);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RG16F, columns, rows, 0, gl.RG, gl.FLOAT, mask.lines);
    if (mask.room) this.upload("room", mask.room, mask.rows, mask.columns);
  }

  /** Draws the frame that is shown. `share`: of the frame itself; `masked`: as from `maskedBy`. */
  draw({ share, keepColor, mirror, compare, divider, masked }) {
    if (!this.size) return;
    const { gl } = this, [height, width] = this.size, mode = COMPARE[compare];
    const across = mode === 2 ? 2 * width : width;
    if (this.canvas.width !== across || this.canvas.height !== height) {
      Object.assign(this.canvas, { width: across, height });
    }
    gl.viewport(0, 0, across, height);
    this.takeMask(masked?.mask);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.frames[0]);
    gl.uniform1i(this.place("masked"), Boolean(masked));
    gl.uniform3fv(this.place("parts"), masked ? masked.parts : [1, 1, 0]);
    gl.uniform4fv(this.place("cover"), masked ? masked.cover : [0, 0, 0, 1]);
    gl.uniform1f(this.place("share"), share);
    gl.uniform1f(this.place("divider"), divider);
    gl.uniform1i(this.place("compare"), mode);
    gl.uniform1i(this.place("keepColor"), keepColor);
    gl.uniform1i(this.place("mirror"), mirror);
    gl.uniform1i(this.place("painted"), Boolean(this.painted));
    gl.uniform1i(this.place("enlarged"), Boolean(this.painted && this.painted.slopes));
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }
}

function makeTexture(gl) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
    gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
  }
  for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
    gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
  }
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 1, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  return texture;
}

function linkProgram(gl) {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw Object.assign(new Error(gl.getProgramInfoLog(program)), { name: "NoWebGL" });
  }
  return program;
}
