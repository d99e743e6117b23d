(names, view) => {
  const tab = document.querySelector('#find'), asked = view?.asked, before = tab?.dataset.looked;
  if (!tab) return;
  // Beside a photo that was refused, the result stays.
  const shown = view?.state === 'done' || (view?.state === 'error' && view.layers?.length > 0);
  tab.classList.toggle('stale', shown && asked !== undefined && asked !== names);
  tab.classList.toggle('busy', view?.state === 'running');
  tab.dataset.looked = view?.state ?? '';
  // What was said of the files of an earlier result.
  if (view?.state === 'running') document.querySelector('#downloads [role=status]')?.replaceChildren();
  const stage = document.querySelector('#viewer .stage');
  if (before === 'running' && view?.state === 'done' && stage?.getBoundingClientRect().top < 0) {
    stage.scrollIntoView({block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'});
  }
}
