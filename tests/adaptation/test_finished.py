"""What a finished specialist consists of."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image
from support.adapting import FILES, NAMES, TINY, make

from reco_core.adaptation import specialist, specialist_card, training
from reco_core.adaptation.job import Job, adapt
from reco_core.errors import OptionError
from reco_core.photo_sources.factory import open_source


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
