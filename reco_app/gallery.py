"""The app's words and HTML: page texts, legend, exemplar gallery. Pure functions; every text is escaped."""

import base64
import io
import re
from collections.abc import Callable, Collection, Sequence
from html import escape
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from reco_core.export import FOUND_FROM, is_found
from reco_core.types import Concept, Exemplar
from reco_core.utils.images import centre_crop
from reco_core.utils.visualize import colour

MAX_TILES = 240  # in one gallery; with many names each shows fewer exemplars
TILE_SIDE = 168  # pixels of an embedded picture, enough for sharp screens

PRESENCE = (
    "Presence is how sure ReCo is, from 0 to 1, that a name is in the photo at all. Below this it is not found: "
    "drawn as a dashed outline only"
)
SHOW, HIDE = "show anyway", "only outline"
# A click on such a button is one on the name's box under "Show", so both always agree.
ON_LOAD = """element.addEventListener('click', event => {
  const button = event.target.closest('[data-show]');
  if (button) document.querySelectorAll('#toggles input')[button.dataset.show].click();
});"""

TITLE = "ReCo: type names, see them in your photo"
INTRO = f"""<h1>{TITLE}</h1>
<p>Type the names of things, add a photo, and ReCo marks them. Nobody ever showed it a mask: for each name it
<b>re</b>trieves photos from an archive and <b>co</b>-segments them to learn what the thing looks like.
The bundled model is small and errs often, so every answer comes with its evidence: how sure ReCo is that the thing is
there at all, and the photos it learned from.</p>"""
EVIDENCE = """<h3>What ReCo learned the names from</h3>
<p class='reco-note'>The archive's photos nearest to each name, or those that you gave for it; the dot is the point
that ReCo takes for the thing.
Wrong photos here mean a wrong answer above. Blurred colours stand in for photos that cannot be loaded: they are what
the model sees of them.</p>"""
ABOUT = """
### How it works
A name is compared with every photo of the archive. The nearest photos are **exemplars**; in each, ReCo finds the point
that all the others agree with (the dot in the gallery), and averages what its features look like there. Your photo is
then marked wherever it looks like that *and* fits the name. Words such as wall, sky or road compete as background.
In the Discover tab nobody says what to look for: parts that look alike are found, and named from 18,000 nouns. In the
Adapt
tab a small network learns from ReCo's own labels of your photos, and then marks such photos several times as fast.

### Limits
The bundled preset runs on a laptop without a network and is far smaller than the paper's models. It finds common
things when they are large, often fails on thin, small or rare ones, and its borders are coarse. "Is it there?" is an
estimate, not a fact. What the archive lacks, ReCo cannot learn: look at the exemplars, or add photos of your own in the
Archive tab.

### Privacy
Photos stay on the machine that runs this app and are deleted after a while; no other visitor sees them. Your browser
loads the exemplars' photos from where they were published, without telling that host which page you are on.

### Credits
Method: Shin, Xie, Albanie, *ReCo: Retrieve and Co-segment for Zero-shot Transfer*, NeurIPS 2022. This app is an
independent implementation. Exemplars belong to their authors under the licences shown. The example photos come with
scikit-image: astronaut and rocket are NASA's (public domain); coffee (Rachel Michetti), Chelsea the cat
(Stefan van der Walt) and the motorcycle (Middlebury stereo, Daniel Scharstein) are CC0.
"""
# Gradio confines its css to the page's inner part; this is for what lies around it.
HEAD = """<style>
.gradio-container { max-width: 1280px !important; margin: 0 auto !important; }
.gradio-container > .main { width: 100%; }
@media (max-width: 640px) { .gradio-container > .main { padding: 8px !important; } }
</style>"""
CSS = """
#title h1 { font-size: 1.9em; font-weight: 700; margin: .2em 0 .1em; line-height: 1.2; }
#title p { margin: .2em 0; max-width: 74em; }
#status { color: var(--body-text-color-subdued); font-size: .85em; }
#examples thead { display: none; }
#examples tbody { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 4px; }
#examples tr { display: block; text-align: center; border: 0; border-radius: 8px; padding: 4px 0; background: none; }
#examples tr:hover { background: var(--background-fill-secondary); }
#examples td { display: block; border: 0; padding: 2px; font-size: .8em; overflow-wrap: anywhere; white-space: normal; }
#examples td div:has(> img) { width: 100% !important; max-width: 80px !important; height: auto !important;
  min-width: 0 !important; aspect-ratio: 1; margin: auto; }
#examples td div:has(> img) img { width: 100% !important; height: 100% !important; object-fit: cover; }
.reco-legend { width: 100%; border-collapse: collapse; }
.reco-row { border-top: 1px solid var(--border-color-primary); }
.reco-legend td { padding: 5px 0; border: 0; vertical-align: middle; }
.reco-legend tr.absent .reco-name { opacity: .65; }
.reco-swatch { display: inline-block; width: 1em; height: 1em; border-radius: 3px; vertical-align: -0.12em;
  margin-right: .5em; box-shadow: inset 0 0 0 1px rgba(0, 0, 0, .25); }
.reco-faint { border: 1.5px dashed; box-shadow: none; }
.reco-show { border: 1px solid var(--border-color-primary); border-radius: 99px; padding: 1px 9px; font-size: .82em;
  white-space: nowrap; cursor: pointer; background: var(--background-fill-secondary); }
.reco-show:hover, .reco-show:focus-visible { border-color: var(--primary-500); color: var(--primary-600); }
.reco-name { font-weight: 600; overflow-wrap: anywhere; }
.reco-share, .reco-number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.reco-legend .reco-share { text-align: right; padding-right: 18px; }
.reco-bar { display: inline-block; width: 64px; height: 7px; border-radius: 4px; overflow: hidden; vertical-align: 1px;
  position: relative;
  background: var(--border-color-primary); margin-right: .5em; }
.reco-bar i { display: block; height: 100%; background: var(--primary-500); }
.reco-bar::after { content: ""; position: absolute; inset: 0 auto 0 var(--from); width: 1.5px; opacity: .55;
  background: var(--body-text-color); }
.reco-legend .reco-remark td { padding: 0 0 6px 1.55em; font-size: .85em; opacity: .8; }
.reco-label { display: flex; align-items: baseline; }
.reco-words { display: flex; align-items: baseline; flex-wrap: wrap; gap: 3px 10px; }
.reco-label .reco-swatch { align-self: flex-start; margin-top: .2em; }
.reco-label .reco-swatch { flex: none; }
.reco-legend td:first-child { width: 99%; }
.reco-note { font-size: .85em; color: var(--body-text-color-subdued); margin: .4em 0; }
.reco-card { padding: 2px 4px; font-size: .92em; overflow-wrap: anywhere; }
.reco-card p { margin: .4em 0; }
#problem, .reco-problem { border-left: 3px solid var(--primary-500); padding-left: .6em; }
.reco-card ul { margin: .3em 0; padding-left: 1.3em; list-style: disc; }
.reco-card li { margin: .2em 0; overflow-wrap: anywhere; }
.reco-concept { margin: .7em 0; }
.reco-concept summary { cursor: pointer; padding: .2em 0; }
.reco-tiles { display: grid; margin-top: .6em; gap: 12px 10px;
  grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); }
.reco-tile { margin: 0; min-width: 0; font-size: .74em; line-height: 1.35; }
.reco-frame { position: relative; aspect-ratio: 1; border-radius: 6px; overflow: hidden;
  background: var(--border-color-primary) center / cover; }
.reco-photo { position: absolute; inset: 0; line-height: 0; }
.reco-photo img { display: inline; min-width: 100%; max-width: 100%; min-height: 100%; max-height: 100%;
  object-fit: cover; vertical-align: top; margin: 0; }
.reco-seed { position: absolute; width: 11px; height: 11px; margin: -5.5px; border-radius: 50%; background: #fff;
  border: 3px solid #d6004b; box-sizing: border-box; box-shadow: 0 0 0 1.5px #fff, 0 0 4px 2px rgba(0, 0, 0, .5); }
.reco-tile figcaption span { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.reco-tile a { text-decoration: underline; text-underline-offset: 2px; }
.reco-yours { color: var(--primary-600); font-weight: 600; }
.reco-remove { position: absolute; top: 3px; right: 3px; width: 24px; height: 24px; border-radius: 50%; border: 0;
  background: rgba(0, 0, 0, .6); color: #fff; font-size: 15px; line-height: 24px; padding: 0; cursor: pointer; }
.reco-remove:hover, .reco-remove:focus-visible { background: #d6004b; }
.reco-quiet { background: none; border: 0; padding: 2px 4px; cursor: pointer; font-size: .9em; text-decoration:
underline;
  text-underline-offset: 2px; color: var(--body-text-color-subdued); }
.reco-own { border-top: 1px solid var(--border-color-primary); padding: .5em 0 .7em; }
.reco-own .reco-tiles { grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); gap: 8px; margin-top: .4em; }
.reco-head { display: flex; gap: .2em .6em; align-items: baseline; flex-wrap: wrap; }
.reco-head .reco-quiet { margin-left: auto; }
.reco-sure { margin-top: .2em; font-size: .9em; }
.reco-sure summary { cursor: pointer; color: var(--body-text-color-subdued); }
.reco-report ul { margin: .3em 0; padding-left: 1.3em; list-style: disc; overflow-wrap: anywhere; }
#taught:not(:has(p)) { display: none; }
#report:has(.progress-text) { min-height: 84px; }
#report .meta-text, #report .meta-text-center { display: none; }
#evidence h3, #archive h3 { font-size: 1.2em; font-weight: 700; }
@media (max-width: 640px) {
  .tab-container button { padding: 0 9px; }
  .reco-bar { width: 36px; }
  .reco-tiles { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  #examples td { font-size: .68em; }
}
"""

