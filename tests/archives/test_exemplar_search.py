"""Names learned by titles, from photos that are called so; and where titles must change nothing."""

import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from reco_core.archives.archive import Archive
from reco_core.archives.exemplar_search import KNOWN, NamedPhotos
from reco_core.archives.stored_concepts import LearnedGroup, read_concepts, write_concepts
from reco_core.archives.writer import write_archive
from reco_core.methods import CONTEXT_WORDS, METHODS, find_method, with_titles
from reco_core.photo_sources.factory import open_source
from reco_core.pipeline import ReCo
from reco_core.types import Concept, Retrieved

CROPS = ((0, 0), (30, 150), (80, 40), (60, 230))


def learned(reco: ReCo, name: str, method: str = "reco2+titles", **options) -> Concept:
    return reco.prepare([name], method=method, background=(), **options).concepts[0]


def why(concept: Concept) -> Counter[str]:
    return Counter(exemplar.why for exemplar in concept.exemplars)


@pytest.fixture(scope="module")
def with_zorblatts(reco, real_photos, tmp_path_factory) -> ReCo:
    """The bundled archive with four crops of the motorcycle, whose files are called zorblatt, and a cat."""
    folder = tmp_path_factory.mktemp("titled")
    (folder / "photos").mkdir()
    for i, (top, left) in enumerate(CROPS):
        crop = real_photos["motorcycle"][top : top + 400, left : left + 480]
        Image.fromarray(crop).save(folder / "photos" / f"blue_zorblatt-{i}.png")
    Image.fromarray(real_photos["cat"]).save(folder / "photos" / "IMG_0001.png")
    with open_source(folder / "photos") as source:
        write_archive(folder / "archive", source, reco.encoder)
    return reco.extended(Archive(folder / "archive"))


def test_a_made_up_name_is_learned_from_the_photos_that_are_called_so(with_zorblatts, real_photos):
    reco = with_zorblatts
    assert not learned(reco, "zorblatt", "reco2").in_archive
    concept = learned(reco, "Zorblatts")
    assert {e.record.title for e in concept.exemplars} == {"blue zorblatt"}
    assert (why(concept), concept.in_archive) == ({"title": 4}, True)
    references = reco.prepare(["zorblatt"], method="reco2+titles")
    found = reco.segment(real_photos["motorcycle"], references, method="reco2+titles")
    by_name = reco.segment(real_photos["motorcycle"], reco.prepare(["motorcycle"], method="reco2"), method="reco2")
    here, there = found.labels == 1, by_name.labels == 1
    assert (here & there).sum() / (here | there).sum() > 0.5
    assert found.presence[0] > 0.9
    assert reco.segment(real_photos["coffee"], references, method="reco2+titles").presence[0] < 0.5


def test_it_is_learned_as_from_photos_that_were_given(with_zorblatts):
    concept = learned(with_zorblatts, "zorblatt")
    rows = [exemplar.row for exemplar in concept.exemplars]
    taught = with_zorblatts.teach("zorblatt", rows, method="reco2")
    assert torch.equal(concept.text, taught.text) and torch.equal(concept.reference, taught.reference)
    assert concept.stats == taught.stats
    assert [e.seed for e in concept.exemplars] == [e.seed for e in taught.exemplars]
    assert why(taught) == {"given": 4}


def test_a_thing_of_the_archive_that_the_model_does_not_know(reco):
    """mini takes "okapi" for nothing, and "stapler" for other tools."""
    for name, served in (("okapi", False), ("stapler", True)):
        assert learned(reco, name, "reco2").in_archive is served
        concept = learned(reco, name)
        assert {e.record.title for e in concept.exemplars} == {name}
        assert concept.in_archive
        assert float(concept.text @ learned(reco, name, "reco2").text) < 0.9


def test_a_name_that_the_model_knows_keeps_its_text(reco):
    by_name, concept = learned(reco, "cat", "reco2"), learned(reco, "cat")
    assert torch.equal(concept.text, by_name.text)
    assert len(concept.exemplars) == len(by_name.exemplars) == 20
    near = {e.row for e in by_name.exemplars}
    for exemplar in concept.exemplars:
        called = "cat" in exemplar.record.title.lower().split()
        assert exemplar.why == ("both" if called and exemplar.row in near else "title" if called else "looks")


