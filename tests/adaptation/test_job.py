"""Adapting to photos from end to end, with the bundled model; through the command line too, and measured."""

import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from support.adapting import NAMES, TINY, made, take, weights_of
from support.labelled import three, without_seconds, write_folder
from support.recorder import Recorder
from support.web import dead

from reco_core.adaptation import job, specialist, specialist_card, training
from reco_core.adaptation.crops import Example
from reco_core.adaptation.job import Job, adapt, held_out
from reco_core.adaptation.rare import OTHERS, archive_photos
from reco_core.adaptation.recipe import MINI, RECIPES
from reco_core.adaptation.specialist import Specialist
from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.cli import adapt as adapt_cli
from reco_core.cli import bench as bench_cli
from reco_core.cli.main import main
from reco_core.datasets.folder import open_folder
from reco_core.errors import ArchiveError, Cancelled, NamesError, OptionError, PhotoError
from reco_core.evaluation import bench
from reco_core.evaluation.variants import of_methods
from reco_core.models import weights
from reco_core.photo_sources.factory import list_photos, open_source
from reco_core.photo_sources.source import Files
from reco_core.pipeline import ReCo
from reco_core.utils.paths import bundled_folder

FILES = {"specialist.onnx", "specialist.safetensors", "specialist.json", "README.md", "curve.png", "examples.jpg"}
HERE = "cpu:0"  # as any device but "cpu", a specialist is then used with PyTorch


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """What the command line made of the photos of `adapting.take`."""
    return made(tmp_path_factory.getbasetemp())[0]


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return take(tmp_path_factory.mktemp("taken") / "photos")


@pytest.fixture(scope="module")
def few(photos, tmp_path_factory) -> Path:
    """Two of them."""
    folder = tmp_path_factory.mktemp("few")
    for name in ("a.png", "f.png"):
        shutil.copy(photos / name, folder)
    return folder


@pytest.fixture(scope="module")
def fast(reco) -> ReCo:
    """The bundled model, shown small photos."""
    return ReCo(reco.encoder.at_side(96), reco.archive)


@pytest.fixture
def quick(monkeypatch) -> None:
    """Without ONNX, which takes seconds; with PyTorch a specialist does not need it."""
    monkeypatch.setattr(specialist, "export", lambda network, names, file: file.write_bytes(b"no graph"))
    monkeypatch.setattr(specialist, "compare", lambda network, file: 0.0)


@pytest.fixture
def asked(monkeypatch) -> list:
    """The photos that are labelled from now on."""
    labelled, real = [], job.label
    monkeypatch.setattr(job, "label", lambda photo, views: labelled.append(photo.shape) or real(photo, views))
    return labelled


def make(reco: ReCo, folder: Path, out: Path, names: tuple[str, ...] = NAMES, **options) -> Specialist:
    """adapt, with some of a job's fields, and some of adapt's own arguments."""
    own = {name: options.pop(name) for name in ("control", "enough", "watch", "fetch") if name in options}
    with open_source(folder) as source:
        return adapt(reco, source, Job(names, **{"recipe": TINY, **options}), out, device=HERE, **own)


def alike(first: Path, second: Path, atol: float = 1e-5) -> bool:
    one, two = weights_of(first), weights_of(second)
    return one.keys() == two.keys() and all(torch.allclose(v, two[n], atol=atol) for n, v in one.items())


# --- what is made


def test_a_finished_folder(finished):
    assert {file.name for file in finished.iterdir()} == FILES
    about = json.loads((finished / specialist.ABOUT).read_text(), parse_constant=pytest.fail)
    assert about["names"] == list(NAMES) and list(about["shares"]) == ["background", *NAMES]
    assert sum(about["shares"].values()) == pytest.approx(1, abs=1e-3)
    assert (about["photos"], about["held_out"], about["left_out"], about["unknown"]) == (8, 1, [], [])
    assert [look["step"] for look in about["curve"]] == [2, 4] and about["step"] in (2, 4)
    assert all(0 <= look[of] <= 1 for look in about["curve"] for of in ("fits", "agrees"))
    assert about["recipe"] == json.loads(json.dumps(asdict(TINY))) and "mini's backbone" in about["initial"]
    told = about["job"]
    assert (told["seed"], told["rounds"], told["preset"], told["method"]) == (3, 1, "mini", "reco2_crf")


