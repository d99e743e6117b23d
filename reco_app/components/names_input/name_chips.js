// Drawing: chips, and what is said of them. All text is put in as text.

const SHOWN = 5; // lines of remarks

function make(tag, className, text = '') {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  if (tag === 'button') made.type = 'button';
  return made;
}

// Draws the chips around `typing`, the list's item with the input, which stands in the place `at`.
function drawChips(list, typing, names, at, remarkOf) {
  const before = names.map((name, i) => drawChip(name, i, remarkOf(name), names.length));
  for (const chip of list.querySelectorAll('.names-chip')) chip.remove();
  before.slice(0, at).forEach(chip => list.insertBefore(chip, typing));
  list.append(...before.slice(at));
}

function drawChip({name, exact}, i, remark, count) {
  const chip = make('li', 'names-chip');
  chip.dataset.name = name;
  chip.dataset.state = remark?.refused ? 'refused' : remark?.text ? 'remarked' : 'plain';
  const edit = make('button', 'names-edit', name), remove = make('button', 'names-remove');
  edit.dataset.edit = remove.dataset.remove = i;
  edit.tabIndex = remove.tabIndex = -1; // the arrow keys go there
  edit.title = name.length > 40 ? '' : exact ? `${name}, exactly so: click to change it` : 'Click to change it';
  edit.setAttribute('aria-label', `${shortened(name)}, ${i + 1} of ${count}, change`);
  remove.setAttribute('aria-label', `Remove ${shortened(name)}`);
  chip.append(edit, remove);
  return chip;
}

// A line for each name of which something is said, with buttons that mend it; those after a few are folded.
function drawRemarks(list, names, remarkOf) {
  const said = names.map((name, i) => [name, i, remarkOf(name)]).filter(([, , remark]) => remark?.text);
  const lines = said.map(([{name}, i, remark]) => {
    const line = make('li', 'names-remark');
    line.dataset.state = remark.refused ? 'refused' : 'remarked';
    line.append(make('strong', '', `${shortened(name)}:`), ' ', make('span', '', remark.text));
    remark.instead.forEach((other, n) => {
      const button = make('button', 'names-instead', other);
      Object.assign(button.dataset, {at: i, instead: other});
      line.append(n ? ' or ' : ' ', button);
    });
    if (remark.instead.length) line.append('?');
    if (remark.refused && !remark.lasting) {
      const keep = make('button', 'names-keep', 'Keep it');
      keep.dataset.keep = i;
      keep.setAttribute('aria-label', `Keep ${name} as it is`);
      line.append(' ', keep);
    }
    return line;
  });
  const few = lines.slice(0, SHOWN), others = lines.slice(SHOWN), open = list.querySelector('details')?.open ?? false;
  if (others.length) {
    const fold = make('details'), rest = make('ul'), last = make('li', 'names-more');
    fold.open = open;
    rest.append(...others);
    fold.append(make('summary', '', `And ${others.length} more`), rest);
    last.append(fold);
    few.push(last);
  }
  list.replaceChildren(...few);
  list.hidden = !lines.length;
}

function shortened(name) {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name;
}
