// The legend: a row per name, found first, then what may be there; what is not is folded.

const ANSWERS = {found: 'Found', maybe: 'Maybe there', absent: 'Not found'};

class Legend {
  // acts: toggle(label, on), only(label), over(label), decided(name), teach(name, paths), send(file); bytes: of a photo.
  constructor(element, acts, bytes) {
    Object.assign(this, {element, acts, bytes, rows: new Map()});
  }

  show(names, counts) {
    const opened = new Set([...this.element.querySelectorAll('details[open]')].map(node => node.dataset.group));
    this.rows.clear();
    const groups = Object.keys(ANSWERS).map(answer => {
      const own = names.map((named, i) => ({named, label: i + 1})).filter(({named}) => named.answer === answer);
      own.sort((a, b) => (answer === 'found' ? b.named.share - a.named.share : b.named.presence - a.named.presence));
      return own.length ? this.group(answer, own, counts, opened.has(answer)) : '';
    });
    const found = names.some(({answer}) => answer === 'found');
    const none = names.length && !found ? make('p', 'nothing', 'None of the names was found in this photo.') : '';
    this.element.replaceChildren(...[none, ...groups].filter(Boolean));
    this.element.hidden = !names.length;
    this.others = '';
  }

  group(answer, own, counts, open) {
    const list = make('ul', 'rows');
    list.append(...own.map(({named, label}) => this.row(named, label, counts[label] > 0)));
    if (answer === 'found') {
      list.setAttribute('aria-label', ANSWERS.found);
      const all = make('div');
      all.append(make('p', 'key', 'share of the photo, and how sure'), list);
      return all;
    }
    const fold = make('details', 'group');
    fold.dataset.group = answer;
    fold.open = open || answer === 'maybe';
    const words = answer === 'maybe' ? `${own.length} maybe there, not sure enough to mark` : `${own.length} not found`;
    fold.append(make('summary', '', words), list);
    return fold;
  }

  row(named, label, marked) {
    const row = make('li', 'row'), line = make('div', 'line');
    Object.assign(row.dataset, {name: named.name, answer: named.answer});
    row.style.setProperty('--colour', /^#[0-9a-f]{6}$/i.test(named.colour) ? named.colour : 'gray');
    const seen = marked && named.answer !== 'absent', tick = this.tick(named, label, seen);
    const name = seen ? button('name', named.name, () => this.acts.only(label)) : make('span', 'name', named.name);
    line.title = `${percent(named.presence)} sure that this is in the photo`;
    line.append(tick, name);
    if (named.answer === 'found') line.append(make('span', 'share', percent(named.share)), this.presence(named));
    line.append(...this.more(named, row));
    row.append(line);
    if (named.remark) row.append(make('p', 'remark', named.remark));
    row.addEventListener('pointerenter', () => seen && this.acts.over(label));
    row.addEventListener('pointerleave', () => seen && this.acts.over(0));
    this.rows.set(label, {row, name, box: tick.querySelector('input')});
    return row;
  }

  tick(named, label, seen) {
    const tick = make(seen ? 'label' : 'span', 'tick');
    if (!seen) return tick;
    const box = make('input');
    box.type = 'checkbox';
    box.setAttribute('aria-label', `Show ${named.name}`);
    box.addEventListener('change', () => this.acts.toggle(label, box.checked));
    tick.append(box);
    return tick;
  }

  presence({presence}) {
    const meter = make('span', 'presence');
    const range = {'aria-valuemin': 0, 'aria-valuemax': 1, 'aria-valuenow': presence.toFixed(2)};
    const facts = {role: 'meter', 'aria-label': 'How sure', ...range};
    for (const [key, value] of Object.entries(facts)) meter.setAttribute(key, value);
    meter.style.setProperty('--sure', `${Math.round(100 * presence)}%`);
    return meter;
  }

  more(named, row) {
    const why = button('quiet', 'Why?', () => this.acts.decided(named.name));
    why.setAttribute('aria-label', `Why? How it decided about ${named.name}`);
    if (named.answer === 'found') return [why];
    const show = button('quiet teach', 'Show it three photos', () => {
      const old = row.querySelector('.drop');
      show.setAttribute('aria-expanded', String(!old));
      if (old) return old.remove();
      row.append(dropZone(named.name, this.bytes, this.acts.send, this.acts.teach));
      row.querySelector('input[type=file]').focus();
    });
    show.setAttribute('aria-label', `Show it three photos of ${named.name}`);
    show.setAttribute('aria-expanded', 'false');
    return [show, why];
  }

  // What is ticked, pressed and pointed at, as the picture shows it.
  mark(masks) {
    const {hidden, asked, only, over} = masks.look;
    for (const [label, {row, name, box}] of this.rows) {
      if (box) box.checked = row.dataset.answer === 'found' ? !hidden.has(label) : asked.has(label);
      if (box) press(name, only === label);
      row.classList.toggle('over', over === label);
      row.classList.toggle('aside', Boolean(only) && only !== label);
    }
    this.compare(masks);
  }

  // While two methods are compared: what the other one draws and ReCo does not mark, whose rows may be folded away.
  compare({look, layers, names}) {
    const other = look.mode === 'compare' ? layers[1] : null;
    const own = names.map((named, i) => ({...named, label: i + 1}));
    const drawn = own.filter(({label, answer}) => answer !== 'found' && other?.counts[label]), key = drawn.map(({label}) => label).join();
    if (key === this.others) return;
    this.others = key;
    this.element.querySelector('.others')?.remove();
    if (!drawn.length) return;
    const list = make('p', 'others', `Marked by “${other.title}” only`);
    list.append(...drawn.map(({name, colour}) => {
      const item = make('span', 'swatch', name);
      item.style.setProperty('--colour', /^#[0-9a-f]{6}$/i.test(colour) ? colour : 'gray');
      return item;
    }));
    this.element.prepend(list);
  }
}
