"""Adapting to photos from end to end, with the bundled model: photos of all kinds, names, seeds, rounds."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.adapting import FILES, TINY, alike, make
from support.recorder import Recorder
from support.web import dead

from reco_core.adaptation import job, specialist
from reco_core.adaptation.crops import Example
from reco_core.adaptation.job import held_out
from reco_core.adaptation.recipe import MINI
from reco_core.errors import ArchiveError, NamesError, OptionError, PhotoError
from reco_core.utils.names import MAX_NAMES


@pytest.mark.usefixtures("quick")
def test_stages_are_told_and_photos_of_all_sizes_taken(fast, photos, tmp_path, asked):
    control, watched = Recorder(), []
    out = make(
        fast,
        photos,
        tmp_path / "deep" / "out",
        control=control,
        watch=lambda curve, mark: watched.append((curve.looks[-1].step, mark(np.zeros((30, 20, 3), np.uint8)).shape)),
    )
    assert control.reports == [
        *(("labelling", i, 8) for i in range(1, 9)),
        *(("training", i, 4) for i in range(1, 5)),
        ("exporting", 0, 1),
        ("exporting", 1, 1),
    ]
    assert watched == [(2, (30, 20)), (4, (30, 20))]
    assert {file.name for file in out.folder.iterdir()} == FILES
    assert len({shape[0] > shape[1] for shape in asked}) == 2 and all(shape[2] == 3 for shape in asked)


@pytest.mark.usefixtures("quick")
def test_one_photo_only(fast, photos, tmp_path):
    (tmp_path / "one").mkdir()
    shutil.copy(photos / "e.png", tmp_path / "one")
    out = make(fast, tmp_path / "one", tmp_path / "out")
    assert (out.about["photos"], out.about["held_out"], out.about["step"]) == (1, 0, 4)
    assert "too few photos to hold any out" in (tmp_path / "out" / "README.md").read_text()
    with Image.open(photos / "e.png") as image:
        assert out.segment(np.asarray(image)).labels.shape == image.size[::-1]


@pytest.mark.usefixtures("quick")
def test_files_that_are_no_photos_are_left_out_and_listed(fast, few, tmp_path, caplog):
    folder = shutil.copytree(few, tmp_path / "mixed")
    (folder / "b.jpg").write_bytes(b"")
    (folder / "c.png").write_bytes((few / "a.png").read_bytes()[:300])
    (folder / "d.jpg").write_text("no photo")
    (folder / "notes.txt").write_text("not even named like one")
    Image.new("RGB", (9, 300)).save(folder / "e.png")
    out = make(fast, folder, tmp_path / "out")
    assert out.about["photos"] == 2
    assert [one["file"] for one in out.about["left_out"]] == ["b.jpg", "c.png", "d.jpg", "e.png"]
    assert out.about["skipped"] == {"no photo by its name": 1}
    assert "too small" in out.about["left_out"][3]["reason"] and "left out: c.png" in caplog.text
    assert "4 files could not be read" in (tmp_path / "out" / "README.md").read_text()


def test_no_photos(fast, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(ArchiveError, match="no photos in this folder"):
        make(fast, tmp_path / "none", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "none" / "a.jpg").write_bytes(b"")
    with pytest.raises(PhotoError, match=r"none of the photos can be read.*1 files"):
        make(fast, tmp_path / "none", tmp_path / "out")


def test_too_many_photos(fast, few, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "MOST_PHOTOS", 1)
    with pytest.raises(OptionError, match=r"too many photos. Given: 2. Expected: at most 1"):
        make(fast, few, tmp_path / "out")


@pytest.mark.usefixtures("quick")
def test_more_names_than_people_type_most_of_them_unknown(fast, few, tmp_path, caplog):
    """A data set may ask for so many."""
    names = ("cat", "coffee cup", *(f"thing {i}" for i in range(MAX_NAMES)))
    out = make(
        fast, few, tmp_path / "out", names, background=(), context=(), method="reco2", recipe=replace(TINY, steps=1)
    )
    assert out.names == names and out.about["recipe"]["channels"] == 16
    shares, unknown = out.about["shares"], out.about["unknown"]
    assert unknown == [name for name in names if shares[name] == 0] and 0 < len(unknown) < len(names)
    assert "the specialist does not know them" in caplog.text and unknown[0] in caplog.text
    assert f"ReCo found none of these in the photos, so the specialist does not know them: {unknown[0]}" in (
        (tmp_path / "out" / "README.md").read_text()
    )
    with Image.open(few / "a.png") as image:
        found = out.segment(np.asarray(image))
    assert len(found.presence) == MAX_NAMES + 2 and found.scores.shape[0] == MAX_NAMES + 3


def test_more_names_than_labels(fast, few, tmp_path):
    """255 marks what teaches nothing, so it cannot be a name's label."""
    with pytest.raises(NamesError, match=r"too many names. Given: 255. Expected: at most 254"):
        make(fast, few, tmp_path / "out", tuple(f"thing {i}" for i in range(255)))
    for wrong in ((), (" ", "")):
        with pytest.raises(NamesError, match="no names"):
            make(fast, few, tmp_path / "out", wrong)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rounds": 0}, "rounds"),
        ({"rounds": 6}, "rounds"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"initial": "luck"}, "initial weights"),
        ({"method": "best"}, "unknown method"),
    ],
)
def test_jobs_that_cannot_be(fast, few, tmp_path, options, says):
    with pytest.raises(OptionError, match=says):
        make(fast, few, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_the_same_seed_is_the_same_and_another_is_not(fast, few, tmp_path):
    shared = replace(TINY, steps=2)
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        make(fast, few, tmp_path / name, seed=seed, recipe=shared)
    assert alike(tmp_path / "a", tmp_path / "b", 0) and not alike(tmp_path / "a", tmp_path / "c")
    make(fast, few, tmp_path / "d", seed=5, recipe=shared, initial="random weights")
    assert specialist.read_about(tmp_path / "d")["initial"] == "random weights"
    assert not alike(tmp_path / "a", tmp_path / "d")


@pytest.mark.usefixtures("quick")
def test_a_second_round_learns_from_what_the_first_learned(fast, few, tmp_path, monkeypatch):
    control, views = Recorder(), []
    real = job.label
    monkeypatch.setattr(job, "label", lambda photo, seen: views.append(seen) or real(photo, seen))
    out = make(fast, few, tmp_path / "out", rounds=2, control=control)
    assert [one for i, one in enumerate(control.stages) if one != control.stages[i - 1]] == [
        "labelling",
        "training",
        "labelling",
        "training",
        "exporting",
    ]
    photo = np.zeros((40, 60, 3), np.uint8)
    assert len(views) == 4 and views[0] is views[1] and views[2] is views[3]
    assert [scores(photo).shape for scores in views[2]] == [(4, 40, 60)]
    assert out.about["job"]["rounds"] == 2 and "rounds: 2" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.usefixtures("quick", "hurry")
def test_without_a_hub_minis_backbone_takes_the_place(fast, few, tmp_path, monkeypatch, caplog):
    from huggingface_hub import constants

    monkeypatch.setenv("RECO_CACHE", str(tmp_path / "cache"))
    nowhere = f"http://{dead()}"
    monkeypatch.setattr(constants, "ENDPOINT", nowhere)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", nowhere + "/{repo_id}/resolve/{revision}/{filename}")
    out = make(fast, few, tmp_path / "out", recipe=replace(TINY, encoder="mobilenet_v2", stride=8))
    assert "could not be fetched" in caplog.text and "Training mini's backbone in place of mobilenet_v2" in caplog.text
    assert out.about["initial"] == (
        "mini's backbone, trained by this project, since mobilenet_v2's weights could not be had"
    )
    assert (out.recipe.encoder, out.recipe.stride) == (MINI, 16) and out.about["job"]["recipe"][
        "encoder"
    ] == "mobilenet_v2"
    caplog.clear()
    make(fast, few, tmp_path / "random", recipe=replace(TINY, encoder="mobilenet_v2"), initial="random weights")
    assert "could not be" not in caplog.text
    assert specialist.read_about(tmp_path / "random")["recipe"]["encoder"] == "mobilenet_v2"


@pytest.mark.parametrize("count", [1, 5, 6, 7, 11, 12, 18, 100, 239, 240, 241, 5000])
def test_what_is_held_out_is_not_learned(count):
    examples = [Example.at(Path("x"), f"{i:05d}") for i in range(count)]
    held = held_out(examples)
    assert len(held) == len(set(held)) == (0 if count < 6 else min(count // 6, 40))
    places = [examples.index(one) for one in held]
    gaps = np.diff([-1, *places, count])
    assert places == sorted(places) and (
        not held or gaps[1:-1].max(initial=0) - gaps[1:-1].min(initial=count) <= 1 or len(held) == 1
    )


@pytest.mark.usefixtures("quick")
def test_training_never_sees_held_out_photos(fast, photos, tmp_path, monkeypatch):
    seen, real = [], job.Training

    class Watched(real):
        def __init__(self, network, crops, weights, held, *rest) -> None:
            seen.append((set(crops.examples), set(held), len(weights)))
            super().__init__(network, crops, weights, held, *rest)

    monkeypatch.setattr(job, "Training", Watched)
    make(fast, photos, tmp_path / "out", recipe=replace(TINY, steps=1))
    ((taught, held, classes),) = seen
    assert len(taught) == 7 and len(held) == 1 and not taught & held and classes == 4
