// The list of suggestions below the input: a combobox as WAI-ARIA describes it.

function makeChoices(input, list, choose) {
  let at = -1, names = [];
  list.id = `${element.id}-choices`;
  input.setAttribute('aria-controls', list.id);

  function show(found, typed) {
    names = found;
    list.replaceChildren(...names.map((name, i) => {
      const option = make('li', 'names-choice');
      option.id = `${list.id}-${i}`;
      option.setAttribute('role', 'option');
      option.dataset.name = name;
      const begins = name.toLowerCase().indexOf(typed.toLowerCase());
      if (begins < 0) option.textContent = name;
      else {
        const end = begins + typed.length;
        option.append(name.slice(0, begins), make('b', '', name.slice(begins, end)), name.slice(end));
      }
      return option;
    }));
    list.hidden = !names.length;
    input.setAttribute('aria-expanded', String(names.length > 0));
    place();
    mark(-1);
  }

  // Above the input where there is no room below it.
  function place() {
    if (list.hidden) return;
    const {top, bottom} = list.offsetParent.getBoundingClientRect(), room = (visualViewport?.height ?? innerHeight) - bottom;
    list.classList.toggle('above', room < list.offsetHeight + 8 && top > room);
  }

  function mark(where) {
    at = where;
    [...list.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === at)));
    if (at < 0) input.removeAttribute('aria-activedescendant');
    else {
      input.setAttribute('aria-activedescendant', list.children[at].id);
      list.children[at].scrollIntoView({block: 'nearest'});
    }
  }

  list.addEventListener('pointerdown', event => event.preventDefault()); // the input keeps the focus
  list.addEventListener('mousedown', event => event.preventDefault());
  list.addEventListener('click', event => {
    const option = event.target.closest('[role=option]');
    if (option) choose(option.dataset.name);
  });
  return {
    show,
    hide: () => show([], ''),
    get open() { return !list.hidden; },
    get marked() { return names[at]; },
    // From none to the first, ..., to the last, and to none again.
    move(step) { mark((at + 1 + step + names.length + 1) % (names.length + 1) - 1); },
  };
}