def test_its_card(finished):
    text = (finished / "README.md").read_text()
    about = specialist.read_about(finished)
    for name in NAMES:
        assert f"| {name} |" in text and f"{100 * about['shares'][name]:.1f} %" in text
    assert "8 photos" in text and "On 1 photos that were held out" in text and "nobody drew a mask" in text
    for picture in ("curve.png", "examples.jpg"):
        assert f"({picture})" in text
        with Image.open(finished / picture) as image:
            image.load()
            assert min(image.size) >= 75
    assert str(finished.parent) not in text + (finished / specialist.ABOUT).read_text(), "no place of this machine"


def test_a_card_of_strange_names(finished, tmp_path):
    about = {
        **specialist.read_about(finished),
        "names": ["a|b", "*x*"],
        "unknown": ["[y]"],
        "held_out": 0,
        "left_out": [{"file": "f", "reason": "r"}],
        "step": 4,
        "curve": [{"step": 4, "loss": 1, "fits": None, "agrees": None}],
    }
    text = specialist_card.text({**about, "shares": {"background": 0.5, "a|b": 0.25, "*x*": 0.25}})
    assert "a\\|b" in text and "\\*x\\*" in text and "\\[y\\]" in text and "1 files could not be read" in text
    assert "too few photos to hold any out" in text
    sheet = specialist_card.sheet([np.full((20, 30, 3), i, np.uint8) for i in range(3)])
    assert sheet.size == (60, 40) and np.asarray(sheet)[25, 3].tolist() == [2, 2, 2]


def test_asked_again_it_is_done_at_once(finished, reco, asked, monkeypatch):
    """The API has what the command made; nothing is labelled or trained."""
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in finished.iterdir()}
    monkeypatch.setattr(training.Training, "_learn", pytest.fail)
    with open_source(finished.parent / "photos") as source:
        again = adapt(reco, source, Job(NAMES, TINY, seed=3), finished, device="cpu")
    assert again.names == NAMES and not asked
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in finished.iterdir()} == before


def test_another_job_does_not_touch_a_finished_folder(finished, fast, photos):
    before = {file.name: file.read_bytes() for file in finished.iterdir()}
    with pytest.raises(OptionError, match=r"another specialist in this folder.*Choose another --out"):
        make(fast, photos, finished)
    assert {file.name: file.read_bytes() for file in finished.iterdir()} == before


# --- photos of all kinds


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


# --- names


@pytest.mark.usefixtures("quick")
def test_a_hundred_names_most_of_them_unknown(fast, few, tmp_path, caplog):
    """A data set may ask for more names than people type."""
    names = ("cat", "coffee cup", *(f"thing {i}" for i in range(98)))
    out = make(
        fast, few, tmp_path / "out", names, background=(), context=(), method="reco2", recipe=replace(TINY, steps=1)
    )
    assert out.names == names and out.about["recipe"]["channels"] == 16
    shares, unknown = out.about["shares"], out.about["unknown"]
    assert unknown == [name for name in names if shares[name] == 0] and 0 < len(unknown) < 100
    assert "the specialist does not know them" in caplog.text and unknown[0] in caplog.text
    assert f"ReCo found none of these in the photos, so the specialist does not know them: {unknown[0]}" in (
        (tmp_path / "out" / "README.md").read_text()
    )
    with Image.open(few / "a.png") as image:
        found = out.segment(np.asarray(image))
    assert len(found.presence) == 100 and found.scores.shape[0] == 101


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


# --- seeds, rounds, first weights


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


# --- interruptions


