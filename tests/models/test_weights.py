"""Weights: found, fetched over a real connection, verified, read and loaded."""

import argparse
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from support import web as server
from support.recorder import Recorder
from support.web import Web
from torch import nn

from reco_core.errors import Cancelled, WeightsError
from reco_core.models import weights
from reco_core.models.clip import Clip
from reco_core.models.timm_backbone import Backbone
from reco_core.models.weights import EXTRA, fingerprint, load_strictly, locate, read_state_dict, resolve
from reco_core.presets import PRESETS, RECORDED, Model, WeightFile

DATA = b"weights " * 100_000
DEIT, DINOV2 = PRESETS["paper_deit"].features, PRESETS["clip"].features
RIGHT = hashlib.sha256(DATA).hexdigest()


pytestmark = pytest.mark.usefixtures("hurry", "cache", "served")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("RECO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def served(web) -> None:
    web.files["/w.bin"] = DATA


def model(web: Web, sha256: str = RIGHT, *others: WeightFile) -> Model:
    file = WeightFile("w.bin", web.url("/w.bin"), sha256, "here" if sha256 else RECORDED, "MIT", 1)
    return replace(DEIT, name="tested", weights=(file, *others))


def test_fetched_once_then_found(web, cache):
    control = Recorder()
    found = resolve(model(web), control=control)
    assert (found.path, found.sha256) == (cache / "w.bin", RIGHT)
    assert control.reports[-1] == ("w.bin", len(DATA), len(DATA))
    again = resolve(model(web))
    assert again.path == found.path
    assert len(web.asked["/w.bin"]) == 1


def test_an_explicit_folder_comes_first_and_is_verified(web, cache, tmp_path):
    resolve(model(web))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "w.bin").write_bytes(DATA)
    assert resolve(model(web), mine).path == mine / "w.bin"
    (mine / "w.bin").write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"not the published file.*Delete it"):
        resolve(model(web), mine)
    assert resolve(model(web), mine / "w.bin").path == mine / "w.bin"  # a file that was named is taken
    with pytest.raises(WeightsError, match=r"missing.*Check the path"):
        resolve(model(web), tmp_path / "nowhere")


def test_files_of_the_hub_lie_in_folders_of_their_own(tmp_path):
    clip = PRESETS["paper"].language
    hub = clip.weights[1]
    file = tmp_path / "resnet50x16_clip.openai" / "open_clip_model.safetensors"
    file.parent.mkdir()
    file.write_bytes(b"x")
    assert locate(clip, tmp_path) == (file, hub)
    assert locate(PRESETS["paper"].retrieval, tmp_path) is None  # its file has the same name, and another folder


def test_the_hubs_own_cache_is_looked_into(tmp_path, monkeypatch):
    import huggingface_hub

    repository, revision = DINOV2_SOURCE
    snapshot = tmp_path / "hub" / f"models--{repository.replace('/', '--')}" / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"x")
    real = huggingface_hub.try_to_load_from_cache
    monkeypatch.setattr(
        huggingface_hub, "try_to_load_from_cache", lambda *a, **kw: real(*a, cache_dir=tmp_path / "hub", **kw)
    )
    found = locate(PRESETS["clip"].features)
    assert found and found[0] == snapshot / "model.safetensors"


DINOV2_SOURCE = PRESETS["clip"].features.weights[0].source.removeprefix("hub:").split("@")


def test_a_hash_that_nobody_publishes_is_recorded_and_kept_to(web, cache, caplog):
    unpublished = model(web, "")
    assert resolve(unpublished).sha256 == RIGHT
    assert json.loads((cache / weights.RECORD).read_text()) == {"w.bin": RIGHT}
    assert "nobody publishes" in caplog.text
    resolve(unpublished)
    (cache / "w.bin").write_bytes(DATA + b"!")
    with pytest.raises(WeightsError, match="not the published file"):
        resolve(unpublished)
    (cache / weights.RECORD).write_text("{")
    with pytest.raises(WeightsError, match="record of hashes is damaged"):
        resolve(unpublished)


def test_a_wrong_file_is_not_kept(web, cache):
    web.files["/w.bin"] = b"an error page, say"
    with pytest.raises(WeightsError, match=r"could not be fetched.*not the published file.*preset mini"):
        resolve(model(web))
    assert not (cache / "w.bin").exists()


