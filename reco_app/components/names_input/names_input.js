// Names as chips with an input among them. State: `names`, and the place `at` of the input, where a name is changed.

const find = name => element.querySelector(`.names-${name}`);
const list = find('chips'), typing = find('typing'), input = typing.firstElementChild, clear = find('clear');
const said = find('said'), problem = find('problem'), remarkList = find('remarks');
const PAUSE = 80, PATIENCE = 2500; // milliseconds: before the server is asked; that a run waits for remarks
const known = new Map(); // remarks by what they depend on
let names = [], at = 0, changed = null, asking = 0, checking = null, pressed = false, refusal = '';

input.id = `${element.id}-input`;
find('label').textContent = props.label;
find('label').htmlFor = input.id;
find('hint').id = `${element.id}-hint`;
remarkList.id = `${element.id}-remarks`;
input.setAttribute('aria-describedby', `${find('hint').id} ${remarkList.id}`);
const choices = makeChoices(input, find('choices'), take);

const counted = (count, one) => `${count.toLocaleString('en')} ${one}${count === 1 ? '' : 's'}`;
const about = name => JSON.stringify([name.name, props.preset, props.taught]);

function remarkOf(name) {
  if (name.name.length <= props.longest) return name.exact ? null : known.get(about(name));
  const text = `is ${counted(name.name.length, 'character')} long; a name has at most ${props.longest}.`;
  return {text, instead: [], refused: true, lasting: true};
}

function say(text) {
  said.textContent = text;
}

// Shows why the names are refused as a whole: too many, or for a reason that the server gave.
function complain() {
  const many = names.length - props.most, some = names.some(name => remarkOf(name)?.refused);
  const tooMany = `These are ${counted(names.length, 'name')}; at most ${props.most} at a time. Remove ${many}, or clear all.`;
  problem.textContent = many > 0 ? tooMany : some ? '' : refusal;
  problem.hidden = !problem.textContent;
  element.classList.toggle('names-refused', !problem.hidden);
  input.setAttribute('aria-invalid', String(some || !problem.hidden));
}

function draw() {
  const held = document.activeElement, focused = [...list.querySelectorAll('button')].indexOf(held);
  drawChips(list, typing, names, at, remarkOf);
  drawRemarks(remarkList, names, remarkOf);
  clear.hidden = !names.length && !input.value;
  input.placeholder = names.length ? 'Add a name' : props.placeholder;
  if (held === input) input.focus(); // it may have moved
  else if (focused >= 0) list.querySelectorAll('button')[focused]?.focus();
  complain();
}

// The value is always what would run: the chips, and in its place what is typed.
function publish() {
  const text = writeNames([...names.slice(0, at), ...readNames(input.value).names, ...names.slice(at)]);
  if (text === (props.value || '')) return;
  props.value = text;
  trigger('input');
}

function changeTo(next, place = next.length) {
  names = next;
  at = place;
  refusal = '';
  draw();
  publish();
  check();
}

// Puts names where the input is; those that are there already are only pointed at.
function add(found, place = at) {
  const fresh = found.filter((name, i) => ![...names, ...found.slice(0, i)].some(other => sameName(name, other)));
  changed = null;
  changeTo([...names.slice(0, place), ...fresh, ...names.slice(place)]);
  for (const name of found.filter(name => !fresh.includes(name))) flash(name);
  if (found.length) say(fresh.length ? `${fresh.map(({name}) => shortened(name)).slice(0, 5).join(', ')} added` : 'already there');
}

function flash(name) {
  const chip = [...list.querySelectorAll('.names-chip')].find(chip => sameName(name, {name: chip.dataset.name}));
  chip?.animate?.([{transform: 'scale(1.06)'}, {transform: 'none'}], 250);
}

function commit() {
  const {names: found} = readNames(input.value);
  input.value = '';
  choices.hide();
  if (found.length || changed) add(found);
}

function take(name) {
  input.value = '';
  choices.hide();
  add([{name, exact: false}]);
  input.focus();
}

function remove(i) {
  const gone = names[i];
  if (!gone) return;
  changeTo(names.filter((_, n) => n !== i), at > i ? at - 1 : at);
  say(`${shortened(gone.name)} removed`);
}

function edit(i) {
  const name = names[i];
  if (input.value) commit();
  const now = names.indexOf(name);
  if (now < 0) return;
  changed = name;
  input.value = writeName(name);
  changeTo(names.filter(other => other !== name), now);
  input.focus();
  input.select();
}

// Why names are refused may stand below the screen.
function reveal() {
  (problem.hidden ? remarkList : problem).scrollIntoView({block: 'nearest'});
}

// What is said of chips of which nothing is known yet; resolves when it is drawn.
function check() {
  const unknown = names.filter(name => !name.exact && name.name.length <= props.longest && !known.has(about(name)));
  if (!unknown.length || !server?.remark) return checking = Promise.resolve();
  const asked = {names: unknown.slice(0, props.most).map(({name}) => name), taught: props.taught, preset: props.preset};
  const keys = unknown.slice(0, props.most).map(about);
  return checking = server.remark(asked).then(remarks => {
    if (!remarks) return;
    remarks.forEach((remark, i) => known.set(keys[i], remark));
    draw();
    const fresh = remarks.map((remark, i) => remark.text && `${asked.names[i]}: ${remark.text} ${remark.instead.join(' or ')}`);
    if (fresh.some(Boolean)) say(fresh.filter(Boolean).slice(0, 3).join(' '));
  }).catch(() => {}); // without remarks one can still run
}

