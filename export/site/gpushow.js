// Shows what GpuPainter has painted: as Show does, by WebGPU.

import { LOOKED_AT } from "./person.js";
import { COMPARE } from "./show.js";

const BOUND = ["frame", "small", "painting", "slopes", "lines", "room"];

export class GpuShow {
  static async open(canvas, device) {
    const show = new GpuShow(canvas, device);
    await show.begin();
    return show;
  }

  constructor(canvas, device) {
    Object.assign(this, { canvas, device, context: canvas.getContext("webgpu") });
    this.format = navigator.gpu.getPreferredCanvasFormat();
    this.context.configure({ device, format: this.format, alphaMode: "opaque" });
    this.sampler = device.createSampler({ magFilter: "linear", minFilter: "linear" });
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    this.told = device.createBuffer({ size: 80, usage });
    this.frames = [null, null];  // the one shown, and the one being painted
    this.nothing = this.makeTexture([1, 1]);
    this.mask = {};
    this.size = null;
  }

  async begin() {
    const code = await (await fetch("show.wgsl")).text();
    const module = this.device.createShaderModule({ code });
    this.pipeline = await this.device.createRenderPipelineAsync({
      layout: "auto", primitive: { topology: "triangle-strip" },
      vertex: { module }, fragment: { module, targets: [{ format: this.format }] },
    });
  }

  get mostSide() { return this.device.limits.maxTextureDimension2D; }

  /** The frame that is to be painted. */
  get taken() { return this.frames[1]; }

  makeTexture(size) {
    const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST
      | GPUTextureUsage.RENDER_ATTACHMENT;
    return this.device.createTexture({ size, format: "rgba8unorm", usage });
  }

  /** Takes the frame of a source that is to be painted. */
  take({ frame, size: [height, width] }) {
    const { taken } = this;
    if (!taken || taken.width !== width || taken.height !== height) {
      if (taken) taken.destroy();
      this.frames[1] = this.makeTexture([width, height]);
    }
    const to = { texture: this.frames[1] };
    this.device.queue.copyExternalImageToTexture({ source: frame }, to, [width, height]);
  }

  /** Makes the frame taken last the one that is shown, with its painting, or null. */
  put(painted) {
    this.frames.reverse();
    this.size = [this.frames[0].height, this.frames[0].width];
    this.painted = painted;
  }

  // Takes the mask of people, as from finder.js, where it is another than the last.
  takeMask(mask) {
    if (!mask || mask === this.mask.of) return;
    const [rows, columns] = LOOKED_AT, { room, lines } = this.mask;
    for (const texture of [lines, mask.room && room]) if (texture) texture.destroy();
    this.mask = { of: mask, room, lines: this.write(mask.lines, "rg32float", [columns, rows]) };
    const size = [mask.columns, mask.rows];
    if (mask.room) this.mask.room = this.write(mask.room, "rgba8unorm", size);
  }

  write(numbers, format, size) {
    const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST;
    const texture = this.device.createTexture({ size, format, usage });
    const layout = { bytesPerRow: numbers.byteLength / size[1] };
    this.device.queue.writeTexture({ texture }, numbers, layout, size);
    return texture;
  }

  /** Draws the frame that is shown. `share`: of the frame itself; `masked`: as from `maskedBy`. */
  draw({ share, keepColor, mirror, compare, divider, masked }) {
    if (!this.size) return;
    const { device, pipeline, painted } = this, [height, width] = this.size;
    const mode = COMPARE[compare], across = mode === 2 ? 2 * width : width;
    if (this.canvas.width !== across || this.canvas.height !== height) {
      Object.assign(this.canvas, { width: across, height });
    }
    device.queue.writeBuffer(this.told, 0, new Float32Array([width, height, share, divider]));
    const are = [painted, painted?.slopes, keepColor, mirror, masked].map(Boolean);
    device.queue.writeBuffer(this.told, 16, new Uint32Array([mode, ...are]));
    const { parts, cover } = masked || { parts: [1, 1, 0], cover: [0, 0, 0, 1] };
    device.queue.writeBuffer(this.told, 48, new Float32Array([...parts, 0, ...cover]));
    this.takeMask(masked?.mask);
    const textures = { ...painted, ...this.mask, frame: this.frames[0] };
    const views = BOUND.map((name, i) => (
      { binding: i + 2, resource: (textures[name] || this.nothing).createView() }));
    const entries = [{ binding: 0, resource: { buffer: this.told } },
      { binding: 1, resource: this.sampler }, ...views];
    const commands = device.createCommandEncoder();
    const view = this.context.getCurrentTexture().createView();
    const pass = commands.beginRenderPass({
      colorAttachments: [{ view, loadOp: "clear", storeOp: "store" }],
    });
    pass.setPipeline(pipeline);
    const layout = pipeline.getBindGroupLayout(0);
    pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
    pass.draw(4);
    pass.end();
    device.queue.submit([commands.finish()]);
  }
}
