"""The Adapt tab's words and HTML: how a job goes, its curve and marks, what came of it. Pure functions; every text is
escaped.
"""

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from reco_app import jobs
from reco_app.gallery import percent, swatch
from reco_app.own import MOST_PHOTOS
from reco_app.tiles import MOST_REPORTED, many
from reco_core.adaptation.curve import Curve
from reco_core.types import LeftOut, Segmentation
from reco_core.utils.images import limit_size
from reco_core.utils.visualize import overlay

MOST_NAMES = 30
PREVIEW_SIDE, COMPARED_SIDE = 480, 900  # long sides of pictures on the page
INTRO = f"""<h3>Train a small network on your photos</h3>
<p class='reco-note'>Give photos of one kind, such as a street, a shelf or a field, and the names that matter in them. ReCo
labels the photos, and a small network learns from these labels: a <b>specialist</b>, several times as fast as ReCo, for you to keep.</p>
<p class='reco-note'>No masks are drawn. At most {MOST_PHOTOS} photos (20 or more are best), {MOST_NAMES} names,
{jobs.MOST_MINUTES} minutes; a file of at most 30 MB. Nobody else sees photos or result, and both are deleted when you have been
away for an hour. Keep this page open while it runs.</p>"""
BEFORE = """<ol class='reco-plan'>
<li><b>ReCo labels your photos.</b> Each at two sizes and mirrored, so that it is known where ReCo is sure.</li>
<li><b>The network learns</b> from what ReCo is sure of. You watch what it marks in photos that it does not learn
from.</li> <li><b>You take it home:</b> one zip for any runtime of ONNX or for PyTorch, and you try it here on new
photos.</li></ol>"""
TRY = """<h3>Try it on a new photo</h3>
<p class='reco-note'>A photo of the same kind that was not among those above: the specialist and ReCo side by
side.</p>"""
STAGES = {jobs.LABELLING: "Label", jobs.TRAINING: "Learn", jobs.EXPORTING: "Pack"}
BLUE, GREEN, GREY = "#0072e6", "#00a35a", "#8a8f98"
CSS = """
#adapt-report:has(.progress-text) { min-height: 84px; }
#adapt-report:not(:has(.reco-stages, .reco-card, .progress-text)) { display: none; }
#adapt-start, #adapt-finish, #adapt-cancel { white-space: nowrap; padding-left: 8px; padding-right: 8px; }
#adapt-report .meta-text, #adapt-report .meta-text-center { display: none; }
#adapt h3 { font-size: 1.2em; font-weight: 700; }
.reco-plan { margin: .6em 0; padding: 0; list-style: none; counter-reset: plan; max-width: 44em; }
.reco-plan li { counter-increment: plan; position: relative; padding: .3em 0 .7em 2.6em; }
.reco-plan li::before { content: counter(plan); position: absolute; left: 0; top: .25em; width: 1.7em; height: 1.7em;
  border-radius: 50%; text-align: center; line-height: 1.7em; font-weight: 600; color: var(--primary-600);
  background: var(--background-fill-secondary); border: 1px solid var(--border-color-primary); }
.reco-stages { display: flex; gap: 6px; margin: 2px 0 .5em; }
.reco-stage { flex: 1; min-width: 0; font-size: .85em; color: var(--body-text-color-subdued); }
.reco-stage b { font-weight: 600; }
.reco-stage.now { color: var(--body-text-color); }
.reco-stage i { display: block; height: 6px; border-radius: 3px; margin-top: 3px; overflow: hidden;
  background: var(--border-color-primary); }
.reco-stage i i { margin: 0; background: var(--primary-500); }
.reco-charts, .reco-pair { display: grid; gap: 10px 16px; grid-template-columns: repeat(2, minmax(0, 1fr)); }
.reco-charts { margin: .8em 0; }
.reco-chart { margin: 0; min-width: 0; align-self: end; }
.reco-chart figcaption, .reco-marks figcaption, .reco-pair figcaption { font-size: .85em; margin: 0 0 .25em; }
.reco-chart svg { display: block; width: 100%; height: auto; overflow: visible; }
.reco-chart text { font-size: 11px; fill: var(--body-text-color-subdued); }
.reco-key { white-space: nowrap; margin-right: .9em; }
.reco-key::before { content: ""; display: inline-block; width: 12px; height: 3px; border-radius: 2px; margin-right: 5px;
  vertical-align: .25em; background: var(--key); }
.reco-marks { display: grid; gap: 6px; grid-template-columns: repeat(3, minmax(0, 1fr)); margin: .8em 0 .3em; }
.reco-marks figure, .reco-pair figure { margin: 0; min-width: 0; }
.reco-marks img, .reco-pair img, .reco-sheet { display: block; width: 100%; height: auto; border-radius: 6px; margin:
0; } .reco-marks figure { display: flex; flex-direction: column; justify-content: flex-end; }
.reco-empty { display: grid; place-items: center; flex: 1; min-height: 60px; border-radius: 6px; padding: 4px;
  text-align: center; font-size: .8em; background: var(--background-fill-secondary); color:
  var(--body-text-color-subdued); }
.reco-names { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: .92em; margin: .4em 0; overflow-wrap:
anywhere; } .reco-learned { width: 100%; border-collapse: collapse; margin: .4em 0; }
.reco-learned td, .reco-learned th { padding: 4px 8px 4px 0; border: 0; border-top: 1px solid
var(--border-color-primary);
  text-align: left; font-weight: 400; overflow-wrap: anywhere; }
.reco-learned tr:first-child > * { border-top: 0; }
.reco-learned td:not(:first-child) { width: 1%; padding-left: 10px; white-space: nowrap; text-align: right;
font-variant-numeric: tabular-nums; }
@media (max-width: 640px) { .reco-charts, .reco-pair { grid-template-columns: minmax(0, 1fr); } .reco-marks { gap:
4px; } }
"""