let waiting = 0;
function suggest() {
  clearTimeout(waiting);
  const number = ++asking, typed = input.value.trim().replace(/^["“„«]/u, '');
  if (!typed || typed.length > props.longest || !server?.suggest) return choices.hide();
  waiting = setTimeout(async () => {
    const asked = {typed, chosen: names.map(({name}) => name), taught: props.taught, preset: props.preset};
    const found = await server.suggest(asked).catch(() => []);
    if (number === asking && document.activeElement === input && input.value.trim()) { // it may be a chip by now
      choices.show(found, typed);
      if (found.length) say(counted(found.length, 'suggestion'));
    }
  }, PAUSE);
}

// Runs, unless something turns out to be refused: then that is said, and nothing is lost. Who asks for it all the same
// gets the server's word, as with the button.
async function run() {
  const told = names.filter(name => remarkOf(name)?.refused);
  commit();
  const asked = names;
  if (problem.hidden) await Promise.race([checking, new Promise(done => setTimeout(done, PATIENCE))]);
  const refused = names.filter(name => remarkOf(name)?.refused && !told.includes(name));
  if (refused.length) {
    say(`Please check: ${refused.slice(0, 5).map(({name}) => shortened(name)).join(', ')}`);
    reveal();
  } else if (names.length <= props.most && asked === names) trigger('submit');
}

input.addEventListener('input', event => {
  if (!event.isComposing) split();
});
input.addEventListener('compositionend', split);

function split() {
  const {names: found, rest} = readNames(input.value, true);
  if (found.length || /^[\s,;|、，。]+$/u.test(input.value)) {
    input.value = rest;
    add(found);
  } else {
    refusal = '';
    complain();
  }
  publish();
  clear.hidden = !names.length && !input.value;
  suggest();
}

input.addEventListener('paste', event => {
  const pasted = event.clipboardData.getData('text'), from = input.selectionStart, to = input.selectionEnd;
  const {names: found} = readNames(pasted);
  if (found.length < 2 && !/[\r\n]/.test(pasted.trim())) return;
  event.preventDefault();
  const both = readNames(`${input.value.slice(0, from)}${pasted}${input.value.slice(to)}`);
  input.value = '';
  choices.hide();
  add(both.names);
});

input.addEventListener('keydown', event => {
  if (event.isComposing) return;
  const keys = {
    ArrowDown: () => choices.open && choices.move(1),
    ArrowUp: () => choices.open && choices.move(-1),
    Escape: escape,
    Enter: () => { choices.marked ? take(choices.marked) : run(); },
    Tab: () => !event.shiftKey && input.value.trim() && (choices.marked ? take(choices.marked) : commit()),
    Backspace: () => !input.value && at > 0 && remove(at - 1),
    ArrowLeft: () => !input.value && at > 0 && chipAt(at - 1).focus(),
    ArrowRight: () => !input.value && at < names.length && chipAt(at).focus(),
  };
  const key = keys[event.key], did = key ? key() : false;
  if (did !== false && did !== '') event.preventDefault(); // else the key does what it always does
});

// Closes the suggestions, also those that are on their way, else takes a change back.
function escape() {
  clearTimeout(waiting);
  asking += 1;
  if (choices.open) return choices.hide();
  if (!changed) return false;
  const back = changed;
  input.value = '';
  add([back]);
}

// After `pressed` until the click is done: what is below must not move away from under it.
document.addEventListener('pointerdown', () => { pressed = true; }, true);
for (const done of ['pointerup', 'pointercancel']) {
  document.addEventListener(done, () => setTimeout(() => {
    pressed = false;
    if (document.activeElement !== input && element.isConnected && (input.value || changed)) commit();
  }), true);
}
input.addEventListener('blur', () => {
  choices.hide();
  if (!pressed && (input.value || changed)) commit();
});

const chipAt = i => list.querySelectorAll('.names-edit')[i];
list.addEventListener('keydown', event => {
  const chip = event.target.closest('.names-chip');
  if (!chip) return;
  const chips = [...list.querySelectorAll('.names-chip')], i = chips.indexOf(chip);
  const go = to => (to >= 0 && to < chips.length ? chipAt(to) : input).focus();
  const keys = {
    ArrowLeft: () => go(Math.max(0, i - 1)),
    ArrowRight: () => go(i + 1),
    Home: () => go(0),
    End: () => input.focus(),
    Escape: () => input.focus(),
    Delete: () => { remove(i); go(i < names.length ? i : -1); },
    Backspace: () => { remove(i); go(i - 1); },
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

element.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button) {
    if (event.target === list || event.target.classList.contains('names-box')) input.focus();
  } else if (button.dataset.edit) edit(Number(button.dataset.edit));
  else if (button.dataset.remove) {
    remove(Number(button.dataset.remove));
    input.focus();
  } else if (button.dataset.instead) replace(Number(button.dataset.at), {name: button.dataset.instead, exact: false});
  else if (button.dataset.keep) replace(Number(button.dataset.keep), {...names[button.dataset.keep], exact: true});
  else if (button === clear) {
    input.value = '';
    changed = null;
    changeTo([]);
    say('No names');
    input.focus();
  }
});

function replace(i, name) {
  const others = names.filter((other, n) => n !== i && sameName(other, name));
  changeTo(names.map((other, n) => (n === i ? name : other)).filter(other => !others.includes(other)));
  say(`${name.name} chosen`);
  input.focus();
}

function read() {
  input.value = '';
  changed = null;
  names = readNames(props.value || '').names.filter((name, i, all) => all.findIndex(other => sameName(name, other)) === i);
  at = names.length;
  choices.hide();
  draw();
  check();
}

watch('value', read);
watch(['taught', 'preset'], () => { draw(); check(); });
watch('problem', () => {
  refusal = props.problem?.[0] ?? '';
  complain();
  if (refusal) reveal();
});
read();