@pytest.mark.parametrize("name", ["person", "wall", "tree", "dog", "car"])
def test_a_word_that_the_model_was_taught_is_not_learned_from_titles_alone(reco, name):
    """The archive's photos that are called so look unlike the word's text: walls are "stone wall"."""
    query = reco.concepts._query(name)
    named = NamedPhotos.find(reco.archive, name, query, 20, reco.concepts.learner.in_archive_from)
    assert named.plain.any()
    assert torch.equal(learned(reco, name).text, learned(reco, name, "reco2").text)


def test_a_name_within_other_names_is_not_learned_from_them(reco):
    """The archive has sea horses, sea lions and a sea urchin, and no photo that is called "sea"."""
    called = reco.archive.called("sea")
    assert len(called.rows) > 10
    assert not called.plain.any()
    assert torch.allclose(learned(reco, "sea").text, learned(reco, "sea", "reco2").text, atol=1e-5)
    assert not any("horse" in e.record.title for e in learned(reco, "sea").exemplars)


def test_two_photos_are_too_few_to_learn_from(with_zorblatts):
    away = frozenset(f"blue_zorblatt-{i}.png" for i in range(2))
    concept = learned(with_zorblatts, "zorblatt", exclude=away)
    assert why(concept) == {"looks": 18, "title": 2}
    assert torch.equal(concept.text, learned(with_zorblatts, "zorblatt", "reco2").text)
    assert not concept.in_archive
    assert not away & {e.record.file for e in concept.exemplars}


def test_without_titles_nothing_changes(reco, photo_folder, tmp_path):
    with open_source(photo_folder, titles="none") as source:
        write_archive(tmp_path / "untitled", source, reco.encoder)
    untitled = ReCo(reco.encoder, Archive(tmp_path / "untitled"))
    for name in ("cat", "rocket"):
        a, b = (learned(untitled, name, method, k=3) for method in ("reco2+titles", "reco2"))
        assert a.exemplars == b.exemplars  # one concept, learned once
        assert a.text is b.text
    assert not len(untitled.archive.called("cat").rows)


def test_no_method_of_the_library_looks_at_titles(reco, monkeypatch):
    """Benchmarks run these: titles are labels in effect."""
    monkeypatch.setattr(Archive, "called", None)
    fresh = ReCo(reco.encoder, reco.archive)
    for name, method in METHODS.items():
        assert not method.learning.titles
        assert why(learned(fresh, "hat", name, k=5)) == {"looks": 5}


def test_the_switch():
    assert with_titles("reco2_crf") == "reco2_crf+titles"
    assert with_titles("reco2-gate+titles") == "reco2-gate+titles"
    assert [with_titles(name) for name in ("reco", "reco_crf", "denseclip")] == ["reco", "reco_crf", "denseclip"]
    assert find_method("reco+titles").learning.changed == ("titles",)
    assert not find_method("reco2+titles-titles").learning.titles


def test_concepts_without_titles_do_not_stand_for_those_with(reco):
    """ "person" is stored with the bundled archive."""
    fresh = ReCo(reco.encoder, reco.archive)
    learning = find_method("reco2").learning
    assert any(key.name == "person" and key.learning == learning.changed for key in fresh.concepts.stored)
    assert len(fresh.archive.called("person").rows)
    assert set(why(learned(fresh, "person"))) & {"both", "title"}
    assert why(learned(fresh, "person", "reco2")) == {"looks": 20}


def test_context_and_background_do_not_go_by_titles(reco, monkeypatch):
    fresh = ReCo(reco.encoder, reco.archive)
    monkeypatch.setattr(fresh.concepts, "stored", {})
    prepared = fresh.prepare(["okapi"], method="reco2+titles", background=("house", "person"))
    assert {exemplar.why for concept in prepared.background for exemplar in concept.exemplars} == {"looks"}
    ways = {key.name: key.learning for key in fresh.concepts._learned._values}
    assert "titles" in ways["okapi"]
    assert not any("titles" in ways[word] for word in CONTEXT_WORDS)


def test_why_is_stored_and_read(with_zorblatts, reco, photo_folder, tmp_path):
    folder = shutil.copytree(with_zorblatts.archive.parts[-1].records._zip.filename.rsplit("/", 1)[0], tmp_path / "own")
    own = ReCo(reco.encoder, Archive(folder))
    concepts = (learned(own, "zorblatt", k=5), learned(own, "cat", "reco2", k=5))
    write_concepts(own.archive, [LearnedGroup(5, ("titles",), (), concepts)])
    again = Archive(folder)
    read = list(read_concepts(again, own.concepts.learner.is_in_archive).values())
    for before, after in zip(concepts, read, strict=True):
        assert [e.why for e in after.exemplars] == [e.why for e in before.exemplars]
        assert after.in_archive == before.in_archive
    assert {why(concept).most_common()[0][0] for concept in read} == {"title", "looks"} or "both" in why(read[0])


