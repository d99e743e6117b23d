"""Which photos count as one: by their shapes and colours; and that the larger one is kept."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reco_core.archives.archive import Archive
from reco_core.archives.near_duplicates import NearDuplicates, alike, colours, perceptual_hash
from reco_core.archives.writer import Options, write_archive
from reco_core.photo_sources.factory import open_source


def shirt(colour: tuple[int, int, int]) -> Image.Image:
    """A shirt's cut on white."""
    picture = np.full((240, 240, 3), 250, np.uint8)
    picture[70:220, 70:170] = picture[60:110, 40:200] = colour
    return Image.fromarray(picture)


RED, BLUE = (200, 40, 40), (40, 77, 200)  # of much the same brightness


def build(folder: Path, reco, **options) -> Archive:
    out = folder.parent / f"archive{len(options)}"
    write_archive(out, open_source(folder), reco.encoder, Options("compact", **options))
    return Archive(out)


@pytest.fixture
def shop(real_photos, tmp_path) -> Path:
    """Shirts of one cut, and a cat in three sizes of which the second by name is the largest."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shirt(RED).save(folder / "red.png")
    shirt(BLUE).save(folder / "blue.png")
    cat = Image.fromarray(real_photos["cat"])
    for name, share in (("cat_a", 0.6), ("cat_b", 1), ("cat_c", 0.8)):
        cat.resize((round(cat.width * share), round(cat.height * share))).save(folder / f"{name}.jpg")
    return folder


def test_the_larger_photo_is_kept_and_colours_count(shop, reco):
    archive = build(shop, reco, thumbnails="all")
    assert [record.file for record in archive.records] == ["blue.png", "cat_b.jpg", "red.png"]
    part = archive.parts[0]
    assert part.entry.left_out == {"near-duplicate": 2}
    assert "cat_a.jpg\tnear-duplicate" in (archive.folder / part.entry.files["left_out"]).read_text()
    alone = reco.encoder.encode_archive([np.asarray(Image.open(shop / "cat_b.jpg"))])
    assert (archive.embeddings(np.array([1])) @ alone.embedding[0]).item() > 0.99, "what is stored is its own"
    assert (archive.features(np.array([1]))[0] * alone.features[0].flatten(0, 1)).sum(-1).mean() > 0.9
    assert all(archive.thumbnail(row) for row in range(3))


def test_near_duplicates_that_are_wanted(shop, reco):
    assert len(build(shop, reco, thumbnails="none", duplicates=True)) == 5


def test_colours(real_photos):
    red, blue = (np.asarray(shirt(colour)) for colour in (RED, BLUE))
    assert perceptual_hash(blue) in NearDuplicates([perceptual_hash(red)]), "only their colours tell them apart"
    assert not alike(colours(red), colours(blue))
    for photo in real_photos.values():
        smaller = np.asarray(Image.fromarray(photo).resize((photo.shape[1] // 2, photo.shape[0] // 2)))
        assert alike(colours(photo), colours(smaller))
        assert perceptual_hash(smaller) in NearDuplicates([perceptual_hash(photo)])


def test_places_of_what_is_alike():
    seen = NearDuplicates([0b1111, 2**63, 0b111])
    assert seen.like(0b1111) == [0, 2] and len(seen) == 3
    assert NearDuplicates().like(1) == []