def minutes(seconds: float) -> str:
    """A time as people say it: no more exact than it is known."""
    if seconds < 50:
        return f"{max(10, round(seconds, -1)):.0f} seconds"
    rounded = round(seconds / 60)
    return f"{max(1, rounded)} minute{'s' * (rounded > 1)}"


def estimate(photos: int, steps: int, pace: jobs.Pace, waiting: int) -> str:
    """How long it will take. photos: 0 if there are none yet."""
    seconds = min(pace.seconds(photos or 30, steps), 60 * jobs.MOST_MINUTES)
    line = f"About <b>{minutes(seconds)}</b> for {'your ' if photos else ''}{many(photos or 30)} and {steps} steps; more if this server is busy."
    if photos > MOST_PHOTOS:
        line = f"These are {photos:,} files; at most {MOST_PHOTOS} photos can be taken."
    busy = f" {_before(waiting)} first." if waiting else ""
    return f"<p class='reco-note'>{line}{busy}</p>"


def status(work: jobs.Work, before: tuple[int, float]) -> str:
    """How far a job is that waits or runs. before: `Queue.before`."""
    at, (count, seconds) = work.at, before
    told = f"About {minutes(work.left())} left."
    if at.stage == jobs.WAITING:
        said = f"Waiting: <b>{_before(count)}</b>, about {minutes(seconds)}." if count else "Your job starts now."
        return f"{_stages(at)}<p>{said}</p>"
    if at.stage == jobs.LABELLING:
        said = (
            f"ReCo labels photo {min(at.done + 1, at.of)} of {at.of}. {told}"
            if at.done
            else f"ReCo learns the names. {told}"
        )
    elif at.stage == jobs.TRAINING and work.finishing:
        said = f"Finishing at step {at.done} with the best so far."
    elif at.stage == jobs.TRAINING:
        said = f"The network learns: step {at.done} of {at.of}. {told}"
    else:
        said = "Checking and packing the network: some 10 seconds."
    return f"{_stages(at)}<p>{said}</p>"


def _before(count: int) -> str:
    return f"{count} job{'s' * (count != 1)} before yours"


def _stages(at: jobs.At) -> str:
    place = [*STAGES].index(at.stage) if at.stage in STAGES else -1
    rows = []
    for i, word in enumerate(STAGES.values()):
        share = 100.0 if i < place else 100 * at.done / max(1, at.of) if i == place else 0.0
        kind = " now' aria-current='step" if i == place else ""
        rows.append(
            f"<div class='reco-stage{kind}'><b>{i + 1}. {word}</b><i><i style='width:{share:.0f}%'></i></i></div>"
        )
    return f"<div class='reco-stages'>{''.join(rows)}</div>"