@pytest.fixture(scope="module")
def undisturbed(fast, few, tmp_path_factory) -> Path:
    """The folder that a job without interruptions makes of `few`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(specialist, "export", lambda network, names, file: file.write_bytes(b"no graph"))
        patch.setattr(specialist, "compare", lambda network, file: 0.0)
        return make(fast, few, tmp_path_factory.mktemp("undisturbed") / "out").folder


@pytest.mark.usefixtures("quick")
def test_cancelled_while_labelling_and_while_training(fast, few, tmp_path, asked, undisturbed):
    out = tmp_path / "out"
    with pytest.raises(Cancelled, match=r"labelling was stopped.*same command continues"):
        make(fast, few, out, control=Recorder(1))
    assert len(asked) == 1 and {file.name for file in out.iterdir()} == {"work"}
    control = Recorder(5)
    with pytest.raises(Cancelled, match=r"training was stopped.*same command continues"):
        make(fast, few, out, control=control)
    assert len(asked) == 2, "what was labelled stays so"
    assert control.reports[-1] == ("training", 3, 4)
    control = Recorder()
    make(fast, few, out, control=control)
    assert len(asked) == 2 and [step for step in control.reports if step[0] == "training"] == [
        ("training", 3, 4),
        ("training", 4, 4),
    ]
    assert {file.name for file in out.iterdir()} == FILES and alike(out, undisturbed)
    assert {**specialist.read_about(out), "files": 0} == {**specialist.read_about(undisturbed), "files": 0}


@pytest.mark.usefixtures("quick")
def test_enough_ends_the_training(fast, few, tmp_path):
    out = make(fast, few, tmp_path / "out", enough=lambda: True)
    assert out.about["step"] == 2 and len(out.about["curve"]) == 1


def test_another_job_in_an_unfinished_folder(fast, few, photos, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        make(fast, few, out, control=Recorder(1))
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    for folder, options in (
        (few, {"seed": 9}),
        (photos, {}),
        (few, {"names": ("dog",)}),
        (few, {"rounds": 2}),
        (few, {"recipe": replace(TINY, steps=5)}),
        (few, {"background": ("sky",)}),
    ):
        with pytest.raises(OptionError, match=r"another job was begun in this folder.*repeat that job's options"):
            make(fast, folder, out, **options)
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("inside", ["thesis.txt", "work/thesis.txt", "other/deep.txt"])
def test_folders_of_others_are_left_alone(fast, few, tmp_path, inside):
    file = tmp_path / "out" / inside
    file.parent.mkdir(parents=True)
    file.write_text("precious")
    for out in (tmp_path / "out", file):
        with pytest.raises(OptionError, match=r"is not empty.*Choose another --out"):
            make(fast, few, out)
    assert [f for f in (tmp_path / "out").rglob("*") if f.is_file()] == [file] and file.read_text() == "precious"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("when", ["job", "label", "state", "weights", "graph", "card"])
def test_a_full_disk_loses_nothing(fast, few, tmp_path, monkeypatch, asked, undisturbed, when):
    """The same call goes on where there was no more space."""
    out, calls = tmp_path / "out", []

    def full(*_, **__):
        calls.append(when)
        raise OSError(errno.ENOSPC, "No space left on device")

    def second(real):
        return lambda *arguments: full() if calls.append(0) or len(calls) == 2 else real(*arguments)

    with monkeypatch.context() as patch:
        if when == "job":
            patch.setattr(Path, "replace", full)
        elif when == "label":
            patch.setattr(Example, "write", second(Example.write))
        elif when == "state":
            patch.setattr(weights, "save_file", full)
        elif when == "weights":
            patch.setattr(specialist, "write_tensors", full)
        elif when == "graph":
            patch.setattr(specialist, "export", full)
        else:
            patch.setattr(specialist_card, "plot", full)
        with pytest.raises(OSError, match="No space left"):
            make(fast, few, out)
    assert calls and (out / "work").is_dir()
    labelled = len(asked)
    make(fast, few, out)
    assert {file.name for file in out.iterdir()} == FILES
    assert labelled == {"job": 0, "label": 2}.get(when, 2) and len(asked) == (3 if when == "label" else 2)
    assert alike(out, undisturbed)


KILLED = """
import sys, time
from dataclasses import replace
from support.adapting import TINY
from reco_core.adaptation import training
from reco_core.adaptation.recipe import RECIPES
from reco_core.cli.main import main
RECIPES["tiny"] = TINY
evaluate = training.evaluate
training.evaluate = lambda *rest: (time.sleep(0.4), evaluate(*rest))[1]
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.usefixtures("quick")
def test_killed_and_begun_again_by_the_same_command(fast, few, tmp_path, monkeypatch):
    """SIGKILL in the middle of the training of another process."""
    command = [
        "adapt",
        str(few),
        ", ".join(NAMES),
        "--recipe",
        "tiny",
        "--steps",
        "12",
        "--photo-side",
        "96",
        "--device",
        HERE,
        "--out",
    ]
    paths = os.pathsep.join([str(bundled_folder()), str(bundled_folder() / "tests")])
    running = subprocess.Popen(
        [sys.executable, "-c", KILLED, *command, str(tmp_path / "killed")],
        env={**os.environ, "PYTHONPATH": paths},
        stderr=subprocess.DEVNULL,
    )
    state, step = tmp_path / "killed" / "work" / "training-1" / training.STATE, 0
    waiting = time.monotonic() + 90
    while step < 4 and time.monotonic() < waiting and running.poll() is None:
        time.sleep(0.02)
        if state.is_file():
            with safe_open(state, "pt") as opened:
                step = json.loads(opened.metadata()["curve"])[-1]["step"]
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL and 4 <= step < 12
    monkeypatch.setitem(RECIPES, "tiny", TINY)
    monkeypatch.setattr(adapt_cli, "load", lambda args: fast)
    learned, learn = [], training.Training._learn
    monkeypatch.setattr(
        training.Training, "_learn", lambda self, *batch: learned.append(self.step) or learn(self, *batch)
    )
    assert main([*command, str(tmp_path / "killed")]) == 0
    assert learned[0] >= step and learned[-1] == 11
    assert main([*command, str(tmp_path / "whole")]) == 0
    assert alike(tmp_path / "killed", tmp_path / "whole")
    one, two = (specialist.read_about(tmp_path / name) for name in ("killed", "whole"))
    assert one["curve"] == two["curve"] and one["shares"] == two["shares"]


