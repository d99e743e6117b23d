"""Encoders of open_clip and timm: language maps against formulas, sizes, normalisation, sharing, windows."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from support import naive_clip
from support.naive_clip import unit

from reco_core.evaluation.authors_code import AuthorsCode, feed_as_authors
from reco_core.models import clip_encoder
from reco_core.models.clip_encoder import ClipEncoder
from reco_core.models.prompts import expand
from reco_core.presets import CLIP, CLIP_MEAN, CLIP_STD, IMAGENET_MEAN, IMAGENET_STD, PAPER
from reco_core.utils.tensors import to_tensor


def image(photo: np.ndarray, size: tuple[int, int], mean, std) -> torch.Tensor:
    """Resized and normalised, channel by channel."""
    small = np.asarray(Image.fromarray(photo).resize((size[1], size[0]), Image.Resampling.BICUBIC)) / 255.0
    planes = [(small[..., c] - mean[c]) / std[c] for c in range(3)]
    return torch.from_numpy(np.stack(planes)).float()


def test_templates_are_open_clips_80_and_the_papers_5():
    templates = expand(PAPER.templates)
    assert len(set(templates)) == 85
    assert templates[0] == "a bad photo of a {}."
    assert templates[80:] == PAPER.templates[1:]
    assert all(template.count("{}") == 1 for template in templates)


@torch.inference_mode()
def test_preset_clips_language_map_is_proxyclips(clip, real_photos):
    """DINOv2's features lead CLIP's values, on DINOv2's grid, as ProxyCLIP's formulas say."""
    photo = real_photos["rocket"]  # 427 x 640: 21 x 31 positions of CLIP, 24 x 36 of DINOv2
    networks = clip.networks
    for_features, for_language = (336, 504), (336, 496)
    tokens = networks.features.network.forward_features(image(photo, for_features, IMAGENET_MEAN, IMAGENET_STD)[None])
    features = unit(tokens[0, 5:])  # a class and four register tokens
    cosines = features @ features.T
    gain, shift = 3.0, 1.2  # the paper's
    logits = gain * (cosines - shift * cosines.mean())
    undecided = (logits.abs() < 1e-5).any(-1)  # rounding alone says whether such a neighbour counts
    assert undecided.float().mean() < 0.02
    for i in range(len(logits)):
        for j in (logits[i] <= 0).nonzero().flatten().tolist():
            if i != j:
                logits[i, j] = -torch.inf
    affinity = logits.exp() / logits.exp().sum(-1, keepdim=True)
    visual = networks.language.network.visual
    seen, heads = image(photo, for_language, CLIP_MEAN, CLIP_STD), visual.transformer.resblocks[0].attn.num_heads
    embedding, language = naive_clip.vit(seen, visual.state_dict(), heads, 16, "proxyclip", affinity, (24, 36))
    encoded = clip.encode_photo(photo)
    torch.testing.assert_close(encoded.features[0].flatten(0, 1), features, atol=1e-4, rtol=0)
    seen_alike = encoded.language[0].flatten(0, 1)[~undecided], unit(language).flatten(0, 1)[~undecided]
    torch.testing.assert_close(*seen_alike, atol=1e-4, rtol=0)
    torch.testing.assert_close(encoded.embedding[0], unit(embedding), atol=1e-4, rtol=0)


def test_each_model_is_fed_its_own_normalisation(paper, monkeypatch):
    seen: dict[str, torch.Tensor] = {}
    networks = paper.networks
    for role, method in (("retrieval", "embed"), ("language", "dense")):
        real = getattr(getattr(networks, role), method)
        monkeypatch.setattr(
            getattr(networks, role), method, lambda x, *a, real=real, role=role: seen.update({role: x}) or real(x, *a)
        )
    forward = networks.features.network.forward_intermediates
    monkeypatch.setattr(
        networks.features.network, "forward_intermediates", lambda x, **kw: seen.update(features=x) or forward(x, **kw)
    )
    grey = np.full((90, 120, 3), 127, np.uint8)

    def colour(role: str) -> list[float]:
        return seen[role][0, :, 5, 5].tolist()

    def of(mean, std) -> list[float]:
        return [pytest.approx((127 / 255 - m) / s, abs=1e-5) for m, s in zip(mean, std, strict=True)]

    paper.encode_archive([grey])
    assert (seen["retrieval"].shape[2:], seen["language"].shape[2:], seen["features"].shape[2:]) == (
        (336, 336),
        (224, 224),
        (224, 224),
    )
    assert colour("retrieval") == colour("language") == of(CLIP_MEAN, CLIP_STD)
    assert colour("features") == of(IMAGENET_MEAN, IMAGENET_STD)
    seen.clear()
    encoded = paper.encode_photo(grey)
    assert "retrieval" not in seen  # two networks look at a user's photo, as in the paper
    assert encoded.language.shape[1:3] == (10, 13)  # 320 x 427 in steps of 32
    assert encoded.features.shape[1:3] == (20, 27)  # and of 16
    feed_as_authors(paper, AuthorsCode(imagenet_mean=True)).encode_photo(grey)
    assert colour("language") == of(IMAGENET_MEAN, IMAGENET_STD)


def test_a_model_of_two_roles_runs_once(clip, monkeypatch):
    runs: list[int] = []
    block = clip.networks.language.network.visual.transformer.resblocks[0]
    handle = block.register_forward_hook(lambda *_: runs.append(1))
    encoded = clip.encode_archive([np.zeros((60, 60, 3), np.uint8)] * 2)
    handle.remove()
    assert runs == [1]
    assert encoded.retrieval is None
    assert encoded.language.shape[:3] == encoded.features.shape[:3] == (2, 16, 16)  # the features' grid: 224 / 14
    assert clip.networks.retrieval is clip.networks.language
    vectors = (encoded.embedding, encoded.language, encoded.features)
    assert all(torch.allclose(v.norm(dim=-1), torch.ones(())) for v in vectors)


def test_windows_see_large_photos_in_parts(clip, real_photos):
    photo = real_photos["astronaut"]
    large = ClipEncoder.build(replace(clip.preset, photo_side=672), clip.networks, "cpu", torch.float32)
    parts: list[tuple[int, ...]] = []
    real = large.encode
    large.encode = lambda a, b: parts.append(tuple(a.shape[2:])) or real(a, b)
    encoded = large.encode_photo(photo)
    assert parts == [(336, 336)] * 9  # three by three: 672 with steps of 224
    assert encoded.features.shape[1:3] == encoded.language.shape[1:3] == (48, 48)
    assert torch.allclose(encoded.language.norm(dim=-1), torch.ones(()), atol=1e-5)
    corner = large.encode(
        *(to_tensor(photo, (672, 672), m.mean, m.std)[None, :, :336, :336] for m in (CLIP.language, CLIP.features))
    )
    torch.testing.assert_close(encoded.features[0, :15, :15], corner.features[0, :15, :15], atol=1e-4, rtol=0)
    whole = to_tensor(photo, (336, 336), CLIP_MEAN, CLIP_STD)[None]  # all of it, at the window's size
    torch.testing.assert_close(encoded.embedding, large.networks.language.embed(whole))


@pytest.mark.parametrize("turned", [False, True])
def test_long_photos_are_read_in_squares(clip, real_photos, turned):
    """Steps that both patches divide; 112 is the least."""
    wide = np.ascontiguousarray(real_photos["coffee"][:100, :400])
    photo = wide.transpose(1, 0, 2) if turned else wide
    encoded = clip.at_side(112).encode_long(photo)
    grid = (32, 8) if turned else (8, 32)  # ProxyCLIP's map is on the features' grid
    assert encoded.language.shape[1:3] == encoded.features.shape[1:3] == grid
    assert len(encoded.views) == 4
    assert torch.allclose(encoded.language.norm(dim=-1), torch.ones(()), atol=1e-5)


def test_half_precision_is_close(clip, real_photos):
    exact = clip.encode_photo(real_photos["cat"])
    fresh = clip_encoder.untrained(clip.preset)
    for part, source in zip(fresh.all, clip.networks.all, strict=True):
        part.network.load_state_dict(source.network.state_dict())
    half = ClipEncoder.build(clip.preset, fresh, "cpu", torch.bfloat16)
    rough = half.encode_photo(real_photos["cat"])
    assert rough.language.dtype == torch.float32
    for name in ("embedding", "language", "features"):
        assert (getattr(exact, name) * getattr(rough, name)).sum(-1).mean() > 0.99, name
    assert (clip.embed_names(("cat",)) * half.embed_names(("cat",))).sum() > 0.99
    assert half.hash != ""
