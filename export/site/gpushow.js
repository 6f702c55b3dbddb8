// Shows what GpuPainter has painted: as Show does, by WebGPU.

import { COMPARE } from "./show.js";

const BOUND = ["frame", "small", "painting", "slopes"];

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
    this.told = device.createBuffer({ size: 48, usage });
    this.frames = [null, null];  // the one shown, and the one being painted
    this.nothing = this.makeTexture([1, 1]);
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

  /** Draws the frame that is shown. `share`: of the frame itself. */
  draw({ share, keepColor, mirror, compare, divider }) {
    if (!this.size) return;
    const { device, pipeline, painted } = this, [height, width] = this.size;
    const mode = COMPARE[compare], across = mode === 2 ? 2 * width : width;
    if (this.canvas.width !== across || this.canvas.height !== height) {
      Object.assign(this.canvas, { width: across, height });
    }
    device.queue.writeBuffer(this.told, 0, new Float32Array([width, height, share, divider]));
    const are = [painted, painted?.slopes, keepColor, mirror].map(Boolean);
    device.queue.writeBuffer(this.told, 16, new Uint32Array([mode, ...are]));
    const textures = { ...painted, frame: this.frames[0] };
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