# --- photos from the archive itself


@pytest.fixture(scope="module")
def rare(reco, photo_folder, tmp_path_factory) -> tuple[ReCo, Path]:
    """An archive of twenty photos, and the folder that has them."""
    folder = tmp_path_factory.mktemp("rare")
    (folder / "photos").mkdir()
    records = list_photos(photo_folder)
    for record in records:
        shutil.copy(photo_folder / record.file, folder / "photos")
    write_archive(folder / "archive", Files("", [(r, folder / "photos" / r.file) for r in records]), reco.encoder)
    return ReCo(reco.encoder, Archive(folder / "archive")), folder / "photos"


def test_photos_of_names_and_others(rare):
    own, folder = rare
    with archive_photos(own, ("cat", "cup of coffee"), 2, folder, seed=1) as source:
        files = [record.file for record in source.records]
        assert source.read(0) == (folder / files[0]).read_bytes()
    ranked = [
        [own.archive.records[int(row)].file for row in own.archive.search(text, 20).rows]
        for text in own.encoder.embed_names(("cat", "cup of coffee"))
    ]
    nearest = [*ranked[0][:2], *ranked[1][:2]]
    assert files[:4] == nearest and all(f.startswith("cat") for f in files[:2]) and files[2].startswith("coffee")
    assert 4 < len(files) <= 4 + 4 * OTHERS and len(set(files)) == len(files)
    assert not set(files[4:]) & {*ranked[0][:10], *ranked[1][:10]}, "others are far from all names"


def test_others_are_drawn_by_a_seed(rare):
    own, folder = rare

    def files(seed: int) -> list[str]:
        return [record.file for record in archive_photos(own, ("cat",), 2, folder, seed=seed).records]

    drawn = [files(seed) for seed in range(8)]
    assert all(one[:2] == drawn[0][:2] and len(one) == 2 + 2 * OTHERS for one in drawn)
    assert len({tuple(one[2:]) for one in drawn}) > 1 and drawn[3] == files(3)
    assert archive_photos(own, ("cat",), 2, folder, seed=3).key == archive_photos(own, ("cat",), 2, folder, seed=3).key


