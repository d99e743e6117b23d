"""Concepts taught from photos: whatever they are called, they are what the photos have in common."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from reco_core.archives.archive import Archive
from reco_core.archives.writer import write_archive
from reco_core.errors import ArchiveError, NamesError
from reco_core.methods import CONTEXT_WORDS, Learning, find_method
from reco_core.photo_sources.factory import open_source
from reco_core.pipeline import ReCo
from reco_core.types import Exemplar, ExemplarMaps, Retrieved


@pytest.fixture(scope="module")
def own(reco, real_photos, tmp_path_factory) -> ReCo:
    """The bundled archive joined with four crops of the motorcycle and one of the cat."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "photos").mkdir()
    motorcycle = real_photos["motorcycle"]
    for i, (top, left) in enumerate(((0, 0), (30, 150), (80, 40), (60, 230))):
        Image.fromarray(motorcycle[top : top + 400, left : left + 480]).save(folder / "photos" / f"{i}.png")
    Image.fromarray(real_photos["cat"]).save(folder / "photos" / "cat.png")
    with open_source(folder / "photos") as source:
        write_archive(folder / "archive", source, reco.encoder)
    return reco.extended(Archive(folder / "archive"))


def rows(reco: ReCo, own: ReCo) -> range:
    return range(len(reco.archive), len(reco.archive) + 4)


def test_a_taught_thing_is_found_by_any_name(reco, own, real_photos):
    taught = own.teach("zorbl", rows(reco, own), method="reco2")
    assert [e.record.file for e in taught.exemplars] == ["0.png", "1.png", "2.png", "3.png"]
    references = own.prepare(["Zorbl"], method="reco2", taught=[taught])
    found = own.segment(real_photos["motorcycle"], references, method="reco2")
    by_name = own.segment(real_photos["motorcycle"], own.prepare(["motorcycle"], method="reco2"), method="reco2")
    here, there = found.labels == 1, by_name.labels == 1
    assert (here & there).sum() / (here | there).sum() > 0.5
    assert found.presence[0] > 0.9
    assert own.segment(real_photos["coffee"], references, method="reco2").presence[0] < 0.5


def test_the_text_is_the_mean_language_at_the_seeds(reco, own):
    """Against the formulas, step by step: what guides the seeds, their argmax, their means."""
    method = find_method("reco")
    taught = own.teach("zorbl", rows(reco, own), method=method)
    archive = own.archive
    features, language = (maps(np.array(rows(reco, own))) for maps in (archive.features, archive.language))
    common = archive.embeddings(np.array(rows(reco, own))).mean(0)
    weights = torch.sigmoid(10 * (language @ (common / common.norm())))
    for word in reco.prepare(list(CONTEXT_WORDS), background=()).concepts:
        weights = weights * (1 - torch.sigmoid(features @ word.reference))
    inside = torch.zeros(14, 14)
    margin = reco.encoder.preset.margin
    inside[margin:-margin, margin:-margin] = 1
    weights = weights * torch.where(inside.flatten() > 0, 1.0, 1e-3)
    similar = torch.einsum("ipc,jqc->ipjq", features, features) * weights
    seeds = similar.amax(3).mean(2).argmax(1)
    picked = torch.arange(4), seeds
    expected = [(int(s) // 14 + 0.5, int(s) % 14 + 0.5) for s in seeds]
    np.testing.assert_allclose([(e.seed[0] * 14, e.seed[1] * 14) for e in taught.exemplars], expected)
    for vector, maps in ((taught.text, language), (taught.reference, features)):
        mean = maps[picked].mean(0)
        torch.testing.assert_close(vector, mean / mean.norm(), atol=1e-5, rtol=1e-4)


def test_what_all_photos_share_in_their_margin_is_no_seed(reco):
    """A corner that is the same in all, as a network's notes are, against a thing that is nearly so inside."""
    learner, k = reco.concepts.learner, 3
    (height, width), language_grid = learner.grid, reco.archive.language_grid
    random = torch.Generator().manual_seed(0)
    features = torch.randn(k, height * width, reco.archive.features(np.array([0])).shape[-1], generator=random)
    features[:, 0] = features[0, 0]
    things = [(5 + i) * width + 6 for i in range(k)]
    for i, place in enumerate(things):
        features[i, place] = features[0, things[0]] + 0.3 * features[i, place]
    maps = ExemplarMaps(
        found=Retrieved(np.arange(k), np.ones(k, np.float32)),
        records=tuple(reco.archive.records[i] for i in range(k)),
        features=F.normalize(features, dim=-1),
        language=F.normalize(torch.randn(k, *language_grid, 384, generator=random), dim=-1),
        embeddings=None,
    )
    taught = learner.teach("zorbl", maps, Learning(language_guidance=False, context_elimination=False), ())
    expected = [(place // width + 0.5, place % width + 0.5) for place in things]
    found = [(e.seed[0] * height, e.seed[1] * width) for e in taught.exemplars]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_five_exemplars_say_whether_the_archive_has_a_thing(reco):
    """Not the best one alone, nor all of them."""

    def known(*similarity: float) -> bool:
        record = reco.archive.records[0]
        return reco.concepts.learner.is_in_archive([Exemplar(0, s, (0.5, 0.5), 1.0, record) for s in similarity])

    least = reco.encoder.preset.in_archive_from
    assert not known(least + 0.3, *[least - 0.2] * 4)
    assert known(*[least + 0.01] * 5, *[0.0] * 15)
    assert known(least + 0.3, *[least - 0.05] * 4)


def test_joining_leaves_the_first_as_it_was(reco, own):
    assert len(own.archive) == len(reco.archive) + 5
    before = reco.prepare(["motorcycle"], k=40).concepts[0]
    with_own = own.prepare(["motorcycle"], k=40).concepts[0]
    assert {"0.png", "1.png"} & {e.record.file for e in with_own.exemplars}
    assert not {"0.png", "1.png"} & {e.record.file for e in before.exemplars}
    assert reco.prepare(["motorcycle"], k=40).concepts[0].exemplars == before.exemplars
    for a, b in zip(reco.prepare(["cat"]).background, own.prepare(["cat"]).background, strict=True):
        assert a.exemplars == b.exemplars  # what competes does not shift with one user's photos


def test_what_cannot_be_taught(reco, own):
    with pytest.raises(ArchiveError, match=r"nothing to learn from.*a few photos"):
        own.teach("zorbl", [])
    with pytest.raises(NamesError):
        own.teach(" , ", [0, 1])


def test_a_name_that_the_archive_cannot_serve_says_so(reco):
    served = {c.name: c.in_archive for c in reco.prepare(["motorcycle", "Antikythera mechanism", "zorbl"]).concepts}
    assert served == {"motorcycle": True, "Antikythera mechanism": False, "zorbl": False}


def test_photos_of_one_visitor_change_nothing_for_others(reco, own):
    """What is kept of unrelated photos belongs to one archive."""
    alone = ReCo(reco.encoder, reco.archive)
    both = alone.extended(own.archive)
    both.prepare(["teapot"], method="reco2", background=())  # before the first archive was ever asked
    after = alone.prepare(["teapot"], method="reco2", background=()).concepts[0]
    assert after.stats == reco.prepare(["teapot"], method="reco2", background=()).concepts[0].stats
    theirs, others = both.concepts.learner.unrelated(), alone.concepts.learner.unrelated()
    assert theirs.shape == others.shape
    assert not (theirs == others).all()
