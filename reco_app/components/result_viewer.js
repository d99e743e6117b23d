element.addEventListener('click', event => {
  const button = event.target.closest('[data-show]');
  if (button) document.querySelectorAll('#toggles input')[button.dataset.show].click();
});