def test_a_small_archive_has_no_others(rare):
    own, folder = rare
    assert len(archive_photos(own, ("cat",), 500, folder).records) == 20


def test_archive_photos_that_cannot_be_had(rare, tmp_path):
    own, folder = rare
    for count in (0, -1, 501):
        with pytest.raises(OptionError, match=r"so many photos of a name.*1 to 500"):
            archive_photos(own, ("cat",), count, folder)
    with pytest.raises(ArchiveError, match=r"none of the archive's photos is here.*--photos FOLDER"):
        archive_photos(own, ("cat",), 2, tmp_path)
    first = archive_photos(own, ("cat",), 3, folder).records[1].file
    part = shutil.copytree(folder, tmp_path / "part")
    (part / first).unlink()
    left = [record.file for record in archive_photos(own, ("cat",), 3, part).records]
    assert first not in left and len(left) >= 3, "what is missing is left out"


def test_archive_photos_are_fetched_from_where_they_were_published(reco, rare, web, tmp_path, monkeypatch):
    _, folder = rare
    records = [record for record in list_photos(folder) if record.file.startswith(("cat", "rocket"))]
    for record in records:
        web.files[f"/{record.file}"] = (folder / record.file).read_bytes()
    records = [replace(record, source_url=web.url(f"/{record.file}"), licence="CC0 1.0") for record in records]
    write_archive(tmp_path / "a", Files("", [(record, folder / record.file) for record in records]), reco.encoder)
    monkeypatch.setenv("RECO_CACHE", str(tmp_path / "cache"))
    control = Recorder()
    source = archive_photos(ReCo(reco.encoder, Archive(tmp_path / "a")), ("cat",), 1, None, control=control)
    assert len(source.records) == 1 + OTHERS and control.reports[-1] == ("photos", 1 + OTHERS, 1 + OTHERS)
    assert source.read(0) == (folder / source.records[0].file).read_bytes()
    assert (tmp_path / "cache" / "photos" / source.records[0].file).is_file()


# --- the command line


@pytest.fixture
def loaded(reco, monkeypatch) -> None:
    """The model is there already, and there is a tiny recipe."""
    monkeypatch.setattr(adapt_cli, "load", lambda args: reco)
    monkeypatch.setattr(bench_cli, "load", lambda args: reco)
    monkeypatch.setitem(RECIPES, "tiny", TINY)


