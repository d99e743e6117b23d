"""The Discover tab's words and HTML: the legend, whose names can be changed. Pure functions; every text is escaped."""

from collections.abc import Collection
from html import escape

from reco_app.gallery import percent, swatch
from reco_core.types import Discovery, Segment

LEAST_TOLD = 0.01  # what else a segment may be is told from this probability on
INTRO = """<h3>Find and name everything in a photo</h3>
<p class='reco-note'>No words needed: parts that look alike are found, and each gets the likeliest of 18,000 nouns.
The names
are guesses, and small or rare things are often missed or misnamed: look at how sure each one is, correct it, and
let ReCo look for it in the whole photo.</p>"""
PENCIL = (
    "<svg viewBox='0 0 16 16' width='13' height='13' fill='none' stroke='currentColor' stroke-width='1.5' "
    "stroke-linejoin='round' aria-hidden='true'><path d='M2.5 13.5l.7-3.2 7.6-7.6 2.5 2.5-7.6 7.6z'/></svg>"
)
# The name turns into a box; until the server has taken the new one, the old one stands there.
ON_LOAD = """const edit = (label, old) => {
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
});"""
# Once the Segment tab is in front.
TO_RESULT = "() => setTimeout(() => document.querySelector('#overlay').scrollIntoView({block: 'center'}), 100)"
CSS = """
#discover h3 { font-size: 1.2em; font-weight: 700; }
#discover-examples > div > .gallery, #discover-examples > .gallery { display: grid; grid-template-columns: repeat(5,
minmax(0, 1fr)); gap: 6px; }
#discover-examples .gallery-item { width: 100%; min-width: 0; aspect-ratio: 1; border-radius: 8px; overflow: hidden; }
#discover-examples .gallery-item :is(span, div) { display: block; width: 100% !important; height: 100% !important;
max-height: none !important;
  min-width: 0 !important; max-width: none !important; border: 0 !important; }
#discover-examples .gallery-item img { width: 100% !important; height: 100% !important; object-fit: cover; }
.reco-finds .reco-bar::after { display: none; }
.reco-finds .reco-number { min-width: 8.4em; }
.reco-pencil { background: none; border: 0; padding: 4px; margin: -4px -4px -4px -8px; cursor: pointer; line-height: 0;
  color: var(--body-text-color-subdued); align-self: center; }
.reco-pencil:hover, .reco-pencil:focus-visible { color: var(--primary-600); }
.reco-box { font: inherit; font-weight: 600; width: 10em; max-width: 100%; padding: 1px 6px; border-radius: 6px;
  border: 1px solid var(--primary-500); background: var(--input-background-fill); color: var(--body-text-color); }
.reco-words:has(.reco-box) button { display: none; }
.reco-or { background: none; border: 0; padding: 2px 0; cursor: pointer; text-decoration: underline dotted;
  text-underline-offset: 3px; overflow-wrap: anywhere; text-align: left; }
.reco-or:hover, .reco-or:focus-visible { color: var(--primary-600); text-decoration-style: solid; }
@media (max-width: 640px) { .reco-finds .reco-number { min-width: 0; } .reco-box { font-size: 16px; } }
"""


def order(result: Discovery) -> list[int]:
    """Segments from 0, the largest first."""
    return sorted(range(len(result.segments)), key=lambda i: -result.share(i + 1))


def legend(result: Discovery, given: Collection[str] = (), seconds: float | None = None) -> str:
    """A row per segment, the largest first: colour, name, how sure it is, share of the photo, what else it may be.

    given: names that the visitor gave. seconds: how long reading the photo took.
    """
    rows = "".join(_row(i, result.segments[i], result.share(i + 1), result.names[i] in given) for i in order(result))
    head = "<tr><td></td><td class='reco-note reco-share'>of the photo</td><td class='reco-note'>how sure</td></tr>"
    note = "" if seconds is None else f"Photo read in {seconds:.2f} s. "
    undo = "<button type='button' class='reco-quiet' data-old='' data-take=''>Take the found names again</button>"
    note += undo if given else "A name is wrong? Click what else it may be, or the pencil."
    return f"<table class='reco-legend reco-finds'>{head}{rows}</table><p class='reco-note'>{note}</p>"


def _row(index: int, segment: Segment, share: float, given: bool) -> str:
    name = escape(segment.name)
    sure = (
        "named by you"
        if given
        else (
            "<span class='reco-bar'><i "
            f"style='width:{100 * segment.confidence:.0f}%'></i></span>{100 * segment.confidence:.0f} %"
        )
    )
    others = ", ".join(
        f"<button type='button' class='reco-or' data-old='{name}' data-take='{escape(other)}' title='Call it so'>"
        f"{escape(other)}</button>"
        for other, chance in segment.others
        if chance >= LEAST_TOLD
    )
    remark = f"<tr class='reco-remark'><td colspan='3'>or: {others}</td></tr>" if others else ""
    return (
        f"<tr class='reco-row'><td><span class='reco-label'>{swatch(index)}<span class='reco-words'>"
        f"<span class='reco-name'>{name}</span>"
        f"<button type='button' class='reco-pencil' data-old='{name}' aria-label='Rename {name}' "
        f"title='Rename'>{PENCIL}</button>"
        f"<button type='button' class='reco-show' data-reco='{name}' title='Segment {name} with ReCo'>ReCo</button>"
        f"</span></span></td><td class='reco-share'>{percent(share)}</td><td "
        f"class='reco-number'>{sure}</td></tr>{remark}"
    )
