// The network on a graphics card: which layers there are, and what each reads and makes. Weights
// come from export/gpu_network.py, which computes the same in NumPy.

const RING = 1;  // cells around the picture that are computed too
const WHOLE = "alias half4 = vec4<f32>;\nalias half4x4 = mat4x4<f32>;\n";
const HALF = "enable f16;\nalias half4 = vec4<f16>;\nalias half4x4 = mat4x4<f16>;\n";

/** What is put in front of shaders that use half4. */
export function numbersOf(device) { return device.features.has("shader-f16") ? HALF : WHOLE; }

export function bytesOfNumber(device) { return device.features.has("shader-f16") ? 2 : 4; }

/** Reads arrays of float16 and float32 by their names from a file of safetensors. */
function readArrays(file) {
  const length = Number(new DataView(file).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length)));
  return new Map(Object.entries(header).map(([name, { dtype, data_offsets: [from, to] }]) => {
    const bytes = file.slice(8 + length + from, 8 + length + to);
    return [name, dtype === "F16" ? new Uint16Array(bytes) : new Float32Array(bytes)];
  }));
}

function fromHalves(halves) {
  const values = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i], exponent = half >> 10 & 31, fraction = half & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    values[i] = half & 0x8000 ? -size : size;
  }
  return values;
}

// What each layer reads and makes, in fours of channels. `grid`: which cells are made.
function layersOf({ fine_px, width, deep, blocks }) {
  const values = 3 * fine_px ** 2 / 4, fine = width / 4, low = deep / 4, ring = { before: 2 };
  const block = (name, from, through, to, fours, noise) => [
    { name: `${name}.first`, from, to: through, ins: fours, outs: fours, ...ring, rectifies: true },
    { name: `${name}.second`, from: through, to, added: from, ins: fours, outs: fours, noise },
  ];
  const places = ["deep", "deep2"];
  return [
    { name: "head", from: "cells", to: "fine", ins: values, outs: fine, ...ring },
    { name: "down", from: "fine", to: "deep", ins: fine, outs: low, ...ring, kernel: 6, stride: 2,
      noise: 0 },
    ...Array.from({ length: blocks }, (_, i) =>
      block(`body.${i}`, places[i % 2], "deepRing", places[(i + 1) % 2], low, i + 1)).flat(),
    { name: "up", from: places[blocks % 2], to: "fine2", added: "fine", ins: low, outs: 4 * fine,
      before: 1, shuffles: true },
    ...block("detail", "fine2", "fineRing", "fine", fine),
    { name: "tail", from: "fine", to: "painted", ins: fine, outs: values },
  ];
}

export class Network {
  /** Loads the weights of `table`, what site.json says of the network. */
  static async open(device, table) {
    const [file, shader] = await Promise.all([
      fetch(table.file).then((answer) => answer.arrayBuffer()),
      fetch("network.wgsl").then((answer) => answer.text()),
    ]);
    const network = new Network(device, table, readArrays(file));
    await network.compile(shader);
    return network;
  }

  constructor(device, table, arrays) {
    Object.assign(this, { device, table, layers: layersOf(table) });
    this.biases = new Map(), this.weights = new Map();
    for (const [name, array] of arrays) {
      const [, layer, kind] = /^(.*?)\.?(weight|bias|rows)$/.exec(name);
      if (kind === "rows") this.rows = fromHalves(array);
      if (kind === "bias") this.biases.set(layer, array);
      if (kind === "weight") this.weights.set(layer, this.upload(array));
    }
    let at = 0;  // in the row buffer, in fours
    for (const layer of this.layers) {
      layer.styled = layer.shuffles ? layer.outs / 4 : layer.outs;
      layer.style_at = at;
      at += 2 * layer.styled;
      layer.noise_at = layer.noise === undefined ? -1 : at;
      if (layer.noise !== undefined) at += table.canvas * layer.outs;
    }
    this.row = this.make(16 * at);
  }

  make(bytes) {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    return this.device.createBuffer({ size: Math.ceil(bytes / 16) * 16, usage });
  }

  upload(halves) {
    const values = bytesOfNumber(this.device) === 2 ? halves : fromHalves(halves);
    const buffer = this.make(values.byteLength);
    this.device.queue.writeBuffer(buffer, 0, values);
    return buffer;
  }

  // Layers that are alike share a pipeline.
  async compile(shader) {
    const module = this.device.createShaderModule({ code: numbersOf(this.device) + shader });
    const compiled = new Map();
    await Promise.all(this.layers.map(async (layer) => {
      const { kernel = 3, stride = 1, before = 0, ins, outs, styled } = layer;
      const is = { rectifies: layer.rectifies, adds: layer.added, shuffles: layer.shuffles };
      const numbers = { kernel, stride, before, ins, outs, styled };
      const constants = { ...numbers, ...Object.fromEntries(
        Object.entries(is).map(([name, value]) => [name, value ? 1 : 0])) };
      const key = JSON.stringify(constants);
      const compute = { module, entryPoint: "convolve", constants };
      if (!compiled.has(key)) {
        const asked = this.device.createComputePipelineAsync({ layout: "auto", compute });
        compiled.set(key, asked);
      }
      layer.pipeline = await compiled.get(key);
    }));
  }

