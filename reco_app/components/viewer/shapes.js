// What is read off a label map once: where each name is written, its outlines, how much it covers.

const COARSE = 800; // pixels of the long side that outlines are traced on: more is not seen

const coarse = ({width, height, values}, longest) => {
  const step = Math.max(1, Math.ceil(Math.max(width, height) / longest));
  const w = Math.ceil(width / step), h = Math.ceil(height / step), small = new Uint8Array(w * h);
  for (let y = 0, i = 0; y < h; y++) for (let x = 0; x < w; x++) small[i++] = values[y * step * width + x * step];
  return {step, width: w, height: h, values: small};
};

const counted = ({values}) => {
  const counts = new Uint32Array(256);
  for (const value of values) counts[value]++;
  return counts;
};

// Where each label is widest: {x, y} in the map's pixels, how far the border is, and how far it reaches to the sides.
const anchors = labels => {
  const {step, width, height, values} = coarse(labels, 400);
  const depth = new Float32Array(width * height), best = new Map();
  const sweep = (from, to, move, sideways, up) => {
    for (let y = from; y !== to; y += move) for (let n = 0; n < width; n++) {
      const x = move > 0 ? n : width - 1 - n, i = y * width + x;
      const near = (dx, dy, cost) => {
        const there = x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height;
        const j = i + dy * width + dx;
        return there && values[j] === values[i] ? depth[j] + cost : cost / 2;
      };
      const d = Math.min(near(sideways, 0, 1), near(0, up, 1), near(sideways, up, 1.414), near(-sideways, up, 1.414));
      depth[i] = move > 0 ? d : Math.min(depth[i], d);
    }
  };
  sweep(0, height, 1, -1, -1);
  sweep(height - 1, -1, -1, 1, 1);
  depth.forEach((d, i) => { if (values[i] && !(best.get(values[i])?.depth >= d)) best.set(values[i], {i, depth: d}); });
  const found = new Map();
  for (const [label, {i, depth: d}] of best) {
    const y = Math.floor(i / width), x = i % width;
    let left = x, right = x;
    while (left > 0 && values[y * width + left - 1] === label) left--;
    while (right < width - 1 && values[y * width + right + 1] === label) right++;
    const middle = (left + right + 1) / 2, wide = (right - left + 1) * step;
    found.set(label, {x: middle * step, y: (y + 0.5) * step, depth: d * step, wide});
  }
  return found;
};

// A label's outlines as one path in the map's pixels: the cracks between pixels, followed round and rounded off.
const outline = (small, label) => {
  const {step, width, height, values} = small;
  const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && values[y * width + x] === label;
  const next = new Map(), key = (x, y) => y * (width + 1) + x;
  const add = (x, y, toX, toY) => {
    const k = key(x, y);
    if (next.has(k)) next.get(k).push(key(toX, toY));
    else next.set(k, [key(toX, toY)]);
  };
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (inside(x, y)) {
    if (!inside(x, y - 1)) add(x, y, x + 1, y);
    if (!inside(x + 1, y)) add(x + 1, y, x + 1, y + 1);
    if (!inside(x, y + 1)) add(x + 1, y + 1, x, y + 1);
    if (!inside(x - 1, y)) add(x, y + 1, x, y);
  }
  const path = new Path2D();
  for (const start of next.keys()) {
    const ring = [];
    for (let at = start; next.get(at)?.length; at = next.get(at).pop())
      ring.push([at % (width + 1), Math.floor(at / (width + 1))]);
    if (ring.length > 3) rounded(ring, step, path);
  }
  return path;
};

const REACH = 2; // cracks to either side that a point is averaged with

const rounded = (ring, step, path) => {
  const n = ring.length, reach = Math.min(REACH, (n - 1) >> 2);
  for (let i = 0; i < n; i += 2) {
    let x = 0, y = 0;
    for (let d = -reach; d <= reach; d++) {
      const point = ring[(i + d + n) % n];
      x += point[0];
      y += point[1];
    }
    const span = (2 * reach + 1) / step;
    if (i) path.lineTo(x / span, y / span);
    else path.moveTo(x / span, y / span);
  }
  path.closePath();
};

// A layer as it is drawn: its labels and what is read off them; outlines are traced when they are first wanted.
const readLayer = async ({title, labels}) => {
  const map = await greyPng(labels), small = coarse(map, COARSE), paths = new Map();
  const path = label => {
    if (!paths.has(label)) paths.set(label, outline(small, label));
    return paths.get(label);
  };
  return {title, map, path, counts: counted(map), anchors: anchors(map)};
};
