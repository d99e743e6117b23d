element.addEventListener('click', event => {
  const drop = event.target.closest('[data-drop]');
  if (drop) trigger('drop', {row: Number(drop.dataset.drop), name: drop.dataset.of});
  if (event.target.closest('[data-undo]')) trigger('undo', {});
});
