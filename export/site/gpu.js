// Paints on the graphics card: frames stay there for all that is done (frame.wgsl, network.wgsl).

import { drawCanvas, meantStrength, STILL } from "./canvas.js";
import { styleOf } from "./look.js";
import { Network, numbersOf } from "./network.js";
import { inPixels, SMALL_PX } from "./motion.js";
import { planOf, Quality, TRIAL } from "./painter.js";

const LEAST_PX = 16, BLOCK = 4;
// What each step of frame.wgsl uses, by the places of its bindings.
const PLACES = ["at", "frame", "smooth_edges", "picture", "pixels", "shown", "mean", "moves",
  "gains", "cells", "planes", "raw", "hold", "shares", "before", "steady"];
const STEPS = {
  shrink: ["at", "frame", "smooth_edges", "picture", "pixels"],
  look_for_motion: ["at", "pixels", "shown", "moves"],
  set_gains: ["at", "moves", "gains"],
  take: ["at", "pixels", "shown", "mean", "gains"],
  cut: ["at", "shown", "cells"],
  join: ["at", "cells", "pixels"],
  blend: ["at", "pixels", "hold", "shares", "before", "steady"],
  publish: ["at", "picture", "shown"],
  halve: ["at", "pixels", "shown", "planes"],
  compare: ["at", "planes", "raw"],
  tell_slopes: ["at", "raw", "picture"],
};

function named(name, reason = name) { return Object.assign(new Error(reason), { name }); }

/**
 * Opens the graphics card. Throws an Error named NoWebGpu or NoAdapter where there is none: a
 * program that stands in for one is slower than wasm, and is taken only where it `isAskedFor`.
 */
export async function openCard(isAskedFor) {
  if (!navigator.gpu) throw named("NoWebGpu");
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  const standsIn = adapter && (adapter.info?.isFallbackAdapter || adapter.isFallbackAdapter);
  if (!adapter || standsIn && !isAskedFor) throw named("NoAdapter");
  const requiredFeatures = ["shader-f16"].filter((name) => adapter.features.has(name));
  return adapter.requestDevice({ requiredFeatures });
}

/** What is kept of frames of one size. */
class Sizes {
  constructor(device, height, width, network) {
    const half = Math.max(1, height >> 1) * Math.max(1, width >> 1);
    const blocks = Math.max(1, height >> 2) * Math.max(1, width >> 2), count = height * width;
    const texture = (rows, columns) => device.createTexture({
      size: [columns, rows], format: "rgba8unorm",
      usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.TEXTURE_BINDING,
    });
    const uniform = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const numbers = (length) => device.createBuffer({
      size: 4 * length, usage: GPUBufferUsage.STORAGE,
    });
    Object.assign(this, {
      height, width, of: `${height}x${width}`,
      at: device.createBuffer({ size: 32, usage: uniform }),
      pixels: numbers(count), quiet: numbers(count), quietMean: numbers(4 * count),
      painted: numbers(count), held: numbers(count), heldMean: numbers(4 * count),
      moves: numbers(blocks), gains: numbers(blocks),
      planes: numbers(4 * half), raw: numbers(4 * half),
    });
    const slopes = [Math.max(1, height >> 1), Math.max(1, width >> 1)];
    // Two of each: one is shown while the next is painted.
    this.shown = [0, 1].map(() => ({
      small: texture(height, width), painting: texture(height, width), slopes: texture(...slopes),
    }));
    network.prepare(height, width);
    this.cells = network.grids.cells;
  }

  /** Makes what stability needs, which few ask for; the last painting becomes the one before. */
  turnPaintings(device) {
    const make = (size, use) => device.createBuffer({ size, usage: use | GPUBufferUsage.COPY_DST });
    const numbers = (length) => make(4 * length, GPUBufferUsage.STORAGE);
    const count = this.height * this.width;
    this.hold ||= make(48, GPUBufferUsage.UNIFORM);
    this.shares ||= numbers(SMALL_PX + SMALL_PX / 8);  // its sides are rounded
    const { before = numbers(4 * count), steady = numbers(4 * count) } = this;
    Object.assign(this, { before: steady, steady: before });
  }

