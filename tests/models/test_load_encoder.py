"""Loading a preset: which device, which precision, and what to do without its files."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from support.small_networks import SMALL_CLIP

from reco_core.errors import ArchiveError, OptionError, WeightsError
from reco_core.models import encoders
from reco_core.models.clip_encoder import ClipEncoder
from reco_core.models.encoders import choose_device, choose_precision, load_encoder, quick_precision
from reco_core.pipeline import ReCo
from reco_core.presets import CLIP, PRESETS
from reco_core.utils.paths import bundled_folder


def test_precision_by_name():
    assert choose_precision(None, "cpu") == torch.float32
    assert choose_precision("bfloat16", "cpu") == torch.bfloat16
    with pytest.raises(OptionError, match="float32, bfloat16, float16"):
        choose_precision("int3", "cpu")
    with pytest.raises(OptionError, match=r"mini has no such precision. Given: float16. Expected: float32, bfloat16"):
        load_encoder(PRESETS["mini"], "cpu", precision="float16")


@pytest.mark.parametrize(("has", "expected"), [("avx512_bf16", "bfloat16"), ("amx_bf16", "bfloat16"), ("avx2", None)])
def test_half_precision_where_the_processor_is_quicker_in_it(has, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {has: True, "avx512_bf16": has == "avx512_bf16"})
    assert quick_precision("cpu") == expected
    monkeypatch.setattr(encoders, "choose_device", lambda device: "cuda")
    assert quick_precision(None) is None


@pytest.mark.parametrize(("gpu", "bf16"), [(False, False), (True, True), (True, False)])
def test_device_and_precision_that_nobody_named(gpu, bf16, monkeypatch, tmp_path):
    """The GPU if there is one, in half precision: of the kind that it computes in by itself."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16 or including_emulation)
    made: list[tuple] = []
    monkeypatch.setattr(ClipEncoder, "build", lambda preset, networks, *where: made.append(where))
    found = SimpleNamespace(path=tmp_path / "w.safetensors", sha256="0" * 64)
    monkeypatch.setattr(encoders.weights, "resolve", lambda *_, **__: found)
    monkeypatch.setattr(encoders.weights, "read_state_dict", lambda path: {})
    monkeypatch.setattr(encoders.weights, "load_strictly", lambda *_: None)
    load_encoder(SMALL_CLIP)
    expected = (torch.bfloat16 if bf16 else torch.float16) if gpu else torch.float32
    assert made == [("cuda" if gpu else "cpu", expected)]
    assert choose_device(None) == made[0][0]
    load_encoder(SMALL_CLIP, precision="float32")
    load_encoder(SMALL_CLIP, "cpu")
    assert made[1:] == [(made[0][0], torch.float32), ("cpu", torch.float32)]


def test_a_device_that_is_not_there_is_told(monkeypatch):
    def no_gpu(*_, **__):
        raise RuntimeError("Found no NVIDIA driver\nand a trace")

    monkeypatch.setattr(torch, "empty", no_gpu)
    with pytest.raises(OptionError, match=r'cannot be used. Given: cuda \(Found no NVIDIA driver\)..*Try "cpu"'):
        choose_device("cuda")


def test_a_preset_without_its_files_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("RECO_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"ViT-B-16 are not on this machine.*use preset mini.*ViT-B-16\.pt"):
        load_encoder(CLIP, "cpu", fetch=False)
    with pytest.raises(ArchiveError, match=r"made by another model.*preset mini.*Expected: preset clip\."):
        ReCo.load(
            "clip", archive=bundled_folder() / "archives" / "mini", device="cpu"
        )  # nothing is downloaded for this
    with pytest.raises(ArchiveError, match="reco install clip"):
        ReCo.load(replace(CLIP, archive="archives/none"), device="cpu")
