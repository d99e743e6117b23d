"""From names and photos to masks, with the bundled model and archive."""

import math
import sys
import threading

import numpy as np
import pytest
import torch
from support.recorder import Recorder

from reco_core.errors import Cancelled, DependencyError, NamesError, OptionError
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS, METHODS, Temperatures
from reco_core.pipeline import ReCo
from reco_core.presets import PRESETS, usual_method
from reco_core.segmentation import cosegmentation, presence, score_maps
from reco_core.types import check_shape


def test_things_are_where_they_are(reco, real_photos):
    """An astronaut before a wall, with a flag at the left; a motorcycle in the middle of a garage."""
    result = reco.segment(real_photos["astronaut"], reco.prepare(["person"], method="reco2"), method="reco2")
    assert (result.labels[80:180, 190:270] == 1).mean() > 0.9
    assert (result.labels[320:460, 90:230] == 1).mean() > 0.9
    assert (result.labels[:240, 330:] == 1).mean() < 0.1
    assert (result.labels[:240, :110] == 1).mean() < 0.1
    assert result.presence[0] > 0.7
    result = reco.segment(real_photos["motorcycle"], reco.prepare(["motorcycle"], method="reco2"), method="reco2")
    assert (result.labels[240:340, 200:480] == 1).mean() > 0.9
    assert (result.labels[:130] == 1).mean() < 0.1
    assert (result.labels[470:] == 1).mean() < 0.1
    assert result.presence[0] > 0.8


def test_same_input_same_output(reco, cat):
    names = ["cat", "wall", "sofa"]
    first, again = (reco.segment(cat, reco.prepare(names)) for _ in range(2))
    fresh = ReCo(reco.encoder, reco.archive)
    other = fresh.segment(cat, fresh.prepare(names))
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.labels, other.labels)
    assert np.array_equal(first.scores, other.scores)


def test_an_encoded_photo_gives_the_same_answer(reco, cat):
    references, encoded = reco.prepare(["cat"]), reco.encode(cat)
    for method in ("reco", "reco2"):
        again = reco.segment(cat, references, method=method, encoded=encoded)
        assert np.array_equal(again.scores, reco.segment(cat, references, method=method).scores)


def test_order_of_names_is_the_order_of_labels(reco, cat):
    one = reco.segment(cat, reco.prepare(["cat", "wall"]))
    two = reco.segment(cat, reco.prepare(["wall", "cat"]))
    assert np.array_equal(np.array([0, 2, 1])[one.labels], two.labels)


def test_reco_is_the_paper_s_formula(reco, cat):
    """The whole chain again, stage by stage, from the paper's text."""
    names = ("cat", "dog")
    references = reco.prepare(names, background=())
    encoder, archive = reco.encoder, reco.archive
    context: list[torch.Tensor] = []
    for word in (*CONTEXT_WORDS, *names):
        text = encoder.embed_names((word,))[0]
        rows = archive.search(text, encoder.preset.k).rows
        features = archive.features(rows)
        weights = torch.sigmoid(10 * (archive.language(rows) @ text))
        for other in context[: len(CONTEXT_WORDS)]:
            weights = weights * (1 - torch.sigmoid(features @ other))
        context.append(cosegmentation.cosegment(features, weights).reference)
    for concept, expected in zip(references.concepts, context[len(CONTEXT_WORDS) :], strict=True):
        torch.testing.assert_close(concept.reference, expected, atol=1e-4, rtol=0)
    encoded = encoder.encode_photo(cat)
    texts = encoder.embed_names(names)
    looks = torch.stack([(encoded.features[0] * v).sum(-1) for v in context[-2:]])
    speaks = torch.stack([(encoded.language[0] * t).sum(-1) for t in texts])
    factors = (torch.sigmoid(looks), torch.sigmoid(10 * speaks))
    scores = math.prod(torch.nn.functional.interpolate(f[None], cat.shape[:2], mode="bilinear")[0] for f in factors)
    result = reco.segment(cat, references)
    np.testing.assert_allclose(result.scores[1:], scores.numpy(), atol=1e-4)
    assert (result.labels == scores.argmax(0).numpy() + 1).mean() > 0.999


