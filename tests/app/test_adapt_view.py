"""The tab Train's words and charts, without a browser."""

import numpy as np
from support.page import EVIL

from reco_app.adapt import view
from reco_app.formats import minutes
from reco_app.jobs.training_job import Pace, Preview, StageProgress, TrainingJob
from reco_app.templates import render
from reco_core.adaptation.curve import Curve, Look
from reco_core.adaptation.job import Job
from reco_core.types import LeftOut


def test_words_and_charts_are_plain_and_escaped():
    assert [minutes(s) for s in (3, 47, 55, 100, 1790)] == [
        "10 seconds",
        "50 seconds",
        "1 minute",
        "2 minutes",
        "30 minutes",
    ]
    assert "These are 500 files" in view.estimate(500, 300, Pace(), 0)
    assert "2 jobs before yours first" in view.estimate(0, 300, Pace(), 2)
    curve = Curve((Look(5, 1.0, 0.2, 0.7), Look(10, 0.5, 0.4, 0.9)))
    html = render("adapt/charts.html", curve=curve, steps=20)
    assert html.count("<polyline") == 3
    assert html.count("<circle") == 6
    assert "agrees with itself 90 %" in html
    assert "fewer than six photos" in render("adapt/charts.html", curve=Curve((Look(5, 1.0),)), steps=20)
    assert "<img" not in render("adapt/left_out.html", files=[LeftOut(EVIL, EVIL)] * 20)


def test_what_reco_never_found_is_said_plainly(tmp_path):
    job = TrainingJob(lambda *_: None, Job(("cat", EVIL)), tmp_path)
    job.about = {
        "names": ["cat", EVIL],
        "unknown": [EVIL],
        "shares": {"background": 0.9, "cat": 0.1, EVIL: 0.0},
        "photos": 7,
        "held_out": 1,
        "step": 50,
        "own": False,
    }
    html = view.learned(job, b"")
    assert "ReCo found nothing in these photos that it takes for <b>&lt;img" in html
    assert "10.0 %" in html
    assert "<img src=x" not in html
    for words in ("6 photos", f"step 50 of {job.job.recipe.steps}", "by 1 photo kept aside"):
        assert words in html


def test_that_it_is_reco_itself_is_said(tmp_path):
    job = TrainingJob(lambda *_: None, Job(("cat",)), tmp_path)
    about = {"names": ["cat"], "unknown": [], "shares": {"background": 0.9, "cat": 0.1}, "photos": 7, "held_out": 2}
    job.about = about | {"step": 50, "own": True, "fits": {"specialist": 0.871, "reco": 0.993}}
    html = view.learned(job, b"")
    for words in ("this is ReCo itself with your names", "In 2 photos kept aside", "99.3 %", "87.1 %"):
        assert words in html
    job.about |= {"own": False}
    assert "ReCo itself" not in view.learned(job, b"")


def test_how_a_job_goes_is_said(tmp_path):
    job = TrainingJob(lambda *_: None, Job(("cat", EVIL)), tmp_path)
    job.left_out.append(LeftOut(EVIL, "no photo"))

    def said(stage: str, done: int, of: int, before: tuple[int, float] = (0, 0.0)) -> str:
        job.at = StageProgress(stage, done, of, 0.0)
        return view.status(job, before)

    assert "<b>2 jobs before yours</b>, about 2 minutes" in said("waiting", 0, 0, (2, 120))
    assert "Your job starts now" in said("waiting", 0, 0)
    assert "ReCo learns the names" in said("labelling", 0, 8)
    assert "labels photo 4 of 8" in said("labelling", 3, 8)
    assert 'now" aria-current="step"><b>2. Learn</b><i><i style="width:25%"' in said("training", 75, 300)
    job.finish()
    assert "Finishing at step 75" in said("training", 75, 300)
    assert "Checking and packing" in said("exporting", 0, 1)
    assert view.training(job) == render("adapt/plan.html")  # until there is something to see
    photo = np.zeros((4, 6, 3), np.uint8)
    job.previews = (Preview(photo, photo[..., 0]),)
    assert "first marks soon" in view.training(job)
    assert "<img src=x" not in view.training(job) + said("training", 1, 2)
