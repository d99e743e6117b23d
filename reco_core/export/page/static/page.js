// The page: photos come in, are looked at one after the other, and are shown.

const at = id => document.getElementById(id);
const items = []; // {view, button}
const props = {value: null, upload_bytes: 0};
let shown = null, told = null, engine = null, loaded = null, busy = Promise.resolve();

const empty = (message = '') => ({state: 'empty', message, file: '', photo: '', width: 0, height: 0, layers: [], names: [], maps: []});

const showView = view => {
  props.value = view;
  if (told) told();
  else viewer(at('viewer'), props, () => {}, () => {}, (_, act) => { told = act; });
};

const problem = words => {
  at('problem').textContent = words;
  at('problem').hidden = !words;
};

const choose = item => {
  shown = item;
  for (const {button: one} of items) press(one, one === item.button);
  at('downloads').hidden = item.view.state !== 'done';
  showView(item.view);
};

const update = (item, view) => {
  item.view = view;
  if (item === shown) choose(item);
};

const look = async (item, photo) => {
  const {small, ...seen} = photo, before = {...empty(), ...seen};
  update(item, {...before, state: 'running', message: engine.ready ? 'Looking …' : 'Your photo is next, as soon as the page is loaded …'});
  try {
    await loaded;
    const started = performance.now();
    const answer = await engine.segment({...small, pixels: small.pixels});
    update(item, await viewOf(photo, answer));
    document.body.dataset.milliseconds = Math.round(performance.now() - started);
  } catch (error) {
    console.warn(error);
    update(item, {...before, state: 'error', message: 'This photo could not be looked at. Load the page again; if that does not help, close other pages.'});
  }
};

const add = async files => {
  const said = [], first = items.length;
  problem('');
  for (const file of files) {
    const photo = await opened(file).catch(error => said.push(error.message) && null);
    if (!photo) continue;
    const thumb = make('img'), item = {view: {...empty(), photo: photo.photo}, button: button('', '', () => choose(item))};
    Object.assign(thumb, {src: photo.photo, alt: ''});
    item.button.setAttribute('aria-label', photo.file);
    item.button.append(thumb);
    at('strip').append(item.button);
    at('strip').hidden = items.push(item) < 2;
    if (items.length === first + 1) choose(item);
    busy = busy.then(() => look(item, photo));
  }
  problem(said.join(' '));
};

const load = async () => {
  const [bar, words] = at('loading').children;
  await engine.load(share => {
    bar.value = share;
    words.textContent = share < 1 ? `Loading ${Math.floor(100 * share)} %` : 'Starting …';
  });
  engine.ready = true;
  at('loading').hidden = true;
  document.body.dataset.ready = Math.round(performance.now());
};

const takePhotos = () => {
  const input = at('files'), given = list => [...list].filter(file => file instanceof File);
  input.addEventListener('change', () => {
    add(given(input.files)).finally(() => { input.value = ''; });
  });
  addEventListener('dragover', event => { event.preventDefault(); document.body.classList.add('over'); });
  addEventListener('dragleave', event => event.relatedTarget || document.body.classList.remove('over'));
  addEventListener('drop', event => {
    event.preventDefault();
    document.body.classList.remove('over');
    add(given(event.dataTransfer.files));
  });
  addEventListener('paste', event => add(given(event.clipboardData.files)));
  at('camera').hidden = !navigator.mediaDevices?.getUserMedia;
  at('camera').addEventListener('click', shooting(at('shooting'), file => add([file]), problem));
};

const begin = () => {
  const missing = lacking() || (honest() ? '' : 'This browser hides the colours of photos from pages. Allow this page to read them (“canvas”), and load it again.');
  at('downloads').addEventListener('click', event => {
    const what = event.target.dataset.download;
    if (what) take(what, shown.view, items.map(({view}) => view).filter(({state}) => state === 'done'));
  });
  if (missing) {
    at('loading').hidden = at('files').disabled = true;
    showView(empty(missing));
    return problem(missing);
  }
  showView(empty('Drop photos here, or choose them'));
  takePhotos();
  engine = new Engine();
  loaded = load();
  loaded.catch(error => {
    at('loading').hidden = true;
    problem(error.message);
  });
  // Where there is a file for it beside the page: the next visit needs no network.
  if (about.offline && location.protocol.startsWith('http')) navigator.serviceWorker?.register(about.offline).catch(() => {});
};

begin();
