element.addEventListener('click', event => {
  const button = event.target.closest('[data-pick]');
  if (!button) return;
  trigger('click', {what: Number(button.dataset.pick)});
  const stage = document.querySelector('#viewer .stage'), {top, bottom} = stage.getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) return;
  stage.scrollIntoView({block: 'nearest', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'});
});