  destroy() {
    for (const value of Object.values(this)) if (value instanceof GPUBuffer) value.destroy();
  }
}

/** Paints by WebGPU; as Painter does, and what it returns is shown by GpuShow. */
export class GpuPainter {
  constructor(device, table) {
    Object.assign(this, { device, table, quality: new Quality(), sizes: null, madeWith: "" });
    this.isHalf = device.features.has("shader-f16");
    device.lost.then(({ message, reason }) => { this.wrong = this.wrong || message || reason; });
    device.onuncapturederror = ({ error }) => {
      this.wrong = this.wrong || error.message;
      this.close();  // who listens to the device's end takes another painter
    };
  }

  /** The word for it. */
  get words() { return [this.isHalf ? "webgpu_half" : "webgpu"]; }

  /** Loads the weights and compiles the shaders. */
  async load() {
    const { device } = this;
    [this.network] = await Promise.all([Network.open(device, this.table.network), this.compile()]);
    this.sampler = device.createSampler({ magFilter: "linear", minFilter: "linear" });
  }

  /** Finds out by trial how large this card can paint. */
  async try() {
    const { device, table } = this, [height, width] = TRIAL;
    const mix = new Float32Array(table.styles.length);
    mix[1] = 1;
    const usage = GPUTextureUsage.TEXTURE_BINDING;
    const frame = device.createTexture({ size: [width, height], format: "rgba8unorm", usage });
    const plan = { height, width, mix, enlarged: true };
    for (let run = 0; run < 3; run++) {  // the first ones also set up
      const began_ms = performance.now();
      await this.run(frame, plan, { canvas: 1, seed: 1 }, true);
      this.trial_ms = performance.now() - began_ms;
    }
    this.forget();
    this.quality.choose(height, this.trial_ms);
  }

  async compile() {
    const code = numbersOf(this.device) + await (await fetch("frame.wgsl")).text();
    const module = this.device.createShaderModule({ code });
    const make = async (entryPoint, constants) => this.device.createComputePipelineAsync({
      layout: "auto", compute: { module, entryPoint, constants },
    });
    const names = Object.keys(STEPS);
    const made = await Promise.all([...names.map((name) => make(name)),
      make("take", { of_paintings: 1 })]);
    this.steps = Object.fromEntries([...names, "hold"].map((name, i) => [name, made[i]]));
  }

  /** Begins anew with the next frame. */
  forget() { this.madeWith = this.of = this.steadied = ""; }

  /** Paints the frame that `show` has taken of `source`, with the `look` at this moment. */
  async paint(source, look) {
    return this.run(this.show.taken, planOf(source, look, this.quality.lines), look, source.moves);
  }

  async run(frame, plan, { canvas, seed, view = STILL, steady = null }, moves) {
    const { height, width, mix, enlarged } = plan, { device } = this;
    const began_ms = performance.now();
    if (this.sizes?.of !== `${height}x${width}`) await this.prepare(height, width);
    const { sizes } = this, goesOn = moves && this.of === sizes.of;
    this.of = moves && Math.min(height, width) >= LEAST_PX ? sizes.of : "";
    const made = [...mix, canvas, seed].join(), same = goesOn && this.madeWith === made;
    this.madeWith = made;
    this.style(plan, made, { canvas, seed, view });
    const cell = this.table.network.fine_px;
    const told = [width, height, ...sizes.cells, cell, 0, goesOn ? 0 : 1, same ? 0 : 1];
    device.queue.writeBuffer(sizes.at, 0, new Int32Array(told));
    this.tellHold(steady);
    sizes.shown.reverse();
    const commands = device.createCommandEncoder(), pass = commands.beginComputePass();
    this.encode(pass, frame, { goesOn, steady, enlarged });
    pass.end();
    device.queue.submit([commands.finish()]);
    await device.queue.onSubmittedWorkDone();
    if (this.wrong) throw named("CardLost", this.wrong);
    const { small, painting, slopes } = sizes.shown[0];
    const took_ms = performance.now() - began_ms;
    return { small, painting, slopes: enlarged ? slopes : null, height, width, took_ms };
  }

