// The viewer: takes a value, draws it, and changes what is seen without asking the server.

const part = name => element.querySelector(`.${name}`);
const tool = name => element.querySelector(`[data-tool="${name}"]`);
const block = element.parentElement.closest('.reco-viewer') ?? element;
const [stage, photo, card, heatMap, divider, said] = ['stage', 'photo', 'card', 'heat', 'divider', 'said'].map(part);
const camera = new Camera(stage, () => draw());
const masks = new Masks(stage, camera);
let value = null, wanted = 0, maps = [], shownMap = -1, comparing = false;

const say = words => { said.textContent = words; };
const send = file => upload(file);

const draw = () => {
  const {look} = masks;
  for (const node of [photo, heatMap]) node.style.transform = camera.transform;
  heatMap.style.opacity = Math.min(1, look.opacity + 0.15);
  heatMap.hidden = shownMap < 0;
  stage.classList.toggle('decided-shown', shownMap >= 0);
  stage.classList.toggle('zoomed', camera.zoom > 1);
  const [closer, ...back] = part('zoom').children;
  if (camera.zoom === 1 && back.includes(document.activeElement)) closer.focus();
  for (const node of back) node.hidden = camera.zoom === 1;
  divider.hidden = look.mode === 'masks' || shownMap >= 0;
  divider.style.left = `${look.at}%`;
  divider.setAttribute('aria-valuenow', Math.round(look.at));
  divider.setAttribute('aria-valuetext', `${Math.round(look.at)} %`);
  const own = masks.layers.map(({title}) => title), titles = {masks: [], split: ['Photo', own[0]], compare: own};
  [part('left'), part('right')].forEach((corner, i) => {
    corner.textContent = titles[look.mode][i] ?? '';
    corner.hidden = !corner.textContent || divider.hidden;
  });
  masks.draw();
  legend.mark(masks);
};

const change = changes => {
  Object.assign(masks.look, changes);
  for (const name of ['outlines', 'written']) press(tool(name), masks.look[name]);
  for (const mode of ['split', 'compare']) press(tool(mode), masks.look.mode === mode);
  draw();
};

const only = label => {
  change({only: masks.look.only === label ? 0 : label, over: 0});
  say(masks.look.only ? `Only ${masks.names[label - 1].name} is shown.` : 'All names are shown.');
};

const point = (x, y) => {
  const hit = x < 0 || shownMap >= 0 ? {label: 0} : masks.at(x, y);
  if (hit.label !== masks.look.over) change({over: hit.label});
  showCard(card, masks, hit, x, y);
  stage.classList.toggle('on-mask', Boolean(hit.label));
  return hit.label;
};

const legend = new Legend(part('legend'), {
  only,
  send,
  toggle: (label, on) => {
    const named = masks.names[label - 1], set = named.answer === 'found' ? masks.look.hidden : masks.look.asked;
    if (on === (named.answer === 'found')) set.delete(label);
    else set.add(label);
    change({only: 0});
  },
  over: label => { card.hidden = true; change({over: label && masks.way(label) ? label : 0}); },
  decided: name => { say('Looking at how it decided …'); trigger('decided', {name}); },
  teach: (name, files) => trigger('teach', {name, files}),
}, props.upload_bytes);

const step = by => {
  const labels = masks.names.map((_, i) => i + 1).filter(label => masks.look.only === label || masks.way(label));
  labels.sort((a, b) => masks.layers[0].counts[b] - masks.layers[0].counts[a]);
  if (!labels.length) return;
  const old = labels.indexOf(masks.look.over), next = old < 0 && by < 0 ? -1 : old + by;
  const label = labels[(next + labels.length) % labels.length];
  const {x, y} = masks.layers[0].anchors.get(label) ?? {x: 0, y: 0}, {width, height} = masks.layers[0].map;
  change({over: label});
  showCard(card, masks, {label, layer: 0}, ...camera.stagePoint(x / width, y / height));
  say(`${masks.names[label - 1].name}, ${facts(masks, label, 0)}`);
};

gestures(stage, camera, {
  point,
  step,
  press: (x, y, touch) => {
    const before = masks.look.over, label = point(x, y);
    if (masks.look.only && (!label || !touch)) only(masks.look.only);
    else if (label && (!touch || before === label)) only(label);
    if (touch) point(x, y);
  },
  enter: () => (masks.look.over || masks.look.only) && only(masks.look.over || masks.look.only),
  escape: () => {
    showMap(-1);
    card.hidden = true;
    change({only: 0, over: 0, mode: 'masks'});
    camera.fit();
  },
  divide: share => change({at: Math.max(0, Math.min(100, 100 * share))}),
  slide: by => change({at: Math.max(0, Math.min(100, masks.look.at + 5 * by))}),
});

// How it decided, over the photo in place of the masks.
const showMap = index => {
  shownMap = maps[index] ? index : -1;
  if (shownMap >= 0) throughTable(heatMap, maps[index].map, HEAT);
  [...part('decided').querySelectorAll('.chip')].forEach((chip, i) => press(chip, i === shownMap));
  part('decided').hidden = !maps.length;
  card.hidden = true;
  draw();
};

const showMaps = () => {
  const row = part('decided'), [first] = maps;
  if (first) change({mode: 'masks'}); // what was compared is under the map
  row.replaceChildren();
  if (first) {
    const chips = maps.map(({title}, i) => button('chip', title, () => showMap(shownMap === i ? -1 : i)));
    row.append(make('span', '', `Why ${first.name}?`), ...chips);
    row.append(button('quiet', 'Close', () => { maps = []; showMap(-1); stage.focus(); }));
    const scale = make('p', 'scale', 'less');
    scale.append(make('i'), 'more', make('span', '', `The yellower, the more speaks for “${first.name}” there.`));
    row.append(scale);
  }
  showMap(maps.length - 1);
};

