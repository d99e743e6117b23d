"""The training tool on a handful of photos: it learns, and a killed run resumes to the same end."""

import argparse
import importlib.util
import io
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from reco_core.models.mini_vit import MiniNetwork

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(TOOLS))
    spec = importlib.util.spec_from_file_location("train_mini", TOOLS / "train_mini.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(TOOLS))
    return module


@pytest.fixture
def few(tool, monkeypatch):
    """Small enough for a test: six photos held out, small crops, everything logged."""
    for name, value in {"HELD_OUT": 6, "LOG_EVERY": 1, "MEASURE_EVERY": 2, "WARM_UP": 1}.items():
        monkeypatch.setattr(tool, name, value)
    monkeypatch.setattr(tool, "RATES", {"blocks": 3e-3, "whole": 1e-4})  # batches of two bear no more
    monkeypatch.setattr(tool, "SIZES", ((32, 32), (48, 32), (32, 48), (48, 48), (64, 64)))


@pytest.fixture(scope="module")
def data(real_photos, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "archive").mkdir()
    (folder / "train").mkdir()
    for name, photo in real_photos.items():
        Image.fromarray(photo).save(folder / "archive" / f"{name}.jpg")
    (folder / "archive/manifest.tsv").write_text("file\n" + "".join(f"{name}.jpg\n" for name in real_photos))
    for tar, names in {
        "photos.tar": ["cat"],
        "web_photos.tar": ["rocket"],
        "mini_imagenet_84px.tar": ["coffee"],
    }.items():
        with tarfile.open(folder / "train" / tar, "w") as out:
            for i, name in enumerate(names * 3):
                packed = io.BytesIO()
                Image.fromarray(real_photos[name][i * 20 :]).save(packed, "JPEG")
                member = tarfile.TarInfo(f"{name}{i}.jpg")
                member.size = packed.tell()
                packed.seek(0)
                out.addfile(member, packed)
    torch.manual_seed(1)
    save_file(MiniNetwork().vit.state_dict(), folder / "teacher.safetensors")
    return folder


def arguments(data: Path, out: Path, blocks: int, whole: int) -> argparse.Namespace:
    out.mkdir(exist_ok=True)
    return argparse.Namespace(
        data=data,
        teacher=data / "teacher.safetensors",
        out=out,
        photos=data / "store",
        block_samples=blocks,
        whole_samples=whole,
        batch=2,
        seed=0,
        device="cpu",
    )


def test_a_short_run_is_logged_and_gives_a_model(tool, few, data, tmp_path):
    tool.train(arguments(data, tmp_path / "run", 4, 2))
    rows = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert {row["stage"] for row in rows} == {"blocks", "whole"}
    assert all(np.isfinite(value) for row in rows for value in row.values() if isinstance(value, float))
    made, teacher = load_file(tmp_path / "run/mini.safetensors"), load_file(data / "teacher.safetensors")
    MiniNetwork().vit.load_state_dict(made)
    assert any(not torch.equal(made[name], teacher[name]) for name in made)


@pytest.mark.slow
def test_resumed_run_ends_as_an_uninterrupted_one(tool, few, data, tmp_path, monkeypatch):
    tool.train(arguments(data, tmp_path / "straight", 8, 8))
    monkeypatch.setattr(tool, "KEEP_EVERY", 0)
    saves = []
    save_state = tool.save_state

    def save_then_die(*parts):
        save_state(*parts)
        saves.append(parts[-1])
        if len(saves) in (2, 6):  # once in each stage
            raise KeyboardInterrupt

    monkeypatch.setattr(tool, "save_state", save_then_die)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            tool.train(arguments(data, tmp_path / "killed", 8, 8))
    tool.train(arguments(data, tmp_path / "killed", 8, 8))
    straight, killed = (load_file(tmp_path / run / "mini.safetensors") for run in ("straight", "killed"))
    for name, weights in straight.items():
        torch.testing.assert_close(weights, killed[name], atol=2e-3, rtol=1e-2)


@pytest.mark.slow
def test_it_learns_the_teacher(tool, few, data, tmp_path):
    tool.train(arguments(data, tmp_path / "run", 120, 2))
    rows = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    blocks = [row["held_out_levels"] for row in rows if row["stage"] == "blocks" and "held_out_levels" in row]
    assert blocks[-1] < 0.8 * blocks[0]
    MiniNetwork().vit.load_state_dict(load_file(tmp_path / "run/mini.safetensors"))


def test_crops_are_of_the_photo(tool, data):
    store = tool.PhotoStore(data / "store", tool.photos_of(data / "archive", data / "train"))
    assert len(store) == 14
    batch = store.batch(np.array([0, 5]), (32, 48), np.random.default_rng(0))
    assert batch.shape == (2, 3, 32, 48)
    assert -1 <= batch.min() < batch.max() <= 1
    centred = store.batch(np.array([0]), (64, 64), None)
    photo = store.photo(0).float() / 127.5 - 1
    assert abs(centred.mean() - photo.mean()) < 0.1
