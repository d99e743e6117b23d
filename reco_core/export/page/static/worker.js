// Beside the page, so that it stays usable: loads the model once, then answers photo after photo.

let ort = null, session = null;

const load = async ({runtime, wasm, model, threads}) => {
  // An address of its own making: a page that was opened as a file may not hand one over.
  ort = await import(URL.createObjectURL(new Blob([runtime], {type: 'text/javascript'})));
  Object.assign(ort.env.wasm, {numThreads: threads, wasmBinary: wasm, proxy: false});
  ort.env.logLevel = 'error';
  session = await ort.InferenceSession.create(new Uint8Array(model), {executionProviders: ['wasm'], graphOptimizationLevel: 'all'});
  return {};
};

const segment = async ({pixels, width, height, sides}) => {
  const floats = length => new ort.Tensor('float32', new Float32Array(length), [length]);
  const photo = new ort.Tensor('uint8', pixels, [height, width, 3]);
  const given = Object.fromEntries(Object.entries(sides).map(([name, length]) => [name, floats(length)]));
  const {labels, presence} = await session.run({photo, ...given}, ['labels', 'presence']);
  return {labels: new Uint8Array(labels.data), presence: [...presence.data]};
};

onmessage = async ({data: {id, task, given}}) => {
  try {
    postMessage({id, answer: await {load, segment}[task](given)});
  } catch (error) {
    postMessage({id, error: String(error?.message ?? error)});
  }
};
