"""The whole ReCo chain of presets of open_clip and timm, against formulas and on a real archive."""

from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from support import naive_clip
from support.naive_clip import unit
from support.small_networks import CLIPS, PAPERS, quick

from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.errors import ArchiveError
from reco_core.evaluation.authors_code import AuthorsCode, as_authors_code
from reco_core.models.clip_encoder import ClipEncoder
from reco_core.photo_sources.factory import list_photos
from reco_core.photo_sources.source import Files
from reco_core.pipeline import ReCo
from reco_core.presets import CLIP_MEAN, CLIP_STD, IMAGENET_MEAN, IMAGENET_STD
from reco_core.segmentation.background_stats import background_stats
from reco_core.types import PhotoRecord, Retrieved
from reco_core.zeroguidance.discovery import Discoverer
from reco_core.zeroguidance.vocabulary import load_vocabulary, user_words


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
    records = list_photos(photo_folder)[::7]  # three
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


def reseeded(encoder: ClipEncoder) -> SimpleNamespace:
    """The same preset with other weights, as far as an archive can tell."""
    return SimpleNamespace(preset=encoder.preset, hash="0" * 64)