def test_the_next_source_is_tried(web, cache):
    web.files["/second.bin"] = DATA
    second = WeightFile("second.bin", web.url("/second.bin"), RIGHT, "here", "MIT", 1)
    web.faults["/w.bin"] = [server.status(404)]
    assert resolve(model(web, RIGHT, second)).path == cache / "second.bin"


def test_no_network_says_what_to_do(cache):
    address = f"http://{server.dead()}/w.bin"
    file = WeightFile("w.bin", address, RIGHT, "here", "MIT", 123)
    with pytest.raises(WeightsError) as error:
        resolve(replace(DEIT, name="tested", weights=(file,)))
    for part in ("use preset mini", f"w.bin (123 MB, {address})", str(cache), "--weights"):
        assert part in str(error.value)
    with pytest.raises(WeightsError, match="are not on this machine"):
        resolve(replace(DEIT, name="tested", weights=(file,)), fetch=False)


def test_cancelling_keeps_what_came(web, cache):
    with pytest.raises(Cancelled):
        resolve(model(web), control=Recorder(1))
    assert (cache / "w.bin.part").stat().st_size > 0
    resolve(model(web))
    assert web.asked["/w.bin"][-1].startswith("bytes=")


def test_the_hub_itself_on_loopback(web, cache, monkeypatch):
    """The real client of the hub: its address, the hash it states, a broken connection, a wrong file."""
    path = "/timm/net/resolve/abc/model.safetensors"
    monkeypatch.setattr(constants, "ENDPOINT", web.url(""))
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", web.url("/{repo_id}/resolve/{revision}/{filename}"))
    file = WeightFile("model.safetensors", "hub:timm/net@abc", "", RECORDED, "MIT", 1)
    chosen = replace(DINOV2, weights=(file,))
    web.files[path] = DATA
    web.faults[path] = [server.cut(200_000)]
    assert resolve(chosen).sha256 == RIGHT
    assert web.asked[path] == ["", "bytes=200000-"]
    web.faults[path] = [lambda handler, data: handler.answer(200, data[:-1] + b"?") or True]  # not what its HEAD states
    monkeypatch.setenv("RECO_CACHE", str(cache / "another"))
    with pytest.raises(WeightsError, match="is not the published file"):
        resolve(chosen)


def tensors() -> dict[str, torch.Tensor]:
    return {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"model": state, "epoch": 3, "args": argparse.Namespace(lr=0.1)},
        lambda state: {"state_dict": {f"module.{name}": value for name, value in state.items()}},
        lambda state: {"teacher": {**{f"backbone.{n}": v for n, v in state.items()}, "head.mlp": torch.zeros(1)}},
    ],
)
def test_usual_wrappers_come_off(wrap, tmp_path):
    torch.save(wrap(tensors()), tmp_path / "w.pth")
    read = read_state_dict(tmp_path / "w.pth")
    assert read.keys() == tensors().keys()
    assert torch.equal(read["a.weight"], tensors()["a.weight"])