def named(near: list[int], called: list[int], z: list[float], plain: list[bool], served: bool = True) -> NamedPhotos:
    rows, similarity = np.array(called), np.full(len(called), 0.4, np.float32)
    reasons = tuple("both" if row in near[:3] else "title" for row in called)
    looks = Retrieved(np.array(near), np.linspace(0.9, 0.5, len(near), dtype=np.float32))
    return NamedPhotos(looks, Retrieved(rows, similarity, reasons), np.array(z), np.array(plain), served)


def test_both_rankings_count():
    """By reciprocal ranks, by hand."""
    both = ([1, 2, 3, 4], [7, 2, 8], [0.0] * 3, [True, True, False])
    found = named(*both).fused(4)
    points = {1: 1 / 61, 2: 1 / 62 + 1 / 62, 3: 1 / 63, 4: 1 / 64, 7: 1 / 61}
    assert found.rows.tolist() == sorted(points, key=lambda row: (-points[row], row != 1))[:4] == [2, 1, 7, 3]
    assert found.why == ("both", "looks", "title", "looks")
    np.testing.assert_allclose(found.similarity, [0.4, 0.9, 0.4, 0.9 - 0.4 * 2 / 3], rtol=1e-5)
    assert 8 not in named(*both).fused(9).rows  # its title does not say it plainly,
    assert 8 in named(*both, served=False).fused(9).rows  # which is better than nothing


@pytest.mark.parametrize(
    ("served", "z", "plain", "taught"),
    [
        (False, [0.0] * 3, [True] * 3, [5, 6, 7]),
        (False, [9.0] * 3, [False] * 3, [5, 6, 7]),
        (False, [0.0] * 4, [True, False, True, True], [5, 7, 8]),
        (False, [0.0] * 2, [True] * 2, None),
        (True, [0.0, KNOWN + 1, 0.0], [True] * 3, [5, 6, 7]),
        (True, [KNOWN + 1, 0.0, KNOWN + 1], [True] * 3, None),
        (True, [0.0] * 9, [False] * 9, None),
    ],
)
def test_when_photos_must_speak_for_a_name(served, z, plain, taught):
    photos = named([1, 2, 3], list(range(5, 5 + len(z))), z, plain, served)
    teachers = photos.teachers(20)
    assert (teachers and teachers.rows.tolist()) == taught
    if teachers:
        assert photos.teachers(2).rows.tolist() == taught[:2]
        assert teachers.why == ("title",) * len(taught)


@pytest.mark.parametrize("method", ["reco", "reco2+titles"])
def test_only_what_was_learned_from_a_photo_is_learned_anew_without_it(reco, method, monkeypatch):
    """And whatever is not is the same as if it were."""
    before = reco.prepare(["cat", "zebra"], method=method)
    away = frozenset([before.concepts[0].exemplars[0].record.file])
    anew, learn = [], type(reco.concepts)._learn
    monkeypatch.setattr(type(reco.concepts), "_learn", lambda *given: anew.append(given[1]) or learn(*given))
    quick = reco.prepare(["cat", "zebra"], method=method, exclude=away)
    assert anew == ["cat"]
    monkeypatch.setattr(type(reco.concepts), "_matters", lambda *_: True)
    slow = reco.prepare(["cat", "zebra"], method=method, exclude=away)
    assert len(anew) > 20
    rounding = 1e-5 if reco.encoder.device == "cpu" else 1e-3  # what is stored was learned on a CPU
    for fast, learned_anew in zip(quick.concepts + quick.background, slow.concepts + slow.background, strict=True):
        assert [e.row for e in fast.exemplars] == [e.row for e in learned_anew.exemplars]
        assert torch.allclose(fast.reference, learned_anew.reference, atol=rounding)
        assert not away & {e.record.file for e in fast.exemplars}


def test_a_photo_that_context_was_learned_from_matters_to_all_names(reco, monkeypatch):
    tree = reco.prepare(["tree"], method="reco", background=()).concepts[0]
    away = frozenset([tree.exemplars[0].record.file])
    anew, learn = [], type(reco.concepts)._learn
    monkeypatch.setattr(type(reco.concepts), "_learn", lambda *given: anew.append(given[1]) or learn(*given))
    reco.prepare(["cat"], method="reco", background=(), exclude=away)
    assert {"tree", "cat"} <= set(anew)
