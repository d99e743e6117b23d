"""What the tab Train shows: how a job goes, its curve and previews, what came of it. Pure functions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from reco_app.formats import jpeg_url, picture_url
from reco_app.jobs.training_job import Pace, Preview, TrainingJob
from reco_app.limits import Limits
from reco_app.templates import render
from reco_core.types import Segmentation
from reco_core.utils.visualize import overlay

PREVIEW_SIDE, COMPARED_SIDE = 480, 900  # long sides of pictures on the page


class Answer(NamedTuple):
    """What somebody marked in a photo, in how many seconds."""

    who: str
    result: Segmentation
    seconds: float


def estimate(photos: int, steps: int, pace: Pace, waiting: int, limits: Limits = Limits()) -> Markup:
    """How long it will take. photos: 0 if there are none yet. waiting: jobs before this one."""
    values = {"photos": photos, "steps": steps, "waiting": waiting, "most": limits.user_photos}
    return render("adapt/estimate.html", seconds=min(pace.seconds(photos or 30, steps), limits.job_seconds), **values)


def status(job: TrainingJob, before: tuple[int, float]) -> Markup:
    """How far a job is that waits or runs, and what it left out. before: `JobQueue.before`."""
    return render("adapt/status.html", job=job, at=job.at, before=before, seconds_left=job.seconds_left())


def training(job: TrainingJob) -> Markup:
    """The curve so far, and what the network marks now; before there is any, what will happen."""
    names, steps, curve = job.job.names, job.job.recipe.steps, job.curve
    rows = [_pictures(preview, len(names)) for preview in job.previews]
    return render("adapt/training.html", rows=rows, names=names, steps=steps, curve=curve)


def _pictures(preview: Preview, names: int) -> list[str]:
    """Addresses of a photo, ReCo's label, and what the network marks, if it does yet."""
    labels = [preview.reco] if preview.network is None else [preview.reco, preview.network]
    pictures = [preview.photo, *(overlay(preview.photo, marks, names) for marks in labels)]
    return [picture_url(picture, PREVIEW_SIDE) for picture in pictures]


def learned(job: TrainingJob, sheet: bytes) -> Markup:
    """What came of a job, and its charts. sheet: the card's examples, JPEG."""
    return render("adapt/learned.html", job=job, about=job.about, sheet=jpeg_url(sheet))


def compared(photo: np.ndarray, answers: Sequence[Answer]) -> Markup:
    """The same photo (H, W, 3) uint8 as marked by several; the last is the slowest."""
    names = answers[0].result.names
    pictures = [picture_url(overlay(photo, a.result.labels, len(names)), COMPARED_SIDE) for a in answers]
    times = answers[-1].seconds / max(1e-3, answers[0].seconds)
    return render("adapt/compared.html", answers=answers, pictures=pictures, names=names, times=times)
