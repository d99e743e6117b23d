// Photos as files become pixels; pixels become what the viewer shows.

const canvasOf = (width, height) => Object.assign(document.createElement('canvas'), {width, height});

// A picture on white, its long side at most `longest`.
const drawn = (picture, longest) => {
  const ratio = Math.min(1, longest / Math.max(picture.width, picture.height));
  const canvas = canvasOf(Math.max(1, Math.round(picture.width * ratio)), Math.max(1, Math.round(picture.height * ratio)));
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
};

// Some browsers change what is read from a canvas, against being recognised: then no photo can be looked at.
const honest = () => {
  const canvas = canvasOf(8, 8), pen = canvas.getContext('2d', {willReadFrequently: true});
  pen.fillStyle = '#0a64c8';
  pen.fillRect(0, 0, 8, 8);
  const {data} = pen.getImageData(0, 0, 8, 8);
  return data.every((value, i) => Math.abs(value - [10, 100, 200, 255][i % 4]) < 9);
};

// What a file shows: {file, photo: an address, width, height, small: {width, height, pixels}}.
const opened = async file => {
  if (file.size > about.most_bytes) throw new Error(`${file.name} is larger than ${Math.round(about.most_bytes / 1e6)} MB.`);
  const bitmap = await createImageBitmap(file, {imageOrientation: 'from-image'}).catch(() => {
    throw new Error(`${file.name} is not a photo that this browser can read. JPEG, PNG and WebP work everywhere.`);
  });
  if (Math.min(bitmap.width, bitmap.height) < about.least_pixels) throw new Error(`${file.name} is too small.`);
  const shown = drawn(bitmap, about.shown), small = drawn(bitmap, about.working);
  bitmap.close();
  const {width, height} = small, {data} = small.getContext('2d').getImageData(0, 0, width, height);
  const pixels = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    pixels[to++] = data[from];
    pixels[to++] = data[from + 1];
    pixels[to++] = data[from + 2];
  }
  const size = {width: shown.width, height: shown.height};
  return {file: file.name, photo: shown.toDataURL('image/jpeg', 0.9), ...size, small: {width, height, pixels}};
};

const CRC = Uint32Array.from({length: 256}, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

const chunk = (kind, content) => {
  const bytes = new Uint8Array(12 + content.length), view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  bytes.set(content, 8);
  let crc = 0xffffffff;
  for (const byte of bytes.subarray(4, 8 + content.length)) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  view.setUint32(8 + content.length, ~crc);
  return bytes;
};

// Values (a byte each) as a grey PNG that holds exactly them.
const toPng = async ({width, height, values}) => {
  const head = new Uint8Array(13), view = new DataView(head.buffer), lines = new Uint8Array(height * (width + 1));
  view.setUint32(0, width);
  view.setUint32(4, height);
  head[8] = 8;
  for (let y = 0; y < height; y++) lines.set(values.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const stream = new Blob([lines]).stream().pipeThrough(new CompressionStream('deflate'));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const start = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
  return new Blob([start, chunk('IHDR', head), chunk('IDAT', packed), chunk('IEND', new Uint8Array())], {type: 'image/png'});
};

const dataUrl = blob => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(blob);
});

// As `answers.answer`.
const answerOf = (presence, share) => {
  const marked = share >= about.least_share;
  if (presence >= about.found_from) return marked ? 'found' : 'maybe';
  return marked && presence >= about.less_sure * about.found_from ? 'maybe' : 'absent';
};

// What the viewer is given, from a photo and the model's answer.
const viewOf = async ({file, photo, width, height, small}, {labels, presence}) => {
  const counts = new Uint32Array(256);
  for (const label of labels) counts[label]++;
  const names = about.names.map(({name, colour}, i) => {
    const share = counts[i + 1] / labels.length;
    return {name, colour, share, presence: presence[i], answer: answerOf(presence[i], share), remark: ''};
  });
  const png = await toPng({width: small.width, height: small.height, values: labels});
  const long = Math.max(width / height, height / width) > about.long;
  const message = long ? 'A photo as long as this is looked at as a whole here: small things may be missed.' : '';
  return {state: 'done', message, file, photo, width, height, layers: [{title: 'ReCo', labels: await dataUrl(png)}], names, maps: []};
};