def left_out(files: Sequence[LeftOut]) -> str:
    """What was not taken, and why."""
    if not files:
        return ""
    rows = [f"<li>{escape(one.file)}: {escape(one.reason)}</li>" for one in files[:MOST_REPORTED]]
    rows += [f"<li>and {len(files) - MOST_REPORTED:,} more</li>"] * (len(files) > MOST_REPORTED)
    return f"<div class='reco-card reco-report'><p>Left out:</p><ul>{''.join(rows)}</ul></div>"


def look(work: jobs.Work) -> str:
    """The curve so far, and what the network marks now."""
    curve = work.curve
    charts = curves(curve, work.job.recipe.steps) if curve else ""
    step = f"Network, step {curve.looks[-1].step}" if curve else "Network"
    heads = ("Photo", "ReCo's label", step)
    rows = []
    for one in work.marked:
        count = len(work.job.names)
        pictures = [one.photo, overlay(one.photo, one.taught, count)]
        pictures += [overlay(one.photo, one.said, count)] if one.said is not None else []
        cells = [f"<img src='{address(picture, PREVIEW_SIDE)}' alt=''>" for picture in pictures]
        cells += ["<div class='reco-empty'>first marks soon</div>"] * (3 - len(cells))
        rows += [
            f"<figure>{f'<figcaption>{head}</figcaption>' if one is work.marked[0] else ''}{cell}</figure>"
            for head, cell in zip(heads, cells, strict=True)
        ]
    shown = f"<div class='reco-marks'>{''.join(rows)}</div>{legend(work.job.names)}" if rows else ""
    return charts + shown


def legend(names: Sequence[str]) -> str:
    """The colour of each name."""
    return (
        "<div class='reco-names'>"
        + "".join(f"<span>{swatch(i)}{escape(name)}</span>" for i, name in enumerate(names))
        + "</div>"
    )


def curves(curve: Curve, steps: int) -> str:
    """Both charts of a training of so many steps, as far as it is."""
    loss = [(look.step, look.loss) for look in curve.looks]
    top = max(value for _, value in loss) * 1.05 or 1.0
    said = [
        (label, shade, [(look.step, value) for look in curve.looks if (value := getattr(look, kind)) is not None])
        for label, shade, kind in (("fits ReCo's labels", BLUE, "fits"), ("agrees with itself", GREEN, "agrees"))
    ]
    held = (
        chart("In photos that it does not learn from:", said, steps, 1.0, curve.best.step)
        if said[1][2]
        else ("<p class='reco-note'>With fewer than six photos none are kept aside to look at.</p>")
    )
    return (
        f"<div class='reco-charts'>{held}"
        f"{chart('What it gets wrong while it learns:', [('loss', GREY, loss)], steps, top)}</div>"
    )


