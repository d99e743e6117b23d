// A link asks for its file; when the server has written it, the browser saves it.
element.addEventListener('click', event => {
  const link = event.target.closest('[data-kind]');
  if (!link) return;
  event.preventDefault();
  const page = link.dataset.kind === 'page', status = element.querySelector('[role=status]');
  const making = page && element.dataset.making;
  if (page) element.dataset.making = 'yes';
  status.textContent = making ? 'A page is being made. The next one when it is there.'
    : page ? 'Making a web page that finds these names without a server, in about half a minute …' : 'Writing the file …';
  status.scrollIntoView({block: 'nearest'});
  if (making) return;
  if (page) trigger('web');
  else trigger('click', {what: link.dataset.kind});
});
watch('ready', () => {
  const [href, download] = props.ready ?? [];
  const status = element.querySelector('[role=status]'), page = download?.endsWith('.html');
  if (page) delete element.dataset.making;
  if (status) status.textContent = page ? `${download} opens by a double click, and works without a network. Send it, or put it on any web space.` : '';
  if (!href) return;
  const link = Object.assign(document.createElement('a'), {href, download});
  document.body.append(link);
  link.click();
  link.remove();
});
