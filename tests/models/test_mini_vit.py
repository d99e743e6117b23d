"""The bundled network, against plain formulas and for what it must know."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reco_core.errors import OptionError, WeightsError
from reco_core.models import weights
from reco_core.models.encoders import choose_device
from reco_core.models.mini_encoder import MiniEncoder
from reco_core.models.mini_vit import EVENED, KEY_BLOCK, NAME_BIAS, USUAL, MiniNetwork, Spoken, conse, inside
from reco_core.presets import MINI, MINI_NETWORK
from reco_core.utils.paths import bundled_folder
from reco_core.utils.tensors import to_tensor


def layer_norm(x, weight, bias):
    mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, correction=0)
    return (x - mean) / (var + 1e-6).sqrt() * weight + bias


def naive_forward(
    state: dict, image: torch.Tensor, seen: torch.Tensor | None = None
) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
    """A vision transformer written out for one 224 x 224 photo, in the order of the formulas.

    seen: (196,), by how much each patch counts as a key.
    """
    counts = torch.ones(197) if seen is None else torch.cat([torch.ones(1), seen])
    w = {name.removeprefix("vit."): value.double() for name, value in state.items()}
    patches = image.double().unfold(1, 16, 16).unfold(2, 16, 16).permute(1, 2, 0, 3, 4).reshape(196, 768)
    tokens = patches @ w["patch_embed.proj.weight"].reshape(192, 768).T + w["patch_embed.proj.bias"]
    tokens = torch.cat([w["cls_token"][0], tokens]) + w["pos_embed"][0]

    def mlp(x, b):
        inner = (
            layer_norm(x, w[b + "norm2.weight"], w[b + "norm2.bias"]) @ w[b + "mlp.fc1.weight"].T
            + w[b + "mlp.fc1.bias"]
        )
        inner = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
        return inner @ w[b + "mlp.fc2.weight"].T + w[b + "mlp.fc2.bias"]

    for block in range(12):
        b = f"blocks.{block}."
        x = layer_norm(tokens, w[b + "norm1.weight"], w[b + "norm1.bias"])
        q, k, v = (x @ w[b + "attn.qkv.weight"].T + w[b + "attn.qkv.bias"]).split(192, dim=-1)
        if block == KEY_BLOCK:
            keys = k[1:]
        before = tokens
        heads = []
        for h in range(3):
            part = slice(64 * h, 64 * h + 64)
            rows = torch.softmax(q[:, part] @ k[:, part].T / 8, dim=-1) * counts.double()
            heads.append(rows / rows.sum(-1, keepdim=True) @ v[:, part])
        project = lambda y, b=b: y @ w[b + "attn.proj.weight"].T + w[b + "attn.proj.bias"]  # noqa: E731
        tokens = tokens + project(torch.cat(heads, -1))
        tokens = tokens + mlp(tokens, b)
        values = before + project(v)
        values = values + mlp(values, b)

    def said(x, words):
        x = layer_norm(x, w["norm.weight"], w["norm.bias"])
        none = torch.zeros(0, 192).double()
        rows = (
            (w["head.weight"], w["head.bias"]),
            (w.get(f"{words}.weight", none), w.get(f"{words}.bias", none[:, 0])),
        )
        names, words = (x @ weight.T + bias for weight, bias in rows)
        return names, words - EVENED * (w.get("word_prior", none[:, 0]) - USUAL)

    return said(tokens[0], "photo_words"), said(values[1:], "patch_words"), keys


def test_forward_equals_the_formulas(reco):
    image = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(0))
    network = reco.encoder.network
    with torch.inference_mode():
        out = network(image[None])
    (names, words), (patch_names, patch_words), keys = naive_forward(network.state_dict(), image)
    for ours, theirs in [
        (out.photo.names[0], names),
        (out.photo.words[0], words),
        (out.patches.names[0].flatten(0, 1), patch_names),
        (out.patches.words[0].flatten(0, 1), patch_words),
        (out.keys[0].flatten(0, 1), keys),
    ]:
        torch.testing.assert_close(ours.double(), theirs, atol=2e-3, rtol=1e-3)


def shown(cat: np.ndarray, side: int = 224) -> torch.Tensor:
    return to_tensor(cat, (side, side), MINI_NETWORK.mean, MINI_NETWORK.std)[None]


@pytest.mark.parametrize("side", [64, 224])
@torch.inference_mode()
def test_a_look_at_everything_is_the_networks_own(reco, cat, side):
    image = shown(cat, side)
    said = reco.encoder.network.look(image, torch.ones(1, (side // 16) ** 2))
    for ours, whole in zip(said, reco.encoder.network(image).photo, strict=True):
        torch.testing.assert_close(ours, whole, atol=1e-3, rtol=1e-4)


@torch.inference_mode()
def test_a_look_at_parts_equals_the_formulas(reco, cat):
    network, image = reco.encoder.network, shown(cat)
    seen = torch.rand(2, 196, generator=torch.Generator().manual_seed(0)).clamp_min(0.1)
    seen[1, :98] = 0.01
    ours = network.look(image.expand(2, -1, -1, -1), seen)
    for names, words, part in zip(*ours, seen, strict=True):
        (naive_names, naive_words), _, _ = naive_forward(network.state_dict(), image[0], part)
        torch.testing.assert_close(names.double(), naive_names, atol=2e-3, rtol=1e-3)
        torch.testing.assert_close(words.double(), naive_words, atol=2e-3, rtol=1e-3)
    assert (ours.names[0] - ours.names[1]).abs().max() > 1


@torch.inference_mode()
def test_what_hardly_counts_hardly_matters(reco, cat):
    """The right half becomes noise: that changes what is said only as far as it is seen."""
    image, seen = shown(cat), torch.ones(1, 14, 14)
    noise = image.clone()
    noise[..., 112:] = torch.randn(1, 3, 224, 112, generator=torch.Generator().manual_seed(1))
    changes = []
    for share in (1.0, 0.1, 1e-6):
        seen[..., 7:] = share
        one, other = (torch.cat(reco.encoder.network.look(x, seen.flatten(1)), 1) for x in (image, noise))
        changes.append((one - other).abs().max().item())
    assert changes[0] > changes[1] > changes[2]
    assert changes[0] > 1
    assert changes[2] < 0.01


@pytest.mark.parametrize("size", [(16, 16), (32, 240), (448, 320)])
def test_any_size(reco, size):
    encoded = reco.encoder.encode(torch.zeros(2, 3, *size))
    assert encoded.language.shape == (2, size[0] // 16, size[1] // 16, 384)
    assert encoded.features.shape == (2, size[0] // 16, size[1] // 16, 192)
    torch.testing.assert_close(encoded.embedding.norm(dim=-1), torch.ones(2))


def test_conse_by_hand():
    """Two names and two words, of which the likelier word counts twice."""
    said = Spoken(torch.tensor([2.0, 1.0]), torch.tensor([-1.0, 3.0]))
    embeddings = F.normalize(torch.randn(4, 5), dim=-1)
    name, word = np.exp(2) / (np.exp(2) + np.exp(1)), 2 * np.exp(3) / (np.exp(3) + np.exp(-1))
    expected = name * embeddings[0] + word * embeddings[3]
    torch.testing.assert_close(conse(said.probability, embeddings, top=2), (expected / expected.norm()).float())


def test_log_odds_by_hand():
    """Even an impossible name has finite ones."""
    said = Spoken(torch.tensor([2.0, 1.0, -90.0]), torch.tensor([-1.0]))
    share = np.exp([2, 1]) / (np.exp(2) + np.exp(1))
    expected = [*(np.log(share / (1 - share)) + NAME_BIAS), np.log(1e-5 / (1 - 1e-5)) + NAME_BIAS, -1.0]
    np.testing.assert_allclose(said.log_odds, expected, atol=1e-4)


def test_batch_does_not_change_results(reco, real_photos):
    photos = list(real_photos.values())
    together, alone = reco.encoder.encode_archive(photos), reco.encoder.encode_archive(photos[2:3])
    torch.testing.assert_close(together.embedding[2:3], alone.embedding, atol=1e-4, rtol=0)


def test_names_of_real_photos(reco, real_photos):
    """Zero-shot: each real photo is nearest to its own name."""
    names = ("cat", "cup of coffee", "person", "rocket", "motorcycle", "tree", "bridge", "pizza")
    texts = reco.encoder.embed_names(names)
    best = [names[int((reco.encoder.encode_photo(p).embedding @ texts.T).argmax())] for p in real_photos.values()]
    assert best[0] == "cat"
    assert best[1] == "cup of coffee"
    assert best[3] == "rocket"
    assert best[4] == "motorcycle"


def test_normalisation_and_margin_are_the_preset_s(reco, monkeypatch):
    seen: list[torch.Tensor] = []
    read = reco.encoder._read
    monkeypatch.setattr(reco.encoder, "_read", lambda images, *how: seen.append(images) or read(images, *how))
    photo = np.full((80, 160, 3), 127, np.uint8)
    photo[:, :80] = 255
    encoded = reco.encoder.encode_photo(photo)
    side, patch = MINI.photo_side, MINI_NETWORK.patch
    assert encoded.features.shape[1:3] == (side // patch, 2 * side // patch)
    (images,) = seen
    assert images.shape[2:] == (side + 2 * patch, 2 * side + 2 * patch)
    assert images[..., -20:].mean().item() == pytest.approx((127 / 255 - 0.5) / 0.5, abs=1e-3)
    assert images[..., :20].mean().item() == pytest.approx(1.0, abs=1e-3)


def test_missing_and_wrong_weights(tmp_path):
    with pytest.raises(WeightsError, match="missing"):
        MiniEncoder.load(MINI, folder=tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not safetensors at all")
    with pytest.raises(WeightsError, match="cannot be read"):
        MiniEncoder.load(MINI, folder=tmp_path / "bad.safetensors")
    with pytest.raises(WeightsError, match="do not fit"):
        wrong = weights.read_state_dict(bundled_folder() / MINI.vocabulary.file)
        weights.load_strictly(MiniNetwork(), wrong, "mini", "names")


def test_bundled_files_match_their_hashes():
    for file in (*MINI_NETWORK.weights, MINI.vocabulary):
        assert len(file.sha256) == 64
        assert weights.verify(bundled_folder() / file.file, file.sha256) == file.sha256
    with pytest.raises(WeightsError, match="not the published file"):
        weights.verify(bundled_folder() / MINI.vocabulary.file, "0" * 64)


def test_device():
    assert choose_device("cpu") == "cpu"
    with pytest.raises(OptionError, match='Try "cpu"'):
        choose_device("abacus")


def test_a_margin_is_left_out_and_corners_are_their_neighbours():
    maps = torch.arange(2 * 6 * 7, dtype=torch.float32).view(2, 6, 7, 1)
    kept = inside(maps, 1)
    assert kept.shape == (2, 4, 5, 1)
    expected = maps[:, 1:-1, 1:-1].clone()
    expected[:, [0, 0, -1, -1], [0, -1, 0, -1]] = expected[:, [1, 1, -2, -2], [1, -2, 1, -2]]
    assert torch.equal(kept, expected) and not torch.equal(kept, maps[:, 1:-1, 1:-1])
    assert inside(maps, 0) is maps


@torch.inference_mode()
def test_half_precision_says_nearly_the_same(reco, real_photos):
    """In every photo: what is said, of the photo and of its parts, and the features."""
    half = MiniEncoder.load(MINI, precision=torch.bfloat16)
    assert half.network.vit.blocks[0].mlp.fc1.weight.dtype == torch.bfloat16
    for photo in real_photos.values():
        ours, exact = half.encode_photo(photo), reco.encoder.encode_photo(photo)
        for found, wanted, least in [
            (ours.embedding, exact.embedding, 0.99),
            (ours.language, exact.language, 0.999),
            (ours.features, exact.features, 0.999),
        ]:
            assert found.dtype == torch.float32
            cosines = (found * wanted).sum(-1)
            assert not torch.equal(found, wanted) and cosines.median() > least and cosines.min() > 0.8
    image, seen = shown(real_photos["cat"]), torch.rand(1, 196).clamp_min(0.1)
    ours, exact = (encoder.network.look(image, seen) for encoder in (half, reco.encoder))
    assert (ours.names.softmax(-1) - exact.names.softmax(-1)).abs().max() < 0.05