  // `steady`: as from Steadiness, or null where it is off.
  tellHold(steady) {
    const { device, sizes } = this, isHeld = steady?.shares && this.steadied === sizes.of;
    this.steadied = steady ? sizes.of : "";
    if (!steady) return;
    sizes.turnPaintings(device);
    const { along = STILL, height, width, shares } = steady;
    const [a, b, right, c, d, under] = inPixels(along, sizes.height, sizes.width);
    device.queue.writeBuffer(sizes.hold, 0, new Float32Array([a, b, right, 0, c, d, under, 0]));
    device.queue.writeBuffer(sizes.hold, 32, new Int32Array(isHeld ? [width, height] : [0, 0]));
    if (isHeld) device.queue.writeBuffer(sizes.shares, 0, shares);
  }

  async prepare(height, width) {
    const { device } = this, before = this.sizes;
    device.pushErrorScope("out-of-memory");
    this.sizes = new Sizes(device, height, width, this.network);
    this.styledAs = this.drawnAs = null;
    if (before) before.destroy();
    if (await device.popErrorScope()) throw named("NoMemory");
  }

  // What has not changed since the last frame lies on the card already.
  style({ height, width, mix, outside }, made, { canvas, seed, view }) {
    const { cell_px, strengths } = this.table.canvas, drawn = [made, ...view].join();
    const style = styleOf(mix, outside, true);
    if (this.styledAs !== made) this.network.setStyle(style, outside);
    if (this.drawnAs !== drawn) {
      const strength = meantStrength(style, strengths, canvas);
      this.network.setCanvas(drawCanvas(height, width, cell_px, seed, strength, view));
    }
    Object.assign(this, { styledAs: made, drawnAs: drawn });
  }

  encode(pass, frame, { goesOn, steady, enlarged }) {
    const { sizes, network } = this, { width, height, pixels, quiet, gains, held } = sizes;
    const { small, painting, slopes } = sizes.shown[0];
    const { cells, painted: inCells } = network.between;
    const whole = [width, height], half = [width / 2, height / 2];
    const blocks = [width / BLOCK, height / BLOCK];
    const step = (name, size, uses) => this.step(pass, name, size, uses);
    step("shrink", whole, { frame, picture: small, pixels });
    if (goesOn) {
      step("look_for_motion", blocks, { pixels, shown: quiet, moves: sizes.moves });
      step("set_gains", blocks, { moves: sizes.moves, gains });
    }
    step("take", whole, { pixels, shown: quiet, mean: sizes.quietMean, gains });
    step("cut", sizes.cells, { shown: quiet, cells });
    network.encode(pass);
    step("join", whole, { cells: inCells, pixels: sizes.painted });
    if (steady) step("blend", whole, { ...sizes, pixels: sizes.painted });
    step("hold", whole, { pixels: sizes.painted, shown: held, mean: sizes.heldMean, gains });
    step("publish", whole, { picture: painting, shown: held });
    if (!enlarged) return;
    step("halve", half, { pixels, shown: held, planes: sizes.planes });
    step("compare", half, { planes: sizes.planes, raw: sizes.raw });
    step("tell_slopes", half, { raw: sizes.raw, picture: slopes });
  }

  step(pass, name, [across, down], uses) {
    const all = { ...uses, at: this.sizes.at, smooth_edges: this.sampler };
    const entries = STEPS[name === "hold" ? "take" : name].map((use) => {
      const it = all[use];
      const resource = it instanceof GPUBuffer ? { buffer: it }
        : it instanceof GPUTexture ? it.createView() : it;
      return { binding: PLACES.indexOf(use), resource };
    });
    const layout = this.steps[name].getBindGroupLayout(0);
    pass.setPipeline(this.steps[name]);
    pass.setBindGroup(0, this.device.createBindGroup({ layout, entries }));
    pass.dispatchWorkgroups(Math.max(1, Math.ceil(across / 8)), Math.max(1, Math.ceil(down / 8)));
  }

  close() { this.device.destroy(); }
}