element.addEventListener('click', event => {
  const name = event.target.closest('[data-tool]')?.dataset.tool, zoom = event.target.closest('[data-zoom]')?.dataset.zoom;
  const {look} = masks;
  if (name === 'outlines' || name === 'written') change({[name]: !look[name]});
  if (name === 'split') change({mode: look.mode === 'split' ? 'masks' : 'split', at: 50});
  if (name === 'compare' && masks.layers.length > 1) change({mode: look.mode === 'compare' ? 'masks' : 'compare', at: 50});
  else if (name === 'compare') {
    comparing = true;
    show('running', 'Looking by the words alone …');
    trigger('compare');
  }
  if (name === 'link') copy(linkTo(value.link)).then(() => {
    say('Link copied.');
    tool('link').textContent = 'Copied';
    setTimeout(() => { tool('link').textContent = 'Copy link'; }, 4000);
    trigger('link');
  });
  if (zoom) ({in: () => camera.by(1.5), out: () => camera.by(1 / 1.5), fit: () => camera.fit()})[zoom]();
});
part('opacity').querySelector('input').addEventListener('input', event => change({opacity: event.target.value / 100}));

// "giraffe 38 %, fence 23 %"
const foundWords = names => names.filter(({answer}) => answer === 'found').sort((a, b) => b.share - a.share)
  .map(({name, share}) => `${name} ${percent(share)}`).join(', ');

const summary = names => {
  const count = answer => names.filter(named => named.answer === answer).length;
  const rest = [count('maybe') && `${count('maybe')} maybe there`, count('absent') && `${count('absent')} not found`];
  return [foundWords(names) ? `Found ${foundWords(names)}` : 'Nothing found', ...rest.filter(Boolean)].join('; ') + '.';
};

const show = (state, message = '') => {
  const words = part('message'), busy = state === 'running', alone = !value?.photo;
  block.dataset.state = element.dataset.state = state;
  stage.setAttribute('aria-busy', String(busy));
  part('busy').hidden = !busy;
  part('invitation').hidden = !alone;
  part('invitation').firstElementChild.textContent = alone && state !== 'error' ? message || 'Your photo appears here' : '';
  words.hidden = !message || (alone && state !== 'error');
  words.textContent = words.hidden ? '' : message;
  words.setAttribute('role', state === 'error' ? 'alert' : 'none');
  if (busy) say(message || 'Looking …');
  runner.currentTime = 0;
  if (busy && !matchMedia('(prefers-reduced-motion: reduce)').matches) runner.play();
  else runner.pause();
};
const across = {transform: ['translateX(-100%)', 'translateX(340%)']};
const runner = part('busy').firstElementChild.animate(across, {duration: 1400, iterations: Infinity});
runner.pause();

const load = async given => {
  const turn = ++wanted, next = given || {state: 'empty'}, same = value && value.photo === next.photo && next.photo;
  const layers = await Promise.all((next.layers ?? []).map(layer => readLayer(layer)));
  const pictures = await Promise.all((next.maps ?? []).map(async map => ({...map, map: await greyPng(map.address)})));
  const address = allowed(next.photo ?? ''), names = next.names ?? [], ready = new Image();
  if (address && !same) {
    ready.src = address;
    await ready.decode().catch(() => {}); // a photo that cannot be read leaves the masks
  }
  if (turn !== wanted) return;
  value = next;
  if (!same) {
    photo.hidden = !address;
    if (address) photo.src = address;
    else photo.removeAttribute('src');
    stage.style.setProperty('--aspect', next.width && next.height ? `${next.width} / ${next.height}` : '');
    stage.classList.toggle('blank', !address);
    camera.fit();
  }
  const kept = same && masks.names.map(({name}) => name).join('\n') === names.map(({name}) => name).join('\n');
  masks.show(layers, names);
  const {opacity, outlines, written, mode} = masks.look;
  if (!kept) masks.look = {...freshLook(), opacity, outlines, written};
  maps = pictures;
  legend.show(names, layers[0]?.counts ?? new Uint32Array(256));
  part('tools').hidden = !layers.length;
  part('zoom').hidden = !address;
  const link = linkTo(next.link ?? '');
  tool('link').hidden = !link;
  tool('link').textContent = 'Copy link';
  part('picture').setAttribute('aria-label', foundWords(names) || (address ? next.file || 'Photo' : 'No photo yet'));
  const two = layers.length > 1, before = kept && (two || mode !== 'compare') ? mode : 'masks';
  change({over: 0, mode: comparing && two ? 'compare' : before});
  comparing = false;
  showMaps();
  show(next.state, next.message);
  if (next.state === 'done') say(summary(names));
  // The visitor's own question stays in the address: a reload asks it again.
  if (next.state === 'done' && window.recoAsked && link) history.replaceState(null, '', link);
};

const take = () => load(props.value).catch(() => {
  const message = 'The result could not be shown. Try again.';
  return load({...props.value, state: 'error', message, layers: [], maps: [], names: []});
});
block.addEventListener('viewer-state', event => {
  const {state, message} = event.detail;
  if (state && state !== 'running') value = {...value, state, message};
  if (state) show(state, message);
  else show(value?.state ?? 'empty', value?.message);
  // So that the same result again is a change, which `watch` tells.
  props.value = state ? {...props.value, state, message} : value;
});
part('hint').id = `${block.id}-hint`;
stage.setAttribute('aria-describedby', part('hint').id);
new ResizeObserver(() => camera.to(camera.zoom, camera.x, camera.y)).observe(stage);
watch('value', take);
take();