Pictures = Callable[[Exemplar], tuple[str, str]]


def web_url(text: str) -> str:
    """The text if it is an http(s) address, else nothing: no other scheme may reach the browser."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return ""
    safe = parts.scheme in ("http", "https") and parts.netloc and not re.search(r"[\s\x00-\x1f\x7f]", text.strip())
    return text.strip() if safe else ""


def licence_name(licence: str) -> str:
    """A Creative Commons address as its usual short name; any other text as it is."""
    match = re.search(r"creativecommons\.org/(licenses|publicdomain)/([a-z-]+)/?([\d.]*)", licence)
    if not match:
        return licence or "licence not stated"
    kind, name, version = match.groups()
    if kind == "publicdomain":
        return f"CC0 {version}".strip() if name == "zero" else "public domain"
    return f"CC {name.upper()} {version}".strip()


def soften(picture: np.ndarray) -> np.ndarray:
    """A stand-in's colours, paler: it must not outshine photos."""
    return (0.55 * picture + 0.45 * 225).astype(np.uint8)


def data_url(picture: np.ndarray, side: int = TILE_SIDE) -> str:
    """The centre square of a picture (H, W, 3) uint8 as a small JPEG inside an address."""
    packed = io.BytesIO()
    small = Image.fromarray(centre_crop(picture)).resize((side, side), Image.Resampling.BICUBIC)
    small.save(packed, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(packed.getvalue()).decode()


def legend(
    concepts: Sequence[Concept],
    shares: Sequence[float],
    presence: Sequence[float],
    drawn: Collection[int] = (),
    found_from: float = FOUND_FROM,
) -> str:
    """A row per concept: colour, name, share of the photo, presence, and "not found" in words.

    drawn: what has its colour in the picture. found_from: presence below it is "not found".
    """
    rows = [
        _legend_row(i, concept, share, there, i in drawn, found_from)
        for i, (concept, share, there) in enumerate(zip(concepts, shares, presence, strict=True))
    ]
    head = "<tr><td></td><td class='reco-note reco-share'>of the photo</td><td class='reco-note'>is it there?</td></tr>"
    return f"<table class='reco-legend' style='--from:{found_from:.0%}'>{head}{''.join(rows)}</table>"


def _legend_row(index: int, concept: Concept, share: float, presence: float, drawn: bool, found_from: float) -> str:
    found, remarks, button = is_found(presence, share, found_from), [], ""
    if not found:
        if presence >= found_from:
            doubt = "nothing in the photo fits it best"
        elif presence >= FOUND_FROM:
            doubt = f"less sure than the {found_from:.2f} that you ask for"
        else:
            doubt = "it does not seem to be in this photo"
        remarks.append(f"not found: {doubt}")
        if not share and presence < found_from:
            remarks[0] += ", and there is nothing to draw"
        if share:
            button = f"<button type='button' class='reco-show' data-show='{index}'>{HIDE if drawn else SHOW}</button>"
    if not concept.served:
        remarks.append(
            "not in this archive: the archive hardly has photos of this. Take it with caution, or add "
            "photos of it in the "
            "Archive tab"
        )
    said = f"<tr class='reco-remark'><td colspan='3'>{'; '.join(remarks)}</td></tr>" if remarks else ""
    return (
        f"<tr class='reco-row {'present' if found else 'absent'}'>"
        f"<td><span class='reco-label'>{swatch(index, faint=not found and not drawn)}"
        f"<span class='reco-words'><span class='reco-name'>{escape(concept.name)}</span>{button}</span></span></td>"
        f"<td class='reco-share'>{percent(share)}</td>"
        f"<td class='reco-number'><span class='reco-bar'>"
        f"<i style='width:{100 * presence:.0f}%'></i></span>{presence:.2f}</td></tr>{said}"
    )


def percent(share: float) -> str:
    """A share of a photo, 0..1, as people read it."""
    return "under 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"


def swatch(index: int, *, faint: bool = False) -> str:
    """The colour of concept `index`; faint: as it is drawn when it was not found."""
    kind = "reco-swatch reco-faint" if faint else "reco-swatch"
    return f"<span class='{kind}' style='{'border-color' if faint else 'background'}:rgb{colour(index)}'></span>"


def gallery(concepts: Sequence[Concept], pictures: Pictures, own: Callable[[int], bool] = lambda row: False) -> str:
    """What each concept was learned from. own: whether a row of the archive is a photo of the visitor's.

    pictures: for an exemplar, the address of its photo ("" if there is none) and the address of the
    picture that stands in where the photo cannot be loaded.
    """
    shown = max(3, MAX_TILES // max(1, len(concepts)))
    return "".join(_concept(i, concept, shown, pictures, own) for i, concept in enumerate(concepts))


def _concept(index: int, concept: Concept, shown: int, pictures: Pictures, own: Callable[[int], bool]) -> str:
    exemplars = concept.exemplars[:shown]
    many = len(concept.exemplars)
    count = f"learned from {many} photo{'s' * (many != 1)}"
    if len(exemplars) < many:
        count += f", the nearest {len(exemplars)} shown"
    tiles = "".join(tile(exemplar, *pictures(exemplar), own=own(exemplar.row)) for exemplar in exemplars)
    return (
        f"<details class='reco-concept' {'open' if index < 4 else ''}><summary>{swatch(index)}"
        f"<span class='reco-name'>{escape(concept.name)}</span> <span class='reco-note'>{count}</span></summary>"
        f"<div class='reco-tiles'>{tiles}</div></details>"
    )


def tile(exemplar: Exemplar, photo: str, stand_in: str, *, searched: bool = False, own: bool = False) -> str:
    """One exemplar: its photo over the stand-in, the seed as a dot, similarity, author, licence.

    The frame is square and the photo covers it, which is exactly the archive's centre crop. The
    stand-in lies beneath. A photo that cannot be loaded vanishes without any script, icon included,
    because its alternative text is empty and it is inline with neither width nor height: the style
    sheet sizes it by minima and maxima, which do not apply to an empty inline element.

    searched: it was only found, so it has a title and no seed. own: it is the visitor's.
    """
    record = exemplar.record
    author = record.author if record.author not in ("", "not stated") else "author not stated"
    scope = "" if record.licence_scope == "photo" else " (stated for the whole collection)"
    title = record.title or ("" if own else record.file)
    named = f"<span class='reco-name'>{escape(title or 'your photo')}</span>" if searched else ""
    given = own and not searched and exemplar.similarity == 1  # it teaches the name, so nothing was compared
    said = "given by you" if given else f"similarity {exemplar.similarity:.2f}"
    credit = (
        "<span class='reco-yours'>yours</span>"
        if own
        else (
            f"<span>{_link(author, web_url(record.landing_url))}</span>"
            f'<span title="{escape(record.licence + scope)}">'
            f"{_link(licence_name(record.licence), web_url(record.licence))}</span>"
        )
    )
    return (
        '<figure class="reco-tile" '
        f'title="{escape(title)}">{frame(photo, stand_in, None if searched else exemplar.seed)}'
        f'<figcaption>{named}<span title="similarity of photo and {"search" if searched else "name"}">'
        f"{said}</span>{credit}</figcaption></figure>"
    )


def frame(photo: str, stand_in: str = "", seed: tuple[float, float] | None = None, inside: str = "") -> str:
    """A square with a photo over its stand-in, and a dot at the seed; inside: HTML upon it."""
    back = f' style="background-image:url({escape(stand_in)})"' if stand_in else ""
    image = ""
    if photo:
        attributes = 'alt="" loading="lazy" decoding="async" referrerpolicy="no-referrer"'
        image = f'<span class="reco-photo"><img src="{escape(photo)}" {attributes}></span>'
    dot = ""
    if seed:
        y, x = (min(1.0, max(0.0, value)) for value in seed)
        dot = f'<span class="reco-seed" style="left:{100 * x:.1f}%;top:{100 * y:.1f}%"></span>'
    return f'<div class="reco-frame"{back}>{image}{dot}{inside}</div>'


def _link(text: str, url: str) -> str:
    if not url:
        return escape(text)
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer nofollow">{escape(text)}</a>'
