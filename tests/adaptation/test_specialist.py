"""A specialist's network, its files, and what it says of photos."""

import hashlib
import json
import os
import pickle
import shutil
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import segmentation_models_pytorch as smp
import torch
from PIL import Image
from safetensors.torch import load_file, save, save_file
from support.adapting import COLOURS, NAMES, TINY, made
from support.recorder import Recorder

from reco_core.adaptation import deeplab, specialist
from reco_core.adaptation.deeplab import DeepLab, MiniPyramid, initialise, published_weights
from reco_core.adaptation.recipe import PAPER, QUICK, RECIPES, Recipe, find_recipe
from reco_core.adaptation.specialist import ABOUT, CHECKED, GRAPH, WEIGHTS, Specialist, read_about
from reco_core.errors import OptionError, WeightsError
from reco_core.models.mini_vit import MiniNetwork
from reco_core.utils.paths import bundled_folder

MOBILE = replace(TINY, encoder="mobilenet_v2")


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


# --- the network


@pytest.mark.parametrize("blocks", [12, 9])
def test_minis_backbone_is_mini(reco, blocks):
    """At the size that mini was trained on, its own blocks and norm say the same of each patch."""
    model = DeepLab(replace(TINY, blocks=blocks), 2).eval()
    assert "mini" in initialise(model, replace(TINY, blocks=blocks))
    vit = reco.encoder.network.vit
    photos = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        tokens = reco.encoder.network.embed(photos)
        for block in vit.blocks[:blocks]:
            tokens = block(tokens)
        expected = vit.norm(tokens)[:, 1:].transpose(1, 2).unflatten(2, (14, 14))
        same, _, edges, _, deep = model.encoder(photos)
    assert same is photos and edges.shape == (2, 32, 56, 56)
    torch.testing.assert_close(deep, expected, atol=2e-4, rtol=1e-4)


def test_minis_backbone_at_other_sizes():
    """Positions are stretched, and stay where they are: what changes on the right changes the right most."""
    pyramid = MiniPyramid(2).eval()
    photos = torch.rand(1, 3, 64, 256)
    other = photos.clone()
    other[..., 192:] = 0
    with torch.inference_mode():
        first, second = pyramid(photos)[-1], pyramid(other)[-1]
    assert first.shape == (1, 192, 4, 16)
    change = (first - second).norm(dim=1)[0].mean(0)
    assert change[12:].min() > 2 * change[:12].max()


def test_minis_weights_take_the_place_of_all_but_the_stem():
    """Every tensor of the backbone comes from mini's file; the stem is new."""
    torch.manual_seed(0)
    model = DeepLab(TINY, 2)
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    initialise(model, TINY)
    kept = load_file(
        next(file for file in (bundled_folder() / "assets" / "mini").glob("*.safetensors") if file.stat().st_size > 9e6)
    )
    known = {value.float().numpy().tobytes() for value in kept.values()}
    for name, value in model.encoder.state_dict().items():
        assert (value.numpy().tobytes() in known) != name.startswith("stem."), name
        assert torch.equal(value, before[name]) == name.startswith("stem."), name


@pytest.mark.parametrize("recipe", [TINY, MOBILE, replace(MOBILE, stride=8)], ids=["mini", "mobilenet", "stride 8"])
@pytest.mark.parametrize("size", [(32, 32), (96, 160), (224, 64)])
def test_scores_of_every_pixel(recipe, size):
    model = DeepLab(recipe, 65).eval()
    with torch.inference_mode():
        assert model(torch.rand(2, 3, *size)).shape == (2, 65, *size)


def test_photos_are_normalised_as_the_encoder_is_used_to():
    seen = {}
    for recipe in (TINY, MOBILE):
        model = DeepLab(recipe, 2).eval()
        model.encoder.register_forward_pre_hook(lambda _, args, of=recipe.encoder: seen.update({of: args[0]}))
        with torch.inference_mode():
            model(torch.full((1, 3, 64, 64), 0.25))
    assert (seen["mini"] == -0.5).all()
    expected = [(0.25 - mean) / std for mean, std in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    assert seen["mobilenet_v2"].mean((0, 2, 3)).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("encoder", ["resnet1o1", "", "vgg11", "densenet121", "xception"])
def test_encoders_that_do_not_fit(encoder):
    says = "does not fit DeepLabv3+" if encoder in smp.encoders.encoders else "unknown encoder.*resnet101"
    with pytest.raises(OptionError, match=says.replace("+", r"\+")):
        DeepLab(replace(TINY, encoder=encoder), 2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("batch", 0),
        ("batch", 1),
        ("check", 0),
        ("patience", 0),
        ("stride", 32),
        ("side", 63),
        ("side", 1025),
        ("views", ()),
        ("crop", 32),
        ("crop", 100),
        ("crop", 2048),
        ("unsure", 1.0),
        ("unsure", -0.1),
        ("average", 1.0),
        ("balance", 1.5),
        ("scales", (2.0, 1.0)),
        ("scales", (0.0, 1.0)),
        ("scales", (1.0, 5.0)),
        ("blocks", 0),
        ("blocks", 13),
    ],
)
def test_recipes_that_cannot_be(field, value):
    with pytest.raises(OptionError, match=f"this {field}. Given"):
        replace(TINY, **{field: value})


