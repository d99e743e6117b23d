"""Encoders of open_clip and timm: the whole ReCo chain against formulas, sizes, normalisation, sharing, windows."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from support import naive_clip
from support.naive_clip import unit
from support.small_networks import SMALL_CLIP, SMALL_PAPER

from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.errors import ArchiveError, OptionError, WeightsError
from reco_core.evaluation.authors_code import AuthorsCode, as_authors_code, feed_as_authors
from reco_core.models import clip_encoder, encoders
from reco_core.models.clip_encoder import ClipEncoder
from reco_core.models.encoders import choose_device, choose_precision, load_encoder
from reco_core.models.prompts import expand
from reco_core.photo_sources.factory import list_photos
from reco_core.photo_sources.source import Files
from reco_core.pipeline import ReCo
from reco_core.presets import CLIP, CLIP_MEAN, CLIP_STD, IMAGENET_MEAN, IMAGENET_STD, PAPER, PRESETS, Preset
from reco_core.segmentation.background_stats import background_stats
from reco_core.types import PhotoRecord, Retrieved
from reco_core.utils.images import to_tensor
from reco_core.utils.paths import bundled_folder
from reco_core.zeroguidance.discovery import Discoverer
from reco_core.zeroguidance.vocabulary import load_vocabulary, user_words


def quick(preset: Preset) -> Preset:
    """With the templates that are not ImageNet's: 80 sentences a name take their time."""
    return replace(preset, templates=preset.templates[1:])


REAL = (pytest.mark.slow, pytest.mark.xdist_group("networks"))  # one process has memory enough for them
PAPERS = (pytest.param(SMALL_PAPER, id="small paper"), pytest.param(PAPER, id="paper", marks=REAL))
CLIPS = (pytest.param(SMALL_CLIP, id="small clip"), pytest.param(CLIP, id="clip", marks=REAL))


@pytest.fixture(scope="module", params=PAPERS)
def paper(request, random_networks) -> ClipEncoder:
    return ClipEncoder.build(quick(request.param), random_networks(request.param), "cpu", torch.float32)


@pytest.fixture(scope="module", params=CLIPS)
def clip(request, random_networks) -> ClipEncoder:
    return ClipEncoder.build(request.param, random_networks(request.param), "cpu", torch.float32)


class ExactArchive:
    """An archive in memory that compresses nothing."""

    def __init__(self, encoder: ClipEncoder, photos: list[np.ndarray], folder) -> None:
        self.folder, self.encoded = folder, encoder.encode_archive(photos)
        self.grid, self.language_grid = self.encoded.features.shape[1:3], self.encoded.language.shape[1:3]
        self.records = [PhotoRecord.of({"file": str(i)}) for i in range(len(photos))]
        self.stats = {
            "photos": background_stats(self.encoded.embedding),
            "positions": background_stats(self.encoded.language.flatten(0, 2)),
        }

    manifest = SimpleNamespace(shared={})

    def __len__(self) -> int:
        return len(self.records)

    def check_model(self, preset: str, fingerprint: str) -> None:
        pass

    def search(self, query, k, exclude=frozenset()) -> Retrieved:
        found = self.encoded.embedding if self.encoded.retrieval is None else self.encoded.retrieval
        best = (found @ query).topk(k)
        return Retrieved(best.indices.numpy(), best.values.numpy())

    def features(self, rows):
        return self.encoded.features[torch.as_tensor(rows)].flatten(1, 2)

    def language(self, rows):
        return self.encoded.language[torch.as_tensor(rows)].flatten(1, 2)


def image(photo: np.ndarray, size: tuple[int, int], mean, std) -> torch.Tensor:
    """Resized and normalised, channel by channel."""
    small = np.asarray(Image.fromarray(photo).resize((size[1], size[0]), Image.Resampling.BICUBIC)) / 255.0
    planes = [(small[..., c] - mean[c]) / std[c] for c in range(3)]
    return torch.from_numpy(np.stack(planes)).float()