def taught(encoder, encoded, text):
    """By words that mean the same: how surely there are any, and their log-odds at positions and in the photo."""
    cosines, shares = (encoder.words.texts @ text).tolist(), {}
    for cosine, column in zip(cosines, encoder.words.columns.tolist(), strict=True):
        if cosine > 0.6:
            shares[column] = max(shares.get(column, 0), math.exp((cosine - max(cosines)) / 0.03))
    total = sum(shares.values()) or 1
    at, photo = encoded.words[1][0], encoded.words[0][0]
    known = min(max((max(cosines) - 0.6) / 0.2, 0), 1)
    said = sum((at[..., column] * share / total for column, share in shares.items()), torch.zeros(at.shape[:2]))
    return known, said, sum(float(photo[column]) * share / total for column, share in shares.items())


def test_reco2_is_its_formula(reco, cat):
    """The whole chain of reco2 again, written out."""
    names = ("cat", "tabby", "rocket", "tree", "airplane")  # the last one competes as background
    encoder, archive = reco.encoder, reco.archive
    photos, positions = archive.stats["photos"], archive.stats["positions"]

    def z(similarity, text, base):
        return (similarity - base.mean @ text) / (text @ base.covariance @ text) ** 0.5

    def best(values):
        return np.mean(sorted(values.flatten().tolist())[-(values.numel() // 100) :])

    unrelated = archive.features(np.array([i * (len(archive) - 1) // 63 for i in range(64)]))
    learned: list[tuple[torch.Tensor, torch.Tensor, tuple[float, ...]]] = []
    for word in (*CONTEXT_WORDS, *names):
        text = encoder.embed_names((word,))[0]
        rows = archive.search(text, encoder.preset.k).rows
        features, speaks = archive.features(rows), z(archive.language(rows) @ text, text, positions)
        weights = torch.sigmoid(speaks - 2)
        for other_text, other, _ in learned[: len(CONTEXT_WORDS)]:
            share = float(np.clip(1 - float(text @ other_text) / 0.4, 0, 1))
            weights = weights * (1 - torch.sigmoid(features @ other)) ** share
        reference = cosegmentation.cosegment(features, weights, weight_rows=True).reference
        if word == "tree" and learned:  # a context word keeps what it was first learned as
            reference = learned[0][1]
        shown = (
            float(z(archive.embeddings(rows[:10]) @ text, text, photos).mean()),
            np.mean([best(one) for one in speaks[:10]]),
            np.mean([best(one @ reference) for one in features[:10]]),
            np.mean([best(one @ reference) for one in unrelated]),
        )
        learned.append((text, reference, shown))
    encoded, t = encoder.encode_photo(cat), Temperatures()
    smoothing = score_maps.affinity(encoded.features[0], t.affinity_gain, t.affinity_shift)
    height, width = encoded.features.shape[1:3]
    references, language, evidence, words = [], [], [], []
    (a, b, c, d), w = encoder.preset.presence, presence.WORD_WEIGHTS
    for text, reference, (whole, top, match, usual) in learned[len(CONTEXT_WORDS) :]:
        unusual, similar = z(encoded.language[0] @ text, text, positions).flatten(), encoded.features[0] @ reference
        known, said, in_photo = taught(encoder, encoded, text)
        by_archive = (
            a * float(z(encoded.embedding[0] @ text, text, photos)) / whole**0.5
            + b * best(unusual) / top**0.5
            + c * (best(similar) - usual) / max(match - usual, 0.2)
            + d
        )
        evidence.append((1 - known) * by_archive + known * (w[0] * in_photo + w[1] * best(said) + w[2]))
        here = smoothing @ said.flatten()
        mean = float(here.sum() / len(here))
        here = (
            here
            - (t.word_filling if mean > 0 else t.word_everywhere) * mean
            + t.word_in_photo * min(in_photo, t.certain)
        )
        words.append((known, here.view(height, width)))
        language.append((smoothing @ unusual).view(height, width))
        references.append((smoothing @ similar.flatten()).view(height, width))
    by_reference = torch.stack(references).div(t.reference).log_softmax(0)
    by_language = torch.stack(language).log_softmax(0)
    assert max(evidence[3:]) < 1, "both are taken to be there: one for what it is called, one for it is background"
    counted = torch.tensor([min(e, 3) for e in evidence[:3]] + [min(max(e, 1), 3) for e in evidence[3:]])
    scores = [
        (1 - known + known * t.word_reference) * by_reference[k]
        + (1 - known + known * t.word_language) * by_language[k]
        + (1 - known) * (counted.log_softmax(0)[k] + t.unknown)
        + known * word
        for k, (known, word) in enumerate(words)
    ]
    expected = torch.nn.functional.interpolate(torch.stack(scores)[None], cat.shape[:2], mode="bilinear")[0]
    result = reco.segment(cat, reco.prepare(names[:4], method="reco2", background=("airplane",)), method="reco2")
    np.testing.assert_allclose(result.scores, expected[[4, 0, 1, 2, 3]].numpy(), atol=1e-2)
    likelier = torch.tensor([0, 0, 0, np.log(2)])  # surroundings, here the tree
    np.testing.assert_allclose(result.presence, (torch.tensor(evidence[:4]) + likelier).sigmoid().numpy(), atol=1e-3)


def test_a_context_word_keeps_its_context_reference(reco):
    """Otherwise context elimination would erase it; each is learned with those before it."""
    (alone,) = reco.prepare(["sky"], background=(), context=("tree",)).concepts
    (listed,) = reco.prepare(["sky"], background=(), context=CONTEXT_WORDS).concepts
    torch.testing.assert_close(alone.reference, listed.reference)
    (first,) = reco.prepare(["tree"], background=()).concepts
    (plain,) = reco.prepare(["tree"], background=(), method="reco_no_ce").concepts
    torch.testing.assert_close(first.reference, plain.reference)


def test_a_typed_background_word_is_no_background(reco):
    references = reco.prepare(["Cat", "WALL"])
    assert references.names == ("Cat", "WALL")
    assert [c.name for c in references.background] == [w for w in BACKGROUND_WORDS if w != "wall"]


@pytest.mark.parametrize("guided", [True, False])
@pytest.mark.parametrize("eliminates", [True, False])
def test_ablations_learn_without_their_part(reco, guided, eliminates):
    """Each against its formula: with context elimination the context words are learned in the same way."""
    name = {(True, True): "reco", (False, True): "reco_no_lgc", (True, False): "reco_no_ce"}
    method = name.get((guided, eliminates), "reco_no_lgc_ce")
    (concept,) = reco.prepare(["cat"], method=method, background=()).concepts
    text = reco.encoder.embed_names(("cat",))[0]
    rows = reco.archive.search(text, reco.encoder.preset.k).rows
    features, weights = reco.archive.features(rows), torch.ones(())
    if guided:
        weights = torch.sigmoid(10 * (reco.archive.language(rows) @ text))
    if eliminates:
        for word in reco.prepare(CONTEXT_WORDS, method=method, background=()).concepts:
            weights = weights * (1 - torch.sigmoid(features @ word.reference))
    expected = cosegmentation.cosegment(features, weights.expand(features.shape[:2])).reference
    torch.testing.assert_close(concept.reference, expected, atol=1e-4, rtol=0)


def test_every_method_runs(reco, cat):
    photo = np.ascontiguousarray(cat[::2, ::2])
    for name, method in METHODS.items():
        result = reco.segment(photo, reco.prepare(["cat"], method=method), method=name)
        assert result.labels.shape == photo.shape[:2]
        assert set(np.unique(result.labels)) <= {0, 1}
        assert np.isfinite(result.scores).all()


@pytest.mark.parametrize("names", ["قطة", "猫", "🐈 cat", "zxqv wpflk", "a" * 80])
def test_strange_names_do_not_break_anything(reco, cat, names):
    result = reco.segment(cat, reco.prepare([names]))
    assert 0 <= result.presence[0] <= 1


def test_what_the_archive_does_not_have_is_said(reco):
    known, nonsense = reco.prepare(["cat", "zxqv wpflk"], background=()).concepts
    assert known.in_archive
    assert not nonsense.in_archive


def test_absent_things_are_less_present(reco, real_photos):
    names = ["cat", "motorcycle", "rocket"]
    for photo, index in [("cat", 0), ("motorcycle", 1), ("rocket", 2)]:
        presence = reco.segment(real_photos[photo], reco.prepare(names)).presence
        assert int(np.argmax(presence)) == index
        assert presence[index] > 0.5
        assert min(presence) < 0.5


@pytest.mark.parametrize("shape", [(16, 16), (16, 900), (700, 40), (1500, 2000)])
def test_any_photo_size(reco, shape):
    photo = np.random.default_rng(0).integers(0, 255, (*shape, 3)).astype(np.uint8)
    assert reco.segment(photo, reco.prepare(["cat"]), method="reco2").labels.shape == shape


@pytest.mark.parametrize("value", [0, 128, 255])
def test_plain_photos(reco, value):
    photo = np.full((120, 160, 3), value, np.uint8)
    for method in ("reco", "reco2", "reco_crf"):
        assert np.isfinite(reco.segment(photo, reco.prepare(["cat"]), method=method).scores).all()


def test_progress_is_reported(reco):
    control = Recorder()
    reco.prepare(["cat", "dog"], background=("sky",), control=control)
    assert control.reports == [("learning cat", 0, 3), ("learning dog", 1, 3), ("learning sky", 2, 3)]


def test_cancelling_between_names(reco):
    control = Recorder(2)
    with pytest.raises(Cancelled, match="learning names was stopped"):
        reco.prepare(["cat", "dog", "sky"], background=(), control=control)
    assert control.stages == ["learning cat", "learning dog"]


def test_two_users_at_once(reco, cat, real_photos):
    """Threads share models and cache, never results."""
    jobs = {"cat": (cat, ["cat"]), "rocket": (real_photos["rocket"], ["rocket"])}
    expected = {name: reco.segment(photo, reco.prepare(names)).labels for name, (photo, names) in jobs.items()}
    shared, results = ReCo(reco.encoder, reco.archive), {name: [] for name in jobs}

    def work(name):
        photo, names = jobs[name]
        for _ in range(2):
            results[name].append(shared.segment(photo, shared.prepare(names)).labels)

    threads = [threading.Thread(target=work, args=(name,)) for name in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, labels in results.items():
        assert len(labels) == 2
        assert all(np.array_equal(expected[name], one) for one in labels)


def test_bad_arguments(reco, cat):
    with pytest.raises(OptionError, match='Did you mean "reco2"'):
        reco.segment(cat, reco.prepare(["cat"]), method="rec2")
    with pytest.raises(OptionError, match='Did you mean "mini"'):
        ReCo.load("mni")
    with pytest.raises(OptionError, match="k must be at least 1"):
        reco.prepare(["cat"], k=0)
    with pytest.raises(NamesError, match=r"a name is no text\. Given: 1"):
        reco.prepare([1])
    with pytest.raises(OptionError, match=r"too many exemplars.*999999, of an archive of \d+ photos.*at most 1000"):
        reco.prepare(["cat"], k=999_999)
    with pytest.raises(OptionError, match="too many exemplars"):
        reco.teach("zorbl", range(1001))
    with pytest.raises(NamesError):
        reco.prepare([])
    with pytest.raises(OptionError, match=r"Given: \(2, 3\)"):
        check_shape("x", np.zeros((2, 3)), (None, 4))


def test_names_in_one_text(reco):
    """They are not its letters; what is not understood of them is said by `understand`, and nothing is changed."""
    assert reco.prepare("cat, wall", k=1, background=()).names == ("cat", "wall")
    assert reco.prepare(["red car"], k=1, background=()).names == ("red car",)
    assert reco.understand("red car").names == ("car",)


def test_people_get_outlines_along_edges():
    assert usual_method(PRESETS["mini"]) == "reco2_crf"
    assert usual_method(PRESETS["paper"]) == "reco"


def test_only_the_papers_crf_needs_its_library(reco, cat, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    references = reco.prepare(["cat"], method="reco2")
    assert reco.segment(cat, references, method="reco2_crf").labels.any()
    for method in ("reco_crf", "reco2+crf"):
        with pytest.raises(DependencyError, match=r"paper's CRF .*pip install -r requirements-crf\.txt .*compiler"):
            reco.segment(cat, references, method=method)


def test_the_fast_crf_is_wired(reco, real_photos):
    photo, references = real_photos["motorcycle"], reco.prepare(["motorcycle"], method="reco2")
    plain, fast, exact = (reco.segment(photo, references, method=m) for m in ("reco2", "reco2_crf", "reco2+crf"))
    np.testing.assert_array_equal(plain.scores, fast.scores)
    assert (fast.labels == exact.labels).mean() > 0.95
    assert (fast.labels != plain.labels).any()
    assert "crf" in fast.timings
