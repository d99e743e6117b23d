// The small card beside what is pointed at: name, share, presence.

const percent = share => (share > 0 && share < 0.005 ? '< 1 %' : `${Math.round(100 * share)} %`);

const facts = (masks, label, layer) => {
  const named = masks.names[label - 1], {counts, map} = masks.layers[layer];
  if (layer) return `${percent(counts[label] / map.values.length)} of the photo (${masks.layers[layer].title.toLowerCase()})`;
  return `${percent(named.share)} of the photo · ${percent(named.presence)} sure`;
};

const showCard = (card, masks, {label, layer}, x, y) => {
  const [width, height] = masks.camera.size;
  card.hidden = !label;
  if (!label) return;
  const [title, line] = card.children;
  title.textContent = masks.names[label - 1].name;
  title.style.setProperty('--colour', masks.names[label - 1].colour);
  line.textContent = facts(masks, label, layer) + (masks.way(label, layer) === 'dashes' ? ' · maybe' : '');
  const right = x + 16 + card.offsetWidth > width, below = y + 16 + card.offsetHeight > height;
  const left = right ? x - 16 - card.offsetWidth : x + 16, top = below ? y - 16 - card.offsetHeight : y + 16;
  card.style.transform = `translate(${Math.max(4, Math.min(left, width - card.offsetWidth - 4))}px, ${Math.max(4, top)}px)`;
};
