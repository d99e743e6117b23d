// The model: its parts, from beside the page or out of it, and the worker that runs it.

const about = JSON.parse(document.getElementById('about').textContent);

// What the page cannot do without; a sentence if this browser has not got it, else nothing.
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
const lacking = () => {
  const old = 'This browser is too old for this page. It works in current versions of Chrome, Edge, Firefox and Safari.';
  if (!('WebAssembly' in window && 'Worker' in window && 'DecompressionStream' in window && 'createImageBitmap' in window)) return old;
  return WebAssembly.validate(new Uint8Array(SIMD)) ? '' : old;
};

const inside = name => document.getElementById(`part-${name}`);

// The bytes of a part; told of how many there are so far.
const fetched = async (name, told) => {
  const own = inside(name);
  const reply = await fetch(own ? `data:application/octet-stream;base64,${own.textContent}` : about.parts[name].file).catch(() => null);
  if (!reply?.ok) throw new Error(location.protocol === 'file:'
    ? 'Opened as a file, this page may not read what lies beside it. Put the folder on a web server, or make a page of a single file.'
    : 'The page could not be loaded completely. Check the connection and load it again.');
  const reader = reply.body.getReader(), chunks = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    told(part.value.length);
  }
  own?.remove();
  return new Blob(chunks);
};

// Packed or not: some servers unpack what they send.
const unpacked = async blob => {
  const [first, second] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  const stream = blob.stream(), packed = first === 0x1f && second === 0x8b;
  return new Response(packed ? stream.pipeThrough(new DecompressionStream('gzip')) : stream).arrayBuffer();
};

const script = content => URL.createObjectURL(new Blob([content], {type: 'text/javascript'}));

class Engine {
  constructor() {
    this.waiting = new Map();
    this.worker = new Worker(script(document.getElementById('worker').textContent));
    this.worker.addEventListener('message', ({data: {id, answer, error}}) => {
      const {resolve, reject} = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) reject(new Error(error));
      else resolve(answer);
    });
    this.worker.addEventListener('error', event => {
      for (const {reject} of this.waiting.values()) reject(new Error(event.message || 'the model stopped'));
      this.waiting.clear();
    });
  }

  ask(task, given, moved = []) {
    const id = (this.last = (this.last ?? 0) + 1);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, {resolve, reject});
      this.worker.postMessage({id, task, given}, moved);
    });
  }

  // told: share 0..1 of what is to be loaded.
  async load(told) {
    const names = Object.keys(about.parts), all = names.reduce((sum, name) => sum + about.parts[name].bytes, 0);
    let so_far = 0;
    const count = bytes => told(Math.min(1, (so_far += bytes) / all));
    const [model, wasm, runtime] = await Promise.all(['model', 'wasm', 'runtime'].map(name => fetched(name, count).then(unpacked)));
    const threads = self.crossOriginIsolated ? Math.max(1, Math.min(4, (navigator.hardwareConcurrency || 1) - 1)) : 1; // one core is the page's
    await this.ask('load', {runtime, wasm, model, threads}, [runtime, wasm, model]);
  }

  // {width, height, pixels: RGB} -> {labels, presence}
  segment({width, height, pixels}) {
    const [rows, columns] = seenSize(height, width), [cell_rows, cell_columns] = coarseSize(height, width);
    const sides = about.positions ? {rows, columns, cell_rows, cell_columns} : {rows, columns};
    return this.ask('segment', {pixels, width, height, sides}, [pixels.buffer]);
  }
}

// At what size the network sees a photo: `images.model_size`. Halves are rounded as Python does.
const evened = x => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
const seenSize = (height, width) => {
  const {side, patch, aspect} = about, short = Math.max(patch, evened(side / patch) * patch);
  const wide = Math.min(aspect, Math.max(height, width) / Math.min(height, width));
  const long = Math.max(patch, evened(side * wide / patch) * patch);
  return height > width ? [long, short] : [short, long];
};

// On what grid outlines are found: `refinement.coarse_size`.
const coarseSize = (height, width) => {
  const {positions} = about, cell = Math.max(1, Math.sqrt(height * width / positions), Math.max(height, width) / positions);
  return [Math.max(1, evened(height / cell)), Math.max(1, evened(width / cell))];
};