def test_predict(finished, photo, cat, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    out = tmp_path / "out"
    assert main(["predict", str(finished), str(photo), "--out", str(out), "--device", "cpu"]) == 0
    report = json.loads((out / "result.json").read_text())
    labels = np.asarray(Image.open(out / "labels.png"))
    assert labels.shape == cat.shape[:2] and report["specialist"] == "out"
    assert [concept["name"] for concept in report["concepts"]] == list(NAMES)
    np.testing.assert_array_equal(labels, Specialist(finished, "cpu").segment(cat).labels)
    for concept in report["concepts"]:
        assert concept["share"] == pytest.approx((labels == concept["label"]).mean(), abs=1e-4)
        assert 0 <= concept["presence"] <= 1 and concept["exemplars"] == []
    assert all(any(line.startswith(name) and "presence" in line for line in caplog.messages) for name in NAMES)


@pytest.mark.usefixtures("loaded", "quick")
def test_adapt_from_the_archive(rare, tmp_path, monkeypatch, caplog):
    own, folder = rare
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(adapt_cli, "load", lambda args: ReCo(own.encoder.at_side(96), own.archive))
    command = ["adapt", "archive", "cat", "--count", "2", "--photos", str(folder), "--out", str(tmp_path / "out")]
    assert (
        main(
            [
                *command,
                "--recipe",
                "tiny",
                "--steps",
                "2",
                "--batch",
                "3",
                "--random",
                "--background",
                "",
                "--context",
                "",
                "--device",
                HERE,
            ]
        )
        == 0
    )
    about = specialist.read_about(tmp_path / "out")
    assert (about["photos"], about["initial"], about["step"]) == (6, "random weights", 2)
    assert (about["recipe"]["steps"], about["recipe"]["batch"]) == (2, 3)
    assert "1 names from 6 photos; step 2 was kept" in caplog.text and "reco predict " in caplog.text


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["adapt", "PHOTOS", " , ", "--out", "o"], "no names"),
        (["adapt", "PHOTOS", "cat, Background", "--out", "o"], "has a background of its own"),
        (["adapt", "PHOTOS", ",".join(f"n{i}" for i in range(255)), "--out", "o"], "too many names"),
        (["adapt", "nowhere", "cat", "--out", "o"], "the photos do not exist"),
        (["adapt", "EMPTY", "cat", "--out", "o"], "no photos in this folder"),
        (["adapt", "PHOTOS", "cat", "--out", "PHOTOS"], "is not empty"),
        (["adapt", "PHOTOS", "cat", "--out", "PHOTOS/a.png"], "is not empty"),
        (["adapt", "PHOTOS", "cat", "--out", "MADE"], "another specialist"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--recipe", "slow"], "unknown recipe"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--steps", "0"], "this steps"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--batch", "1"], "this batch"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--rounds", "9"], "rounds are out of range"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--seed", "-4"], "seed is out of range"),
        (["adapt", "PHOTOS", "cat", "--out", "o", "--method", "best"], "unknown method"),
        (["adapt", "archive", "cat", "--out", "o", "--count", "0"], "so many photos of a name"),
        (["adapt", "archive", "cat", "--out", "o", "--photos", "EMPTY"], "none of the archive's photos is here"),
        (["predict", "nowhere", "PHOTOS/a.png", "--out", "o"], "there is no specialist here"),
        (["predict", "EMPTY", "PHOTOS/a.png", "--out", "o"], "there is no specialist here"),
        (["predict", "MADE", "none.png", "--out", "o"], "does not exist"),
        (["predict", "MADE", "PHOTOS/a.png", "--out", "o", "--device", "abacus"], "device cannot be used"),
        (["predict", "MADE", "PHOTOS/a.png", "--out", "PHOTOS/a.png"], "could not be read or written"),
        (
            ["bench", "SET", "--methods", "denseclip", "--specialist", "MADE"],
            "names that the data set does not ask for",
        ),
        (["bench", "SET", "--methods", "denseclip", "--specialist", "EMPTY"], "there is no specialist here"),
    ],
)
def test_errors_are_one_clear_line(finished, photos, things, tmp_path, monkeypatch, caplog, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    places = {"PHOTOS": photos, "MADE": finished, "EMPTY": tmp_path / "empty", "SET": things.parent / "three"}
    first = {argument: argument.partition("/") for argument in arguments}
    given = [
        str(places[a]) + slash + rest if (a := part) in places else whole
        for whole in arguments
        for part, slash, rest in [first[whole]]
    ]
    with caplog.at_level(logging.ERROR):
        assert main(given) == 2
    assert says in caplog.text and "Traceback" not in caplog.text


@pytest.mark.usefixtures("loaded")
def test_stopped_by_the_user(few, tmp_path, monkeypatch, caplog):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Example, "write", pressed)
    assert main(["adapt", str(few), "cat", "--out", str(tmp_path / "out"), "--recipe", "tiny"]) == 130
    assert "the same command continues" in caplog.text


@pytest.mark.usefixtures("loaded")
def test_a_full_disk_is_one_clear_line(few, tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Example, "write", full)
    assert main(["adapt", str(few), "cat", "--out", str(tmp_path / "out"), "--recipe", "tiny"]) == 2
    assert "No space left on device" in caplog.text and "free space" in caplog.text


# --- measuring


@pytest.fixture(scope="module")
def things(real_photos, tmp_path_factory) -> Path:
    """A set whose classes are the specialist's names; beside it one that asks for other names."""
    folder = tmp_path_factory.mktemp("sets")
    three(real_photos, folder / "three")
    shown = {name: np.ascontiguousarray(real_photos[name][::3, ::3]) for name in ("cat", "coffee", "rocket")}
    truth = {name: np.zeros(photo.shape[:2], np.uint8) for name, photo in shown.items()}
    for label, labels in enumerate(truth.values(), 1):
        labels[20:60, 30:100], labels[:5] = label, 255
    meta = {"classes": ["background", "Rocket", "coffee cup", "cat"], "background": 0, "ignore": 255}
    return write_folder(folder / "things", shown, truth, meta)


