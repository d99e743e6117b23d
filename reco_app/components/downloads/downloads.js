// A link asks for its file; when the server has written it, the browser saves it.
element.addEventListener('click', event => {
  const link = event.target.closest('[data-kind]');
  if (!link) return;
  event.preventDefault();
  const page = link.dataset.kind === 'page', status = element.querySelector('[role=status]');
  if (page && element.dataset.making) return;
  if (page) element.dataset.making = 'yes';
  status.textContent = page ? 'Making a web page that finds these names without a server, in about half a minute …' : 'Writing the file …';
  status.scrollIntoView({block: 'nearest'});
  if (page) trigger('web');
  else trigger('click', {what: link.dataset.kind});
});
watch('ready', () => {
  delete element.dataset.making;
  const [href, download] = props.ready ?? [];
  const status = element.querySelector('[role=status]');
  if (status) status.textContent = download?.endsWith('.html') ? `${download} opens by a double click, and works without a network. Send it, or put it on any web space.` : '';
  if (!href) return;
  const link = Object.assign(document.createElement('a'), {href, download});
  document.body.append(link);
  link.click();
  link.remove();
});
