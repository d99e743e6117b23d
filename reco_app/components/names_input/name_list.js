// Names as text and as a list: the same rules as reco_core/utils/names.py, of which the server has the last word.
// A name is {name, exact}; exact: it stands in quotes, and is meant as it is.

const ABBREVIATED = '(?<!\\b[A-Za-z])(?<!\\b(?:[SM]t|[MDSJ]r|Ms|No|st|mt|dr|no|vs))(?<!\\b[Mm]rs)';
const HARD = '[,;|\\n\\r\\x85\\u2028\\u2029、，。]';
const SEPARATOR = `${HARD}|${ABBREVIATED}\\.+(?=\\s|$)|(?<=\\p{L}{3})\\.(?=\\p{L}{3})`;
const QUOTES = [['"', '"'], ['“', '”'], ['„', '“'], ['„', '”'], ['«', '»'], ['»', '«'], ['‘', '’'], ["'", "'"]];
const QUOTED = `\\s*(?:${QUOTES.map(([open, close]) => `${open}(.{1,80}?)${close}`).join('|')})\\s*(?=${SEPARATOR}|$)`;
const LIST_MARK = /^[^\S\n]*(?:[-*•·–]|\d+[.)])[^\S\n]+/gmu;

// The names of a text. unfinished: what follows the last hard separator may go on, and is the `rest`.
function readNames(given, unfinished = false) {
  const text = given.normalize('NFKC').replace(LIST_MARK, '');
  const quoted = new RegExp(QUOTED, 'uy'), separator = new RegExp(SEPARATOR, 'gu'), hard = new RegExp(HARD, 'u');
  const names = [];
  let at = 0, sure = {at: 0, count: 0};
  while (at < text.length) {
    quoted.lastIndex = separator.lastIndex = at;
    const inQuotes = quoted.exec(text);
    if (unfinished && !inQuotes && unclosed(text.slice(at))) break;
    if (inQuotes) separator.lastIndex = quoted.lastIndex;
    const next = separator.exec(text);
    const part = inQuotes ? inQuotes.slice(1).find(Boolean) : text.slice(at, next?.index).trim().replace(/^["“„«]+/u, '');
    const name = part.split(/\s+/u).filter(Boolean).join(' ');
    if (name) names.push({name, exact: Boolean(inQuotes)});
    at = next ? next.index + next[0].length : text.length;
    if (next && hard.test(next[0])) sure = {at, count: names.length};
  }
  return unfinished ? {names: names.slice(0, sure.count), rest: text.slice(sure.at).trimStart()} : {names, rest: ''};
}

// Whether a text begins with a double quote that nothing closes yet.
function unclosed(text) {
  const first = text.trimStart()[0], pair = QUOTES.slice(0, 6).filter(([open]) => open === first);
  return pair.length > 0 && !pair.some(([, close]) => text.trimStart().slice(1).includes(close));
}

function writeName({name, exact}) {
  const {names} = readNames(name);
  const whole = names.length === 1 && names[0].name === name && !names[0].exact;
  return exact || !whole ? `"${name}"` : name;
}

function writeNames(names) {
  return names.map(writeName).join(', ');
}

function sameName(one, other) {
  return one.name.toLowerCase() === other.name.toLowerCase();
}
