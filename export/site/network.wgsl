// One layer of the network. Four channels lie together, and planes of fours behind one another, so
// neighbours read neighbours. half4 is what is put in front of this: of 16 bits where the card has
// them, else of 32; sums are always of 32.

struct Layer {
  given: vec2i,  // columns and rows of what it reads, and of what it makes
  made: vec2i,
  style_at: i32,  // where its scales lie in the row, its shifts right behind them
  noise_at: i32,  // the same for how strongly it takes each plane of the canvas; -1: it takes none
}

override kernel: i32;
override stride: i32 = 1;
override before: i32;  // cells by which the edge is repeated
override ins: i32;  // fours of channels
override outs: i32;
override styled: i32;  // fours of channels that the style changes; up has more, in places of a cell
override rectifies: bool = false;
override adds: bool = false;
override shuffles: bool = false;

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<storage, read> given: array<half4>;
@group(0) @binding(2) var<storage, read> weights: array<half4x4>;
@group(0) @binding(3) var<storage, read> row: array<vec4f>;
@group(0) @binding(4) var<storage, read> canvas: array<f32>;  // two planes
@group(0) @binding(5) var<storage, read> added: array<half4>;
@group(0) @binding(6) var<storage, read_write> made: array<half4>;

fn finish(sum: vec4f, x: i32, y: i32, o: i32) {
  if (y >= layer.made.y) { return; }
  var place = vec2i(x, y);
  var size = layer.made;
  let channels = o % styled;
  if (shuffles) {  // a cell becomes four
    size = 2 * size;
    place = 2 * place + vec2i(o / styled % 2, o / styled / 2);
  }
  let at = (channels * size.y + place.y) * size.x + place.x;
  var value = sum * row[layer.style_at + channels] + row[layer.style_at + styled + channels];
  if (rectifies) { value = max(value, vec4f(0)); }
  if (adds) { value += vec4f(added[at]); }
  if (layer.noise_at >= 0) {
    let cell = y * size.x + x;
    value += canvas[cell] * row[layer.noise_at + o];
    value += canvas[size.x * size.y + cell] * row[layer.noise_at + outs + o];
  }
  made[at] = half4(value);
}

@compute @workgroup_size(16, 4)
fn convolve(@builtin(global_invocation_id) id: vec3u) {
  let x = i32(id.x);
  let y = 4 * i32(id.y);  // four rows at once read the weights once
  let o = i32(id.z);
  if (x >= layer.made.x || y >= layer.made.y) { return; }
  let plane = layer.given.x * layer.given.y;
  var a = vec4f(0);
  var b = vec4f(0);
  var c = vec4f(0);
  var d = vec4f(0);
  for (var down = 0; down < kernel; down++) {
    let wanted = (y + vec4i(0, 1, 2, 3)) * stride + down - before;
    let rows = clamp(wanted, vec4i(0), vec4i(layer.given.y - 1)) * layer.given.x;
    for (var across = 0; across < kernel; across++) {
      var places = rows + clamp(x * stride + across - before, 0, layer.given.x - 1);
      let first = ((o * kernel + down) * kernel + across) * ins;
      for (var i = 0; i < ins; i++) {
        let weight = weights[first + i];
        a += vec4f(weight * given[places.x]);
        b += vec4f(weight * given[places.y]);
        c += vec4f(weight * given[places.z]);
        d += vec4f(weight * given[places.w]);
        places += plane;
      }
    }
  }
  finish(a, x, y, o);
  finish(b, x, y + 1, o);
  finish(c, x, y + 2, o);
  finish(d, x, y + 3, o);
}
