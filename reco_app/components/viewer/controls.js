// Small things that the page is made of; all texts are put in as text.

const make = (tag, name = '', words = '') => {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (words) node.textContent = words;
  return node;
};

const button = (name, words, act) => {
  const node = make('button', name, words);
  node.type = 'button';
  node.addEventListener('click', act);
  return node;
};

const press = (node, on) => node.setAttribute('aria-pressed', String(on));

// Copy a text, also where the page came by plain http and there is no clipboard to write to.
const copy = async words => {
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    const box = make('textarea');
    box.value = words;
    document.body.append(box);
    box.select();
    document.execCommand('copy');
    box.remove();
  }
};

// Of the page's own address, or nothing.
const linkTo = address => {
  try {
    const url = new URL(address, location.href);
    return address && url.origin === location.origin ? url.href : '';
  } catch {
    return '';
  }
};
