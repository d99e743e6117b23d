// Brings photos to the tab's photo control, from wherever they come: a button, a drop, the clipboard, a camera.

const bar = element.querySelector('.reco-bar-row');
const {photo, several, bytes} = bar.dataset;
const stage = element.closest('.reco-stage'), said = bar.querySelector('.reco-problem');
const PHOTO = /\.(jpe?g|png|webp|heic|heif|avif|bmp|gif|tiff?|zip)$/i;
const inside = (id, what) => document.querySelector(`#${id} ${what}`);

const tell = sentence => {
  said.textContent = sentence;
  said.hidden = !sentence;
};

const refused = files => {
  const odd = files.find(file => !file.type.startsWith('image/') && !PHOTO.test(file.name));
  if (odd) return `${odd.name} is not a photo.`;
  const large = files.find(file => file.size > Number(bytes));
  return large ? `${large.name} is larger than ${Math.round(bytes / 1e6)} MB.` : '';
};

const hand = (id, files) => {
  const input = inside(id, 'input[type=file]'), carried = new DataTransfer();
  if (!input) return false;
  files.forEach(file => carried.items.add(file));
  input.files = carried.files;
  input.dispatchEvent(new Event('change', {bubbles: true}));
  return true;
};

// What lies in a fold is made when that is first opened.
const handMany = (files, tries = 40) => {
  const fold = document.querySelector(`#${several}-fold`);
  if (hand(several, files)) return fold.scrollIntoView({block: 'nearest'});
  if (tries === 40) fold.querySelector('button').click();
  if (tries) setTimeout(() => handMany(files, tries - 1), 100);
};

const take = list => {
  const files = [...list];
  tell(files.length ? refused(files) : '');
  if (!files.length || said.textContent) return;
  const many = files.length > 1 || /\.zip$/i.test(files[0].name);
  if (!many) hand(photo, files);
  else if (several) handMany(files);
  else tell('One photo at a time here.');
};

const choose = () => {
  const input = document.createElement('input');
  Object.assign(input, {type: 'file', accept: 'image/*,.heic,.heif,.avif,.zip', multiple: Boolean(several)});
  input.addEventListener('change', () => take(input.files));
  input.click();
};

stage.addEventListener('click', event => event.target.closest('[data-choose]') && choose());
// The camera's picture is there, or another one is.
stage.addEventListener('load', event => event.target.matches('.reco-viewer .photo') && stage.classList.remove('camera'), true);
bar.addEventListener('click', event => {
  const act = event.target.closest('[data-act]')?.dataset.act;
  if (act === 'another') choose();
  if (act === 'camera') {
    const on = stage.classList.toggle('camera'), source = on ? 'camera' : 'upload';
    if (on) inside(photo, 'button[aria-label="Remove Image"], button[aria-label="Clear"]')?.click();
    setTimeout(() => inside(photo, `.source-selection button[aria-label*="${source}" i]`)?.click(), 60);
  }
});
for (const kind of ['dragover', 'drop', 'dragleave']) {
  stage.addEventListener(kind, event => {
    if (event.target.closest('.drop')) return; // photos that teach a name
    if (kind === 'dragover') event.preventDefault();
    stage.classList.toggle('over', kind === 'dragover');
    if (kind !== 'drop') return;
    event.preventDefault();
    event.stopPropagation();
    take(event.dataTransfer.files);
  }, true);
}
document.addEventListener('paste', event => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length && stage.offsetParent) {
    event.preventDefault();
    take(files);
  }
});
