const edit = (label, old) => {
  const box = document.createElement('input');
  let over = false;
  const end = take => {
    if (over) return;
    over = true;
    const name = box.value.trim();
    label.textContent = old;
    if (take && name && name !== old) trigger('submit', {old, name});
  };
  Object.assign(box, {className: 'reco-box', value: old, maxLength: 80, ariaLabel: 'New name', autocapitalize: 'none'});
  box.addEventListener('keydown', event => {
    if (event.isComposing) return;
    if (event.key === 'Enter') end(true);
    if (event.key === 'Escape') end(false);
  });
  box.addEventListener('blur', () => end(true));
  label.replaceChildren(box);
  box.focus();
  box.select();
};
element.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button) return;
  const {reco, old, take} = button.dataset;
  if (reco !== undefined) trigger('click', {what: reco});
  else if (take !== undefined) trigger('submit', {old, name: take});
  else if (old !== undefined) edit(button.closest('.reco-words').querySelector('.reco-name'), old);
});
