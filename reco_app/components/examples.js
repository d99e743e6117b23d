element.addEventListener('click', event => {
  const button = event.target.closest('[data-example]');
  if (button) trigger('click', {what: button.dataset.example});
});
