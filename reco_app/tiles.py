"""The Archive tab's words and HTML: what was found, what the visitor has. Pure functions; every text is escaped."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from reco_app import gallery
from reco_app.own import MOST_BYTES, MOST_PHOTOS, Photo
from reco_core.types import Exemplar, LeftOut

OWN_SIDE = 120  # pixels of an own photo's tile
MOST_REPORTED = 12  # photos left out that are listed
INTRO = """<h3>Search the archive</h3>
<p class='reco-note'>With words, with a photo, or with both. Your own photos are searched too.</p>"""
OWN_INTRO = f"""<h3>Your own photos</h3>
<p class='reco-note'>Teach ReCo a rare object: five photos of it, taken differently, and a name of your choice. Then type
that name in the Segment tab. Photos without a name just join the archive.</p>
<p class='reco-note'>At most {MOST_PHOTOS} photos, {MOST_BYTES // 1_000_000} MB in all; a file of at most 30 MB.
Nobody else sees them, and they are deleted an hour after you last used them: save what you want to keep.</p>"""
NOTHING = "<p class='reco-note' id='nothing'>You have no photos here yet.</p>"
# One listener for all buttons of the list; what each removes is in its data-remove.
ON_LOAD = """element.addEventListener('click', event => {
  const button = event.target.closest('[data-remove]');
  if (button) trigger('click', {what: button.dataset.remove});
});"""


def results(found: Sequence[Exemplar], pictures: gallery.Pictures, own: Callable[[int], bool], of: int) -> str:
    """Photos nearest to a search, best first."""
    shown = "".join(gallery.tile(hit, *pictures(hit), searched=True, own=own(hit.row)) for hit in found)
    count = f"The nearest {len(found)} of {of:,} photos" if len(found) < of else f"All {of:,} photos"
    return f"<p class='reco-note'>{count}, best first.</p><div class='reco-tiles'>{shown}</div>"


def belongings(
    photos: Sequence[Photo], seeds: Mapping[str, tuple[float, float]], picture: Callable[[Photo], str]
) -> str:
    """What the visitor has: names with their photos, then photos without a name.

    seeds: by file, the point that its name was learned from. picture: a photo's address.
    """
    if not photos:
        return NOTHING
    groups: dict[str, list[Photo]] = {}
    for photo in sorted(photos, key=lambda photo: not photo.name):  # stable: those without a name come last
        groups.setdefault(photo.name, []).append(photo)
    clear = (
        f"<details class='reco-sure'><summary>Remove everything …</summary>Remove {many(len(photos))}? "
        "<button class='reco-quiet' data-remove='all'>Yes, remove all</button></details>"
    )
    return "".join(_group(name, group, seeds, picture) for name, group in groups.items()) + clear


def _group(
    name: str, photos: list[Photo], seeds: Mapping[str, tuple[float, float]], picture: Callable[[Photo], str]
) -> str:
    shown = "".join(
        "<figure class='reco-tile'>"
        + gallery.frame(picture(photo), seed=seeds.get(photo.file), inside=_cross(photo, i))
        + "</figure>"
        for i, photo in enumerate(photos, 1)
    )
    head = f"<span class='reco-name'>{escape(name)}</span>" if name else "<span>Without a name</span>"
    what = f"name:{name}"
    return (
        f"<div class='reco-own'><div class='reco-head'>{head} <span class='reco-note'>{many(len(photos))}</span>"
        f"<button class='reco-quiet' data-remove='{escape(what)}'>Remove</button></div>"
        f"<div class='reco-tiles'>{shown}</div></div>"
    )


def _cross(photo: Photo, number: int) -> str:
    told = escape(f"Remove photo {number}" + (f" of {photo.name}" if photo.name else ""))
    return (
        f"<button class='reco-remove' data-remove='{escape(photo.file)}' aria-label='{told}' title='{told}'>✕</button>"
    )


def added(count: int, name: str, left_out: Sequence[LeftOut]) -> str:
    """What became of photos that were given."""
    said = f"Added {many(count)}." if count else "Nothing was added."
    if count and name:
        said = f"Added {many(count)} of <b>{escape(name)}</b>. Type this name in the Segment tab."
    rows = [f"<li>{escape(entry.file)}: {escape(entry.reason)}</li>" for entry in left_out[:MOST_REPORTED]]
    if len(left_out) > MOST_REPORTED:
        rows.append(f"<li>and {len(left_out) - MOST_REPORTED:,} more</li>")
    left = f"<p>Left out:</p><ul>{''.join(rows)}</ul>" if rows else ""
    return f"<div class='reco-card reco-report'><p>{said}</p>{left}</div>"


def told(text: str) -> str:
    """A sentence about what was done."""
    return f"<div class='reco-card reco-report'><p>{escape(text)}</p></div>" if text else ""


def problem(why: str) -> str:
    """Why something was not done. why: HTML, as `told.told` makes it."""
    return f"<div class='reco-card'><p class='reco-problem' role='alert'>{why}</p></div>"


def taught(names: Mapping[str, int]) -> str:
    """The line beside the names box: which names the visitor's photos teach."""
    if not names:
        return ""
    listed = ", ".join(f"<b>{escape(name)}</b> ({many(count)})" for name, count in names.items())
    return f"<p class='reco-note'>Taught by your photos: {listed}</p>"


def many(count: int) -> str:
    return f"{count:,} photo{'s' * (count != 1)}"