def chart(
    title: str, lines: Sequence[tuple[str, str, Sequence[tuple[int, float]]]], steps: int, top: float, best: int = 0
) -> str:
    """Lines by step, drawn as SVG. lines: label, colour, points. top: of the values' axis. best: a step to mark."""
    width, height, left = 330, 120, 30

    def at(step: float, value: float) -> tuple[float, float]:
        return left + (width - left) * step / steps, height * (1 - value / top)

    def number(value: float) -> str:
        return f"{100 * value:.0f} %" if top == 1 else f"{value:.2g}"

    drawn = []
    for share in (0, 0.5, 1):
        _, y = at(0, share * top)
        drawn.append(
            f"<line x1='{left}' x2='{width}' y1='{y}' y2='{y}' stroke='currentColor' stroke-opacity='.15'/>"
            f"<text x='{left - 5}' y='{y + 4}' text-anchor='end'>{number(share * top)}</text>"
        )
    if best:
        x, _ = at(best, 0)
        drawn.append(
            f"<line x1='{x:.1f}' x2='{x:.1f}' y1='0' y2='{height}' stroke='currentColor' stroke-opacity='.4' "
            f"stroke-dasharray='2 4'><title>best so far: step {best}</title></line>"
        )
    for label, shade, points in lines:
        places = [at(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn.append(
            f"<polyline points='{path}' fill='none' stroke='{shade}' stroke-width='2' stroke-linejoin='round'/>"
        )
        drawn += [
            f"<circle cx='{x:.1f}' cy='{y:.1f}' r='2.6' fill='{shade}'><title>{label}, step {step}: {number(value)}"
            "</title></circle>"
            for (x, y), (step, value) in zip(places, points, strict=True)
        ]
    keys = "".join(
        f"<span class='reco-key' style='--key:{shade}'>{label} {number(points[-1][1])}</span>"
        for label, shade, points in lines
        if points
    )
    return (
        f"<figure class='reco-chart'><figcaption>{title}<br>{keys}</figcaption>"
        f"<svg viewBox='0 -6 {width + 4} {height + 26}' role='img' aria-label='{title}'>{''.join(drawn)}"
        f"<text x='{left}' y='{height + 15}'>0</text><text x='{width}' y='{height + 15}' text-anchor='end'>"
        f"step {steps}</text></svg></figure>"
    )


def learned(work: jobs.Work, sheet: bytes) -> str:
    """What came of a job. sheet: the card's examples, JPEG."""
    about: dict[str, Any] = work.about
    unknown = about["unknown"]
    rows = "".join(
        f"<tr><td>{swatch(i)}<span class='reco-name'>{escape(name)}</span></td>"
        f"<td>{'not found' if name in unknown else percent(about['shares'][name])}</td></tr>"
        for i, name in enumerate(about["names"])
    )
    missing = ", ".join(f"<b>{escape(name)}</b>" for name in unknown)
    warning = (
        (
            f"<p class='reco-problem'>ReCo found nothing in these photos that it takes for {missing}, so the specialist does not "
            "know it.</p>"
        )
        if unknown
        else ""
    )
    kept = (
        f"It learned from {many(about['photos'] - about['held_out'])}; step {about['step']} of {work.job.recipe.steps} "
        + (f"was the best, by {many(about['held_out'])} kept aside" if about["held_out"] else "was the last")
    )
    return (
        f"<div class='reco-card' id='learned'><h3>Your specialist is ready</h3><p>{kept}. Done in {minutes(work.seconds)}.</p>{warning}"
        f"<table class='reco-learned'><tr><th>What it marks</th><td>of the photos</td></tr>{rows}"
        f"<tr><td>none of these</td><td>{percent(about['shares']['background'])}</td></tr></table>"
        "<p class='reco-note'>Nobody checked ReCo's labels. What ReCo gets wrong everywhere, the specialist has learned too; what ReCo "
        "gets wrong now and then, it often evens out.</p>"
        f"<img class='reco-sheet' alt='Photos, and what the specialist marks in them' src='{_packed(sheet)}'></div>"
    )


def compared(photo: np.ndarray, answers: Sequence[tuple[str, Segmentation, float]]) -> str:
    """The same photo as marked by several. answers: who, what, in how many seconds; the last is the slowest."""
    names = answers[0][1].names
    figures = "".join(
        f"<figure><figcaption><b>{escape(who)}</b>: {seconds:.2f} seconds</figcaption>"
        f"<img alt='' src='{address(overlay(photo, result.labels, len(names)), COMPARED_SIDE)}'></figure>"
        for who, result, seconds in answers
    )
    head = "".join(f"<td>{escape(who)}</td>" for who, _, _ in answers)
    rows = "".join(
        f"<tr><td>{swatch(i)}<span class='reco-name'>{escape(name)}</span></td>"
        + "".join(f"<td>{percent(result.share(i + 1))}</td>" for _, result, _ in answers)
        + "</tr>"
        for i, name in enumerate(names)
    )
    times = answers[-1][2] / max(1e-3, answers[0][2])
    faster = f"The specialist was {times:.0f} times as fast. " if times >= 2 else ""
    return (
        f"<div class='reco-pair'>{figures}</div><table class='reco-learned'><tr><th></th>{head}</tr>{rows}</table>"
        f"<p class='reco-note'>{faster}Times are for this photo alone, on this server, where both were warm and ReCo "
        "knew the names already. Above: shares of the photo.</p>"
    )


def address(picture: np.ndarray, side: int) -> str:
    """A picture (H, W, 3) uint8 as a JPEG inside an address: no file, so nobody else can ask for it."""
    packed = io.BytesIO()
    Image.fromarray(limit_size(picture, side)).save(packed, "JPEG", quality=86)
    return _packed(packed.getvalue())


def _packed(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()
