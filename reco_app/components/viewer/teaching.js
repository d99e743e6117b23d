// "Show it three photos": a drop zone in a name's row; what is dropped is uploaded and handed on.

const MOST_PHOTOS = 12;
const PHOTO = /\.(jpe?g|png|webp|heic|heif|avif|bmp|gif|tiff?)$/i;

const refused = (files, bytes) => {
  const odd = files.find(file => !file.type.startsWith('image/') && !PHOTO.test(file.name));
  if (odd) return `${odd.name} is not a photo.`;
  const large = files.find(file => file.size > bytes);
  if (large) return `${large.name} is larger than ${Math.round(bytes / 1e6)} MB.`;
  return files.length > MOST_PHOTOS ? `At most ${MOST_PHOTOS} photos at once.` : '';
};

// teach: is given the name and the uploaded files' paths.
const dropZone = (name, bytes, send, teach) => {
  const asked = `Drop photos of ${name} here, or choose them`;
  const zone = make('label', 'drop'), input = make('input'), line = make('span', '', asked);
  const said = make('span', 'problem');
  Object.assign(input, {type: 'file', multiple: true, accept: 'image/*,.heic,.heif,.avif'});
  input.setAttribute('aria-label', `Photos of ${name}`);
  said.setAttribute('role', 'alert');
  zone.append(input, line, said);
  const take = async list => {
    const files = [...list];
    said.textContent = refused(files, bytes);
    if (!files.length || said.textContent) return;
    input.disabled = true;
    try {
      const paths = [];
      for (const [i, file] of files.entries()) {
        line.textContent = `Sending photo ${i + 1} of ${files.length} …`;
        paths.push((await send(file)).path);
      }
      line.textContent = `Learning what ${name} looks like …`;
      teach(name, paths);
    } catch {
      said.textContent = 'The photos did not arrive. Try again.';
      line.textContent = asked;
    }
    input.disabled = false;
  };
  input.addEventListener('change', () => take(input.files));
  zone.addEventListener('dragover', event => { event.preventDefault(); zone.classList.add('over'); });
  zone.addEventListener('dragleave', () => zone.classList.remove('over'));
  zone.addEventListener('drop', event => {
    event.preventDefault();
    zone.classList.remove('over');
    take(event.dataTransfer.files);
  });
  return zone;
};