class Script(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(x)


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_torchscript_as_openai_publishes_it(tmp_path):
    script = Script().half()
    torch.jit.save(torch.jit.script(script), str(tmp_path / "w.pt"))
    read = read_state_dict(tmp_path / "w.pt")
    assert {name: value.dtype for name, value in read.items()} == {"a.weight": torch.float16, "a.bias": torch.float16}
    fresh = Script()
    load_strictly(fresh, read, "open_clip", "w.pt")
    assert fresh.a.weight.dtype == torch.float32
    assert torch.equal(fresh.a.weight, script.a.weight.float())


class Malice:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_files_that_are_no_weights(tmp_path):
    bad = tmp_path / "w.pth"
    for content, message in ((b"", "cannot be read"), (b"not weights at all", r"cannot be read|more than tensors")):
        bad.write_bytes(content)
        with pytest.raises(WeightsError, match=message):
            read_state_dict(bad)
    torch.save({"model": Malice(tmp_path / "was_here")}, bad)
    with pytest.raises(WeightsError, match="more than tensors"):
        read_state_dict(bad)
    assert not (tmp_path / "was_here").exists()
    torch.save([1, 2], bad)
    with pytest.raises(WeightsError, match="no state dict"):
        read_state_dict(bad)
    whole = tmp_path / "whole.safetensors"
    save_file(tensors(), whole)
    (tmp_path / "cut.safetensors").write_bytes(whole.read_bytes()[:-5])
    with pytest.raises(WeightsError, match=r"cut\.safetensors"):
        read_state_dict(tmp_path / "cut.safetensors")


def test_loading_is_strict_but_for_named_extras():
    network = nn.ModuleDict({"a": nn.Linear(3, 2)})
    load_strictly(network, {**tensors(), "head.weight": torch.zeros(1)}, "timm", "w")
    assert torch.equal(network["a"].weight, tensors()["a.weight"])
    for state, told in (
        ({"a.weight": torch.zeros(2, 3)}, "1 missing, such as a.bias"),
        ({**tensors(), "neck.weight": torch.zeros(1)}, "1 unknown, such as neck.weight"),
        ({**tensors(), "a.bias": torch.zeros(5)}, r"another shape, such as a.bias \(5,\) for \(2,\)"),
    ):
        with pytest.raises(WeightsError, match=told):
            load_strictly(network, state, "timm", "w")


def test_a_fingerprint_knows_weights_from_each_other_in_any_file():
    state = {"w": torch.randn(300, 300), "b": torch.randn(4)}
    half = {name: value.half() for name, value in state.items()}
    same = fingerprint("x", half)
    assert same == fingerprint("x", {name: value.float() for name, value in reversed(half.items())})
    assert same != fingerprint("y", half)
    assert same != fingerprint("x", {**half, "w": half["w"] + 0.01})
    assert same != fingerprint("x", {"w": half["w"].T.contiguous(), "b": half["b"][:3]})


@pytest.mark.parametrize("preset", ["paper", "paper_deit", "clip"])
def test_every_key_of_the_published_files_is_consumed(preset, outlines):
    """Names and shapes as open_clip and timm build them, with the classifiers and sizes that the files also hold."""
    networks = outlines(PRESETS[preset])
    for network, chosen in zip(networks.all, PRESETS[preset].models, strict=True):
        published = dict(network.network.state_dict())
        if isinstance(network, Clip):
            assert {key.split(".")[0] for key in published} >= {
                "visual",
                "transformer",
                "text_projection",
                "logit_scale",
            }
            published |= {key: torch.zeros(()) for key in EXTRA["open_clip"]}
        else:
            import timm

            classifier = timm.create_model(chosen.name, num_classes=1000)
            published |= {key: value for key, value in classifier.state_dict().items() if key.startswith("head")}
            published["mask_token"] = torch.zeros(1, 384)
            assert isinstance(network, Backbone)
            extra = published.keys() - network.network.state_dict().keys()
            assert all(key.startswith(EXTRA["timm"]) for key in extra)
            assert {"head.weight", "head.bias"} <= extra
            assert ("head_dist.weight" in extra) == ("distilled" in chosen.name)
        load_strictly(network.network, published, chosen.library, chosen.name)


def test_openai_files_build_the_same_keys_as_open_clip(tmp_path):
    """open_clip's own reader of OpenAI's TorchScript files sees what ours sees, on a small CLIP in their layout."""
    torch.manual_seed(0)
    small = open_clip.CLIP(
        64,
        {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16, "head_width": 64},
        {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2},
        quick_gelu=True,
    ).eval()
    state = {**small.state_dict(), **{key: torch.tensor(77) for key in EXTRA["open_clip"]}}
    built = open_clip.model.build_model_from_openai_state_dict(dict(state), cast_dtype=torch.float32)
    mine = open_clip.CLIP(
        64,
        {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16, "head_width": 64},
        {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2},
        quick_gelu=True,
    ).eval()
    save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / "w.safetensors")
    load_strictly(mine, read_state_dict(tmp_path / "w.safetensors"), "open_clip", "w")
    image = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(
            mine.encode_image(image), built.float().encode_image(image), atol=2e-3, rtol=0
        )  # theirs went through fp16


def test_files_that_came_by_hand_are_recorded_or_checked_by_the_hubs_name(cache, tmp_path, monkeypatch):
    file = WeightFile("w.bin", f"http://{server.dead()}/w.bin", "", RECORDED, "MIT", 1)
    tested = replace(DEIT, name="tested", weights=(file,))
    cache.mkdir()
    (cache / "w.bin").write_bytes(DATA)
    resolve(tested)
    assert json.loads((cache / weights.RECORD).read_text()) == {"w.bin": RIGHT}
    blob = tmp_path / "blobs" / RIGHT  # as the hub's client stores it, under its hash, with a link to it
    blob.parent.mkdir()
    blob.write_bytes(DATA)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "w.bin").symlink_to(blob)
    assert resolve(tested, mine).sha256 == RIGHT
    blob.write_bytes(DATA + b"!")
    with pytest.raises(WeightsError, match="not the published file"):
        resolve(tested, mine)
