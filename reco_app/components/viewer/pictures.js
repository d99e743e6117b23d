// Pictures as the viewer needs them: addresses that may be shown, and the exact values of grey PNGs.

// Files of this server and pictures in data: addresses; anything else is not asked for.
const allowed = address => {
  if (/^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+$/.test(address)) return address;
  try {
    const url = new URL(address, location.href);
    return address && url.origin === location.origin && /^https?:$/.test(url.protocol) ? url.href : '';
  } catch {
    return '';
  }
};

const inflated = async parts => {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

const paeth = (a, b, c) => {
  const [toA, toB, toC] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return toA <= toB && toA <= toC ? a : toB <= toC ? b : c;
};

// One line of a PNG whose pixels are bytes, by its filter (the specification's section 9).
const unfiltered = (filter, line, above, out) => {
  for (let x = 0; x < line.length; x++) {
    const a = x ? out[x - 1] : 0, b = above ? above[x] : 0, c = x && above ? above[x - 1] : 0;
    out[x] = line[x] + [0, a, b, (a + b) >> 1, filter === 4 ? paeth(a, b, c) : 0][filter];
  }
};

// Values of an 8-bit grey PNG. Not through a canvas: some browsers blur what is read from one, against being
// recognised, and a label that is one off is another name.
const greyPng = async address => {
  const checked = allowed(address);
  if (!checked) throw new Error('this address is not shown');
  const bytes = new Uint8Array(await (await fetch(checked)).arrayBuffer());
  const view = new DataView(bytes.buffer);
  const width = view.getUint32(16), height = view.getUint32(20), parts = [];
  if (view.getUint32(0) !== 0x89504e47 || bytes[24] !== 8 || bytes[25] !== 0 || bytes[28] !== 0)
    throw new Error('not an 8-bit grey PNG');
  for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at))
    if (view.getUint32(at + 4) === 0x49444154) parts.push(bytes.subarray(at + 8, at + 8 + view.getUint32(at)));
  const raw = await inflated(parts), values = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const start = y * (width + 1), line = raw.subarray(start + 1, start + 1 + width);
    const out = values.subarray(y * width, (y + 1) * width);
    if (raw[start] === 0) out.set(line);
    else unfiltered(raw[start], line, y && values.subarray((y - 1) * width, y * width), out);
  }
  return {width, height, values};
};

// Colours as one number a pixel, as ImageData keeps them.
const LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const rgba = (r, g, b, a) => (LITTLE ? (a << 24) | (b << 16) | (g << 8) | r : (r << 24) | (g << 16) | (b << 8) | a) >>> 0;
const channels = colour => {
  const digits = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  return digits ? digits.slice(1).map(pair => parseInt(pair, 16)) : [128, 128, 128];
};

// Draw values through a table of 256 colours.
const throughTable = (canvas, {width, height, values}, table) => {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
  const pen = canvas.getContext('2d'), picture = new ImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = table[values[i]];
  pen.putImageData(picture, 0, 0);
};

// From dark blue over green to yellow, as `visualize.heat`.
const HEAT = (() => {
  const stops = [[48, 18, 110], [38, 110, 160], [60, 180, 110], [250, 225, 60]];
  return Uint32Array.from({length: 256}, (_, value) => {
    const place = value / 85, low = Math.min(2, Math.floor(place)), part = place - low;
    return rgba(...stops[low].map((from, i) => Math.round(from + part * (stops[low + 1][i] - from))), 255);
  });
})();