def naive_row(specialist: Specialist, folder: Path, best: bool) -> dict:
    """Accuracy and IoU of a specialist's marks, photo by photo; best: of the names alone."""
    row_of = np.array([0, 3, 2, 1])  # cat, coffee cup, rocket among the classes
    truth, said = [], []
    for name in ("cat", "coffee", "rocket"):
        labels = np.asarray(Image.open(folder / "labels" / f"{name}.png"))
        found = specialist.segment(np.asarray(Image.open(folder / "images" / f"{name}.jpg")))
        marks = found.scores[1:].argmax(0) + 1 if best else found.labels
        counted = (labels != 255) & (labels != 0) if best else labels != 255
        truth.append(labels[counted])
        said.append(row_of[marks][counted])
    t, s = np.concatenate(truth), np.concatenate(said)
    ious = [((t == c) & (s == c)).sum() / max(1, ((t == c) | (s == c)).sum()) for c in range(1 if best else 0, 4)]
    return {"accuracy": (t == s).mean(), "ious": ious}


@pytest.mark.parametrize("protocol", ["with_background", "objects_only"])
def test_a_specialist_is_one_more_row(reco, finished, things, protocol):
    """Without background what it likes next to it counts."""
    one = Specialist(finished, "cpu")
    data = open_folder(things, protocol)
    options = {"background": ("sky",), "context": ()}
    report = bench.run(reco, data, of_methods(("denseclip",)), specialists={"ours": one}, **options)
    assert list(report["methods"]) == ["denseclip", "ours"] and report["per_photo"]["predicted"].keys() == {
        "denseclip",
        "ours",
    }
    expected, row = naive_row(one, things, protocol == "objects_only"), report["methods"]["ours"]
    assert row["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-4)
    assert [value or 0 for value in row["per_class"].values()] == pytest.approx(expected["ious"], abs=1e-4)
    assert row["seconds_per_photo"] > 0 and row["miou_interval"][0] <= row["miou"] <= row["miou_interval"][1]
    assert report["settings"]["specialists"] == {"ours": one.about["files"]}
    alone = bench.run(reco, data, of_methods(("denseclip",)), **options)
    assert "specialists" not in alone["settings"]
    assert without_seconds(alone)["methods"]["denseclip"] == without_seconds(report)["methods"]["denseclip"]


def test_specialists_that_do_not_fit_a_set(reco, finished, things):
    one = Specialist(finished, "cpu")
    with pytest.raises(
        OptionError,
        match=r"names that the data set does not ask for. Given: coffee cup, rocket. Expected: cat, cup, motorbike",
    ):
        bench.run(reco, open_folder(things.parent / "three"), of_methods(("denseclip",)), specialists={"ours": one})
    with pytest.raises(OptionError, match="two variants have the same name"):
        bench.run(reco, open_folder(things), of_methods(("denseclip",)), specialists={"denseclip": one})


@pytest.mark.usefixtures("loaded")
def test_bench_with_a_specialist(finished, things, tmp_path, capsys):
    file = tmp_path / "r.json"
    twin = tmp_path / "twin" / "out"
    shutil.copytree(finished, twin)
    command = ["bench", str(things), "--methods", "denseclip", "--specialist", str(finished), "--limit", "1"]
    assert main([*command, "--specialist", str(twin), "--json", str(tmp_path / "2.json"), "--device", "cpu"]) == 0
    rows = json.loads((tmp_path / "2.json").read_text())["methods"]
    assert list(rows) == ["denseclip", str(finished), str(twin)]  # of the same name: told apart by their folders
    assert rows[str(finished)]["miou"] == rows[str(twin)]["miou"]
    capsys.readouterr()
    assert main([*command, "--json", str(file), "--device", "cpu"]) == 0
    report = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert f"| out | {100 * report['methods']['out']['accuracy']:.1f} (" in capsys.readouterr().out
    assert list(report["methods"]) == ["denseclip", "out"] and report["photos"] == 1
