"""A specialist: its files, and what it says of photos."""

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from support.adapting import COLOURS, NAMES, TINY, made
from support.server import ROOT

from reco_core.adaptation import deeplab, specialist
from reco_core.adaptation.deeplab import DeepLab
from reco_core.adaptation.specialist import ABOUT, CHECKED, GRAPH, WEIGHTS, Specialist, read_about
from reco_core.errors import OptionError, PhotoError, WeightsError
from reco_core.models.mini_vit import MiniNetwork


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return made(tmp_path_factory.getbasetemp())[0]


@pytest.fixture(scope="module")
def one(folder) -> Specialist:
    return Specialist(folder, "cpu")


@pytest.fixture(scope="module")
def in_torch(folder) -> DeepLab:
    """The network of specialist.safetensors, loaded here."""
    model = DeepLab(TINY, len(NAMES) + 1)
    model.load_state_dict(load_file(folder / WEIGHTS))
    return model.eval()


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def noise(*size: int, seed: int = 0) -> np.ndarray:
    """A photo with large and small things in it."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3)).astype(np.uint8)).resize(size[::-1])
    return np.clip(np.asarray(coarse).astype(int) + rng.integers(-20, 20, (*size, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [*CHECKED, (32, 32), (64, 64), (96, 64), (160, 608), (544, 288)])
def test_onnx_says_what_pytorch_says(folder, in_torch, size):
    session = onnxruntime.InferenceSession(folder / GRAPH, providers=["CPUExecutionProvider"])
    photo = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(sum(size)))
    (scores,) = session.run(None, {"photo": photo.numpy()})
    with torch.inference_mode():
        expected = in_torch(photo).numpy()
    assert scores.shape == (1, len(NAMES) + 1, *size) and scores.dtype == np.float32
    assert np.abs(scores - expected).max() < 1e-3 and expected.std() > 1e-3


def test_what_the_graph_tells_of_itself(folder):
    session = onnxruntime.InferenceSession(folder / GRAPH, providers=["CPUExecutionProvider"])
    assert json.loads(session.get_modelmeta().custom_metadata_map["names"]) == ["background", *NAMES]
    (photo,), (scores,) = session.get_inputs(), session.get_outputs()
    assert (photo.name, scores.name) == ("photo", "scores")
    assert [isinstance(length, str) for length in photo.shape] == [False, False, True, True], "any height and width"
    assert {file.name for file in folder.glob("specialist.*")} == {ABOUT, GRAPH, WEIGHTS}, "no data beside the graph"


def test_the_files_and_their_hashes(folder):
    about = read_about(folder)
    for name in (GRAPH, WEIGHTS):
        assert about["files"][name] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert about["names"] == list(NAMES) and 0 <= about["onnx_difference"] < 1e-3
    assert Specialist(folder, "cpu").recipe == TINY


@pytest.mark.parametrize("size", [(90, 137), (211, 73), (16, 16), (16, 64), (64, 16), (240, 60), (701, 800), (33, 250)])
def test_any_photo_can_be_marked(one, size):
    photo = noise(*size)
    before = photo.copy()
    found = one.segment(photo)
    assert found.labels.shape == size and found.labels.dtype == np.uint8 and found.labels.max() <= len(NAMES)
    assert found.names == NAMES and len(found.presence) == len(NAMES)
    assert all(0 <= presence <= 1 for presence in found.presence)
    np.testing.assert_allclose(found.scores.sum(0), 1, atol=1e-4)
    assert found.scores.dtype == np.float32 and max(found.scores.shape[1:]) <= 640
    if max(size) <= 640:
        np.testing.assert_array_equal(found.scores.argmax(0), found.labels)
    assert found.timings["specialist"] > 0
    np.testing.assert_array_equal(photo, before)


def test_photos_may_come_in_other_forms(one, cat):
    expected = one.segment(cat).labels
    for given in (cat / 255, cat.transpose(2, 0, 1)):
        np.testing.assert_array_equal(one.segment(given).labels, expected)
    for call in (one.segment, one.scores):
        with pytest.raises(PhotoError, match="empty"):
            call(cat[:0])


def test_the_same_photo_is_marked_the_same(one, folder, cat):
    first, again, other = one.segment(cat), one.segment(cat), Specialist(folder, "cpu").segment(cat)
    for found in (again, other):
        np.testing.assert_array_equal(first.labels, found.labels)
        np.testing.assert_allclose(first.presence, found.presence, atol=1e-5)


def test_sizes_of_the_network(one, cat):
    """Short side as in the recipe, multiples of 32."""
    assert one.scores(cat).shape == (len(NAMES) + 1, 64, 96)
    assert one.scores(cat, side=128).shape == (len(NAMES) + 1, 128, 192)
    np.testing.assert_allclose(one.scores(cat).sum(0).numpy(), 1, atol=1e-5)
    assert one.scores(cat[:50, :400]).shape[1:] == (64, 512)  # 8:1, not squeezed


def test_presence_is_the_mean_of_the_best_hundredth(one, cat, monkeypatch):
    """Of some of the positions: a thing that fills a fiftieth is there, one that no one sees is not."""
    said = torch.full((len(NAMES) + 1, 128, 192), 0.02)
    said[1, 16:38, 40:62] = torch.linspace(0.3, 0.9, 22)
    said[2] = torch.linspace(0, 0.5, 192)
    monkeypatch.setattr(one, "scores", lambda photo: said)
    found = one.segment(cat).presence
    best = [np.sort(plane.numpy().ravel())[::-1][: 128 * 192 // 100].mean() for plane in said[1:]]
    assert found == pytest.approx(best, abs=0.03) and best[0] > 0.7 and 0.49 < best[1] < 0.5
    assert found[2] == pytest.approx(0.02)


def test_probabilities_are_those_of_the_network(one, in_torch, cat):
    image = Image.fromarray(cat).resize((96, 64), Image.Resampling.BICUBIC)
    photo = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        logits = in_torch(photo)[0].double().numpy()
    expected = np.exp(logits) / np.exp(logits).sum(0)
    np.testing.assert_allclose(one.scores(cat).numpy(), expected, atol=1e-4)


def test_on_a_device_it_says_the_same(one, folder, cat):
    """Elsewhere than on "cpu" PyTorch reads specialist.safetensors; "cpu:0" is such a place, which every machine
    has.
    """
    other = Specialist(folder, "cpu:0")
    assert other._session is None and other._network is not None and one._network is None
    for photo in (cat, noise(40, 170)):
        np.testing.assert_allclose(other.scores(photo).numpy(), one.scores(photo).numpy(), atol=1e-3)
        assert (other.segment(photo).labels == one.segment(photo).labels).mean() > 0.999


def test_a_network_that_was_exported_wrongly_is_refused(in_torch, tmp_path, monkeypatch):
    monkeypatch.setattr(specialist, "export", lambda network, names, file: file.write_bytes(b"x"))
    monkeypatch.setattr(specialist, "compare", lambda network, file: 0.002)
    with pytest.raises(WeightsError, match=r"differs from the trained one. Given: 2.0e-03. Expected: at most 1e-03"):
        specialist.write(in_torch, TINY, {"names": list(NAMES)}, tmp_path)
    assert not (tmp_path / ABOUT).exists(), "a folder without it is not whole"


def test_comparing_finds_another_network(folder, in_torch):
    assert specialist.compare(in_torch, folder / GRAPH) < 1e-3
    other = DeepLab(TINY, len(NAMES) + 1).eval()
    assert specialist.compare(other, folder / GRAPH) > 1e-2


def test_no_specialist_here(tmp_path):
    for place in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(WeightsError, match=r"there is no specialist here.*specialist.json.*adapt PHOTOS"):
            Specialist(place, "cpu")
    (tmp_path / "file").write_text("x")
    with pytest.raises(WeightsError, match="there is no specialist here"):
        Specialist(tmp_path / "file", "cpu")


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        '"x"',
        "{}",
        '{"format": 99}',
        '{"format": 2}',
        b"\xff\xfe\x00",
        '{"format": [1]}',
        '{"format": 2, "names": ["cat"], "recipe": [], "files": {}}',
        '{"format": 2, "names": 3, "recipe": {}}',
        '{"format": 2, "names": [], "recipe": {}}',
        '{"format": 2, "names": [3], "recipe": {}}',
        '{"format": 2, "names": ["cat"], "recipe": {"name": "x"}, "files": {}}',
        '{"format": 2, "names": ["cat"], "recipe": {"name": "x", "summary": "", "side": 5}, "files": {}}',
        '{"format": 2, "names": ["cat"], "recipe": {"name": "x", "summary": "", "side": "5"}, "files": {}}',
        '{"format": 2, "names": ["cat"], "recipe": {"name": "x", "summary": "", "new": 5}, "files": {}}',
        '{"format": 2, "names": ["cat"], "recipe": {"name": "x", "summary": ""}, "files": ["a"]}',
    ],
)
def test_damaged_and_foreign_descriptions(copy, text, device):
    (copy / ABOUT).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(WeightsError, match=r"damaged or of another version.*Copy it again, or train it again"):
        Specialist(copy, device)


@pytest.mark.parametrize(("file", "device"), [(GRAPH, "cpu"), (WEIGHTS, "cpu:0")])
def test_a_changed_byte_is_found(copy, file, device):
    data = bytearray((copy / file).read_bytes())
    data[-100] ^= 1
    (copy / file).write_bytes(data)
    with pytest.raises(WeightsError, match=f"{file} differs from what specialist.json says"):
        Specialist(copy, device)
    (copy / file).unlink()
    with pytest.raises(WeightsError, match="damaged"):
        Specialist(copy, device)


class Malice:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def vouch(folder: Path) -> None:
    """Let specialist.json say the hashes of the files as they are."""
    about = json.loads((folder / ABOUT).read_text())
    about["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (GRAPH, WEIGHTS)}
    (folder / ABOUT).write_text(json.dumps(about))


@pytest.mark.parametrize(("file", "device"), [(GRAPH, "cpu"), (WEIGHTS, "cpu:0")])
def test_right_hashes_do_not_make_files_safe(copy, tmp_path, file, device):
    for data in (b"", b"not what it should be", pickle.dumps(Malice(tmp_path / "was_here"))):
        (copy / file).write_bytes(data)
        vouch(copy)
        with pytest.raises(WeightsError, match="damaged"):
            Specialist(copy, device)
    assert not (tmp_path / "was_here").exists()


def test_weights_of_another_network(copy):
    save_file(DeepLab(TINY, 9).state_dict(), copy / WEIGHTS)
    vouch(copy)
    with pytest.raises(WeightsError, match=r"(?s)damaged.*size mismatch"):
        Specialist(copy, "cpu:0")


def test_a_device_that_is_not_there(folder):
    with pytest.raises(OptionError, match="device cannot be used"):
        Specialist(folder, "abacus")


def test_colours_are_far_apart():
    """What the tests of training rely on."""
    assert min(np.abs(a.astype(int) - b).sum() for i, a in enumerate(COLOURS) for b in COLOURS[:i]) > 200
    assert deeplab.MULTIPLE == 32 and MiniNetwork().vit.patch_embed.patch_size == (16, 16)


@pytest.mark.slow
def test_the_runtime_tells_nobody_of_it(folder, tmp_path):
    """onnxruntime would report each session to its makers; while it does, it keeps a file among what is temporary."""
    code = "import sys; from reco_core.adaptation.specialist import Specialist; Specialist(sys.argv[1], 'cpu')"
    nobody = "http://127.0.0.1:9"
    environment = {**os.environ, "TMPDIR": str(tmp_path), "https_proxy": nobody, "http_proxy": nobody}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, cwd=ROOT, check=True)
    assert not list(tmp_path.iterdir())
