// What can be taken along of a photo: the picture with its masks, the masks as numbers, a table.

const save = (blob, name) => {
  const link = document.createElement('a'), address = URL.createObjectURL(blob);
  Object.assign(link, {href: address, download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
};

const stem = file => file.replace(/\.[^.]*$/, '').replace(/[^\p{L}\p{N} ._-]/gu, '_').slice(0, 80) || 'photo';

// The photo with the masks of what was found, as the viewer draws them.
const picture = async view => {
  const photo = new Image(), layer = await readLayer(view.layers[0]), {map} = layer;
  photo.src = view.photo;
  await photo.decode();
  const canvas = canvasOf(view.width, view.height), fills = canvasOf(map.width, map.height), pen = canvas.getContext('2d');
  const found = view.names.map((named, i) => ({...named, label: i + 1})).filter(({answer}) => answer === 'found');
  const table = new Uint32Array(256).fill(SHADE);
  for (const {label, colour} of found) table[label] = rgba(...channels(colour), 255);
  throughTable(fills, map, table);
  pen.drawImage(photo, 0, 0, view.width, view.height);
  pen.globalAlpha = 0.6;
  pen.imageSmoothingEnabled = false;
  pen.drawImage(fills, 0, 0, view.width, view.height);
  pen.globalAlpha = 1;
  const scale = view.width / map.width;
  pen.scale(scale, view.height / map.height);
  for (const {label, colour} of found) {
    Object.assign(pen, {strokeStyle: colour, lineWidth: 2 / scale, lineJoin: 'round'});
    pen.stroke(layer.path(label));
  }
  return new Promise(resolve => canvas.toBlob(resolve, 'image/jpeg', 0.92));
};

const quoted = text => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

const asTable = views => {
  const rows = views.flatMap(({file, names}) => names.map(({name, share, presence, answer}) =>
    [quoted(file), quoted(name), share.toFixed(4), presence.toFixed(3), answer].join(',')));
  return new Blob([['photo,name,share,presence,answer', ...rows, ''].join('\n')], {type: 'text/csv'});
};

const take = async (what, view, views) => {
  if (what === 'picture') save(await picture(view), `${stem(view.file)}.jpg`);
  if (what === 'labels') save(await (await fetch(view.layers[0].labels)).blob(), `${stem(view.file)}.labels.png`);
  if (what === 'table') save(asTable(views), 'table.csv');
};