  /** Makes what lies between the layers for frames of a size, from `cells` to `painted`. */
  prepare(height, width) {
    const { fine_px, width: fine, deep } = this.table, values = 3 * fine_px ** 2;
    const fit = (side) => 2 * Math.ceil(side / (2 * fine_px));
    const rows = fit(height), columns = fit(width);
    const whole = [columns, rows], half = [columns / 2 + 1, rows / 2 + 1];
    const around = ([across, down], ring) => [across + 2 * ring, down + 2 * ring];
    this.grids = {
      cells: whole, painted: whole, fine: around(whole, RING), fine2: around(whole, RING),
      fineRing: around(whole, 2 * RING), deep: half, deep2: half, deepRing: around(half, RING),
    };
    const channels = { cells: values, painted: values, deep, deep2: deep, deepRing: deep };
    this.destroy();
    this.between = {};
    for (const [name, [across, down]] of Object.entries(this.grids)) {
      const numbers = across * down * (channels[name] || fine);
      this.between[name] = this.make(numbers * bytesOfNumber(this.device));
    }
    this.canvas = this.make(4 * this.table.canvas * half[0] * half[1]);
    for (const layer of this.layers) {
      layer.made = layer.shuffles ? this.grids[layer.from] : this.grids[layer.to];
      const told = [...this.grids[layer.from], ...layer.made, layer.style_at, layer.noise_at, 0, 0];
      const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
      layer.told = this.device.createBuffer({ size: 32, usage });
      this.device.queue.writeBuffer(layer.told, 0, new Int32Array(told));
    }
  }

  destroy() {
    if (!this.between) return;
    const told = this.layers.map((layer) => layer.told);
    for (const buffer of [...Object.values(this.between), this.canvas, ...told]) buffer.destroy();
  }

  /** Takes weights as `styleOf` gives them; the first, of the original, counts for nothing. */
  setStyle(style, outside) {
    const last = style.length - 1, length = this.rows.length / (last - 1);
    const row = new Float32Array(length);
    if (outside) outside.row.forEach((value, k) => { row[k] = style[last] * value; });
    for (let i = 1; i < last; i++) {
      if (!style[i]) continue;
      for (let k = 0; k < length; k++) row[k] += style[i] * this.rows[(i - 1) * length + k];
    }
    const told = new Float32Array(this.row.size / 4);
    let at = 0;  // in the row, where the strengths of the canvas stand last
    for (const layer of this.layers) at += 2 * this.styleLayer(layer, row, at, told);
    for (const layer of this.layers) {
      if (layer.noise === undefined) continue;
      for (let channel = 0; channel < 4 * layer.outs; channel++) {
        for (let plane = 0; plane < this.table.canvas; plane++) {
          const to = 4 * (layer.noise_at + plane * layer.outs) + channel;
          told[to] = this.table.canvas_gain * row[at++];
        }
      }
    }
    this.device.queue.writeBuffer(this.row, 0, told);
  }

  // (conv + bias) * (1 + scale) + shift; the tail has three of each, for all pixels of a cell.
  styleLayer({ name, styled, style_at }, row, at, told) {
    const channels = name === "tail" ? 3 : 4 * styled, bias = this.biases.get(name);
    for (let channel = 0; channel < 4 * styled; channel++) {
      const scale = 1 + row[at + channel % channels];
      const shift = row[at + channels + channel % channels] + (name === "tail" ? 0.5 : 0);
      told[4 * style_at + channel] = scale;
      told[4 * (style_at + styled) + channel] = shift + (bias ? bias[channel] * scale : 0);
    }
    return channels;
  }

  /** Takes the noise of `drawCanvas`. */
  setCanvas(noise) { this.device.queue.writeBuffer(this.canvas, 0, noise); }

  /** Computes `painted` from `cells`. */
  encode(pass) {
    const { device, between } = this;
    for (const layer of this.layers) {
      const [across, down] = layer.made;
      const bound = [
        layer.told, between[layer.from], this.weights.get(layer.name), this.row, this.canvas,
        between[layer.added || layer.from], between[layer.to],
      ];
      const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }));
      const layout = layer.pipeline.getBindGroupLayout(0);
      pass.setPipeline(layer.pipeline);
      pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
      pass.dispatchWorkgroups(Math.ceil(across / 16), Math.ceil(down / 16), layer.outs);
    }
  }
}