def test_recipes_by_name():
    assert (find_recipe("quick"), find_recipe("paper")) == (QUICK, PAPER) == tuple(RECIPES.values())
    with pytest.raises(OptionError, match=r"unknown recipe.*Did you mean .quick"):
        find_recipe("quik")
    plain = json.loads(json.dumps(asdict(PAPER)))
    assert Recipe(**{n: tuple(v) if isinstance(v, list) else v for n, v in plain.items()}) == PAPER
    assert (PAPER.encoder, PAPER.stride, PAPER.steps, PAPER.batch) == ("resnet101", 8, 20_000, 8)
    assert len(fields(Recipe)) == len(plain)


def test_two_crops_are_the_least_that_can_be_learned_from():
    """Batch normalisation of a pooled map would have one value per channel; two are enough."""
    model = DeepLab(TINY, 2).train()
    with pytest.raises(ValueError, match="more than 1 value"):
        model(torch.rand(1, 3, 64, 64))
    assert model(torch.rand(2, 3, 64, 64)).isfinite().all()


# --- published weights


@pytest.fixture
def hub(web, hurry, tmp_path, monkeypatch):
    """A hub on loopback that has nothing yet, and an empty cache."""
    from huggingface_hub import constants

    monkeypatch.setenv("RECO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", web.url(""))
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", web.url("/{repo_id}/resolve/{revision}/{filename}"))
    return web


def path_of(encoder: str) -> str:
    """Where a hub has an encoder's weights."""
    where = smp.encoders.encoders[encoder]["pretrained_settings"]["imagenet"]
    return f"/{where['repo_id']}/resolve/{where['revision']}/model.safetensors"


def test_published_weights_are_fetched_once_and_loaded_exactly(hub):
    torch.manual_seed(1)
    theirs = smp.encoders.get_encoder("mobilenet_v2", weights=None).state_dict()
    hub.files[path_of("mobilenet_v2")] = save({name: torch.rand_like(v.float()) for name, v in theirs.items()})
    sent = load_file_of(hub.files[path_of("mobilenet_v2")])
    for _ in range(2):
        model, control = DeepLab(MOBILE, 2), Recorder()
        assert initialise(model, MOBILE, control=control) == "smp-hub/mobilenet_v2.imagenet, from the hub"
        for name, value in model.encoder.state_dict().items():
            assert torch.equal(value.float(), sent[name].to(value.dtype).float()), name
    assert len(hub.asked[path_of("mobilenet_v2")]) == 1 and not control.reports


def load_file_of(data: bytes) -> dict[str, torch.Tensor]:
    from safetensors.torch import load

    return load(data)


def test_weights_that_do_not_fit_or_are_not_there(hub):
    hub.files[path_of("resnet18")] = save({"layer1.0.conv1.weight": torch.zeros(3, 3)})
    with pytest.raises(WeightsError, match="do not fit the network"):
        initialise(DeepLab(replace(TINY, encoder="resnet18"), 2), replace(TINY, encoder="resnet18"))
    with pytest.raises(WeightsError, match=r"could not be fetched.*preset mini"):
        initialise(DeepLab(MOBILE, 2), MOBILE)
    with pytest.raises(WeightsError, match="not on this machine"):
        initialise(DeepLab(MOBILE, 2), MOBILE, fetch=False)
    with pytest.raises(WeightsError, match="nobody publishes"):
        published_weights("dpn92")


# --- a specialist


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
        '{"format": 1}',
        b"\xff\xfe\x00",
        '{"format": [1]}',
        '{"format": 1, "names": ["cat"], "recipe": [], "files": {}}',
        '{"format": 1, "names": 3, "recipe": {}}',
        '{"format": 1, "names": [], "recipe": {}}',
        '{"format": 1, "names": [3], "recipe": {}}',
        '{"format": 1, "names": ["cat"], "recipe": {"name": "x"}, "files": {}}',
        '{"format": 1, "names": ["cat"], "recipe": {"name": "x", "summary": "", "side": 5}, "files": {}}',
        '{"format": 1, "names": ["cat"], "recipe": {"name": "x", "summary": "", "side": "5"}, "files": {}}',
        '{"format": 1, "names": ["cat"], "recipe": {"name": "x", "summary": "", "new": 5}, "files": {}}',
        '{"format": 1, "names": ["cat"], "recipe": {"name": "x", "summary": ""}, "files": ["a"]}',
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