def square(photo: np.ndarray) -> np.ndarray:
    height, width = photo.shape[:2]
    side = min(height, width)
    return photo[(height - side) // 2 :, (width - side) // 2 :][:side, :side]


def resized(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(h, w, C) -> (*size, C), bilinear."""
    return F.interpolate(maps.permute(2, 0, 1)[None], size, mode="bilinear")[0].permute(1, 2, 0)


@torch.inference_mode()
def test_the_papers_whole_chain_equals_the_formulas(paper, real_photos, tmp_path):
    photos = [real_photos[name] for name in ("cat", "coffee", "rocket", "motorcycle")]
    reco = ReCo(paper, ExactArchive(paper, photos, tmp_path))
    references = reco.prepare(["cat", "tree"], k=3, background=("sky",), context=("sky", "tree"))
    result = reco.segment(real_photos["astronaut"], references)

    networks = paper.networks
    rn = networks.language.network.visual

    def text(network, word):
        tokens = open_clip.get_tokenizer("RN50x16")(
            [template.replace("{}", word) for template in paper.preset.templates]
        )
        return unit(unit(network.encode_text(tokens)).mean(0))

    def features_of(pixels):
        tokens = networks.features.network.forward_features(pixels[None])[0, 2:]  # class and distillation tokens
        return unit(tokens).view(pixels.shape[1] // 16, pixels.shape[2] // 16, -1)

    crops = [square(photo) for photo in photos]
    searched = torch.cat(
        [unit(networks.retrieval.network.encode_image(image(c, (336, 336), CLIP_MEAN, CLIP_STD)[None])) for c in crops]
    )
    features = torch.stack([features_of(image(c, (224, 224), IMAGENET_MEAN, IMAGENET_STD)) for c in crops])
    language = [
        naive_clip.resnet(image(c, (224, 224), CLIP_MEAN, CLIP_STD), rn.state_dict(), rn.attnpool.num_heads)[1]
        for c in crops
    ]
    spoken = torch.stack([unit(resized(unit(maps), (14, 14))) for maps in language])

    def learn(word, context):
        rows = (searched @ text(networks.retrieval.network, word)).argsort(descending=True)[:3]
        vector = naive_clip.reference(
            features[rows].flatten(1, 2), spoken[rows].flatten(1, 2), text(networks.language.network, word), context
        )
        return rows.tolist(), vector

    expected = {"sky": learn("sky", [])}
    expected["tree"] = learn("tree", [expected["sky"][1]])
    expected["cat"] = learn("cat", [expected["sky"][1], expected["tree"][1]])
    everything = (*references.concepts, *references.background)
    for concept in everything:
        rows, vector = expected[concept.name]
        assert [e.row for e in concept.exemplars] == rows
        torch.testing.assert_close(concept.reference, vector, atol=1e-4, rtol=0)

    theirs = as_authors_code(reco, AuthorsCode(guidance_resized=True))
    (cat,) = theirs.prepare(["cat"], k=3, background=(), context=()).concepts
    rows = torch.tensor([e.row for e in cat.exemplars])
    guided = torch.stack([torch.sigmoid(10 * unit(maps) @ cat.text) for maps in language])
    guided = torch.stack([resized(g[..., None], (14, 14))[..., 0] for g in guided]).flatten(1)[rows]
    support = [
        torch.stack(
            [(features[i].flatten(0, 1) @ features[j].flatten(0, 1).T * guided[n]).amax(1) for n, j in enumerate(rows)]
        ).mean(0)
        for i in rows
    ]
    seeds = [features[i].flatten(0, 1)[s.argmax()] for i, s in zip(rows, support, strict=True)]
    torch.testing.assert_close(cat.reference, unit(torch.stack(seeds).mean(0)), atol=1e-4, rtol=0)

    photo = real_photos["astronaut"]
    size = photo.shape[:2]
    dense = features_of(image(photo, (320, 320), IMAGENET_MEAN, IMAGENET_STD))
    said = unit(
        naive_clip.resnet(image(photo, (320, 320), CLIP_MEAN, CLIP_STD), rn.state_dict(), rn.attnpool.num_heads)[1]
    )
    maps = []
    for concept in everything:
        looks = torch.sigmoid(dense @ expected[concept.name][1])
        speaks = torch.sigmoid(10 * said @ text(networks.language.network, concept.name))
        maps.append(resized(looks[..., None], size)[..., 0] * resized(speaks[..., None], size)[..., 0])
    scores = torch.stack([maps[2], maps[0], maps[1]])  # the background comes first
    np.testing.assert_allclose(result.scores, scores, atol=1e-4)
    assert (result.labels == scores.argmax(0).numpy()).mean() > 0.999


@pytest.mark.parametrize("preset", [*PAPERS, *CLIPS])
def test_every_method_runs_on_a_real_archive(preset, random_networks, photo_folder, real_photos, tmp_path, monkeypatch):
    encoder = ClipEncoder.build(quick(preset), random_networks(preset), "cpu", torch.float32)
    records = list_photos(photo_folder)[::4]
    write_archive(tmp_path / "a", Files("", [(record, photo_folder / record.file) for record in records]), encoder)
    archive = Archive(tmp_path / "a")
    exact = encoder.encode_archive([np.asarray(Image.open(photo_folder / record.file)) for record in records])
    rows = np.arange(len(archive))
    for stored, true in ((archive.features(rows), exact.features), (archive.language(rows), exact.language)):
        assert (stored * true.flatten(1, 2)).sum(-1).mean() > 0.99
    searched = exact.embedding if exact.retrieval is None else exact.retrieval
    assert (archive.embeddings() * searched).sum(-1).min() > 0.99
    reco = ReCo(encoder, archive)
    reco.store(("sky",))
    again = ReCo(encoder, Archive(tmp_path / "a"))
    assert again.concepts.stored
    for method in ("reco", "reco2", "denseclip", "reco2_crf"):
        references = again.prepare(["cat", "coffee cup"], k=3, method=method, background=("sky",))
        result = again.segment(real_photos["cat"], references, method=method)
        assert result.labels.shape == real_photos["cat"].shape[:2]
        assert np.isfinite(result.scores).all()
    if preset.name == "clip":
        monkeypatch.setenv("RECO_CACHE", str(tmp_path / "cache"))
        words = load_vocabulary(encoder, user_words(["cat", "coffee cup", "kettle"]))
        found = Discoverer(again, words, ("sky",)).discover(real_photos["cat"], 4)
        assert found.labels.shape == real_photos["cat"].shape[:2]
        assert set(np.unique(found.labels)) == set(range(1, len(found.segments) + 1))
        assert found.embeddings.shape[1] == words.embeddings.shape[1] == exact.embedding.shape[1]
    with pytest.raises(ArchiveError, match="made by another model"):
        ReCo(reseeded(encoder), archive)


def test_templates_are_open_clips_80_and_the_papers_5():
    templates = expand(PAPER.templates)
    assert len(set(templates)) == 85
    assert templates[0] == "a bad photo of a {}."
    assert templates[80:] == PAPER.templates[1:]
    assert all(template.count("{}") == 1 for template in templates)


def reseeded(encoder: ClipEncoder) -> SimpleNamespace:
    """The same preset with other weights, as far as an archive can tell."""
    return SimpleNamespace(preset=encoder.preset, hash="0" * 64)


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
    torch.testing.assert_close(encoded.language[0], unit(language), atol=1e-4, rtol=0)
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


def test_precision_by_name():
    assert choose_precision(None, "cpu") == torch.float32
    assert choose_precision("bfloat16", "cpu") == torch.bfloat16
    with pytest.raises(OptionError, match="float32, bfloat16, float16"):
        choose_precision("int3", "cpu")
    with pytest.raises(OptionError, match="mini runs in float32 only"):
        load_encoder(PRESETS["mini"], "cpu", precision="bfloat16")


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
