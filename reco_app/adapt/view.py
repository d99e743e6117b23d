"""What the Adapt tab shows: how a job goes, its curve and previews, what came of it. Pure functions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from reco_app.adapt.charts import curves
from reco_app.formats import jpeg_url, picture_url
from reco_app.jobs import training_job
from reco_app.jobs.training_job import LABELLING, Pace, StageProgress, TrainingJob
from reco_app.limits import Limits
from reco_app.templates import render
from reco_core.types import LeftOut, Segmentation
from reco_core.utils.visualize import overlay

PREVIEW_SIDE, COMPARED_SIDE = 480, 900  # long sides of pictures on the page
STAGES = {LABELLING: "Label", training_job.TRAINING: "Learn", training_job.EXPORTING: "Pack"}


class Answer(NamedTuple):
    """What somebody marked in a photo, in how many seconds."""

    who: str
    result: Segmentation
    seconds: float


def plan() -> Markup:
    """What will happen, before there is a job."""
    return render("adapt/plan.html")


def estimate(photos: int, steps: int, pace: Pace, waiting: int, limits: Limits = Limits()) -> Markup:
    """How long it will take. photos: 0 if there are none yet. waiting: jobs before this one."""
    seconds = min(pace.seconds(photos or 30, steps), limits.job_seconds)
    return render(
        "adapt/estimate.html", photos=photos, steps=steps, seconds=seconds, waiting=waiting, most=limits.user_photos
    )


def status(job: TrainingJob, before: tuple[int, float]) -> Markup:
    """How far a job is that waits or runs, and what it left out. before: `JobQueue.before`."""
    return render(
        "adapt/status.html",
        job=job,
        at=job.at,
        stages=_stages(job.at),
        before=before,
        seconds_left=job.seconds_left(),
        left_out=left_out(job.left_out),
    )


def _stages(at: StageProgress) -> list[tuple[str, float, bool]]:
    """By stage its name, how much of it is done in 0..1, and whether it is the one that runs."""
    place = [*STAGES].index(at.stage) if at.stage in STAGES else -1
    shares = [1.0 if i < place else at.done / max(1, at.of) if i == place else 0.0 for i in range(len(STAGES))]
    return [(word, share, i == place) for i, (word, share) in enumerate(zip(STAGES.values(), shares, strict=True))]


def left_out(files: Sequence[LeftOut]) -> Markup:
    """What was not taken, and why."""
    return render("adapt/left_out.html", files=files)


def training(job: TrainingJob) -> Markup:
    """The curve so far, and what the network marks now."""
    step = f"Network, step {job.curve.looks[-1].step}" if job.curve else "Network"
    count, rows = len(job.job.names), []
    for preview in job.previews:
        pictures = [preview.photo, overlay(preview.photo, preview.reco, count)]
        if preview.network is not None:
            pictures.append(overlay(preview.photo, preview.network, count))
        urls = [picture_url(picture, PREVIEW_SIDE) for picture in pictures]
        rows.append(zip(("Photo", "ReCo's label", step), [*urls, *[""] * (3 - len(urls))], strict=True))
    return render("adapt/training.html", charts=_curves(job), rows=rows, names=job.job.names)


def _curves(job: TrainingJob) -> Markup:
    return curves(job.curve, job.job.recipe.steps) if job.curve else Markup()


def learned(job: TrainingJob, sheet: bytes) -> Markup:
    """What came of a job, and its charts. sheet: the card's examples, JPEG."""
    return render("adapt/learned.html", job=job, about=job.about, sheet=jpeg_url(sheet), charts=_curves(job))


def compared(photo: np.ndarray, answers: Sequence[Answer]) -> Markup:
    """The same photo (H, W, 3) uint8 as marked by several; the last is the slowest."""
    names = answers[0].result.names
    pictures = [picture_url(overlay(photo, a.result.labels, len(names)), COMPARED_SIDE) for a in answers]
    return render(
        "adapt/compared.html",
        answers=list(zip(answers, pictures, strict=True)),
        rows=[(name, [answer.result.share(i + 1) for answer in answers]) for i, name in enumerate(names)],
        times=answers[-1].seconds / max(1e-3, answers[0].seconds),
    )
