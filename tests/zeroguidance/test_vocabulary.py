"""The bundled words, a user's own, and their embeddings on disk."""

import errno

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from support.recorder import Recorder

from reco_core.errors import Cancelled, NamesError, OptionError
from reco_core.models import weights
from reco_core.zeroguidance import vocabulary
from reco_core.zeroguidance.discovery import BACKGROUND
from reco_core.zeroguidance.embedding import embed_words, words_fingerprint
from reco_core.zeroguidance.vocabulary import (
    MOST,
    Vocabulary,
    load_vocabulary,
    nouns,
    read_words,
    user_words,
    write_embeddings,
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache; where vocabularies will lie."""
    monkeypatch.setenv("RECO_CACHE", str(tmp_path))
    return tmp_path / "vocabularies"


@pytest.fixture
def mute(reco, monkeypatch):
    """Call it, and from then on nothing can be embedded."""

    def fail(sentences):
        raise AssertionError(f"{len(sentences)} sentences are embedded")

    return lambda: monkeypatch.setattr(reco.encoder, "text", fail)


def above(row: int) -> set[int]:
    """A noun's row and those of all that it is a kind of."""
    return {row}.union(*(above(over) for over in nouns().kinds[row]))


def test_the_nouns_are_many_and_each_is_there_once():
    words = nouns()
    assert len(words.names) == len(words.counts) == len(words.kinds) == 18_192
    assert len({name.casefold() for name in words.names}) == 18_192
    assert all(name == " ".join(name.split()) and any(c.isalpha() for c in name) for name in words.names)
    assert words.counts.min() == 0
    assert words.counts[words.names.index("person")] > words.counts[words.names.index("llama")]


def test_no_noun_is_a_kind_of_itself():
    """Parents are taken away, level by level, until nothing is left; in a circle something would be."""
    kinds, left = nouns().kinds, set(range(len(nouns().names)))
    while left:
        free = {row for row in left if not left.intersection(kinds[row])}
        assert free
        left -= free


def test_general_words_cover_their_kinds():
    names = nouns().names
    words = Vocabulary.of(nouns(), torch.zeros(len(names), 1))
    row = {name: i for i, name in enumerate(names)}
    for general, kind in (("dog", "golden retriever"), ("cat", "tabby"), ("animal", "golden retriever")):
        assert words.below[row[general], row[kind]] == 1
        assert words.below[row[kind], row[general]] == 0
        assert words.information[row[general]] < words.information[row[kind]]
    assert words.below[row["dog"], row["tabby"]] == 0
    assert words.below.diagonal().min() == 1
    for i in range(0, len(names), 997):
        assert set(words.below[:, [i]].nonzero()[0].tolist()) == above(i)


def test_nobody_is_called_anything_but_a_person():
    names = {name.casefold() for name in nouns().names}
    assert "person" in names
    assert not names & {"doctor", "nurse", "criminal", "burglar", "thief", "addict", "woman", "man", "girl", "boy"}
    person = nouns().names.index("person")
    assert [i for i in range(len(nouns().names)) if person in above(i)] == [person]


def test_words_that_compete_in_every_photo_are_nouns():
    assert set(BACKGROUND) <= set(nouns().names)


def test_mini_has_the_nouns_without_embedding_anything(reco, cache, mute):
    mute()
    words = load_vocabulary(reco.encoder)
    assert words.names == nouns().names
    assert words.embeddings.shape == (18_192, 384)
    torch.testing.assert_close(words.embeddings.norm(dim=1), torch.ones(18_192))
    assert not cache.exists()


def test_what_is_bundled_is_what_the_encoder_says(reco, cache):
    words = load_vocabulary(reco.encoder)
    rows = np.random.default_rng(0).choice(len(words.names), 50, replace=False).tolist()
    said = embed_words(reco.encoder, tuple(words.names[row] for row in rows))
    assert F.cosine_similarity(words.embeddings[rows], said).min() > 0.99


def test_own_words_are_embedded_once_and_each_gets_its_own(reco, cache, mute, monkeypatch):
    monkeypatch.setattr(vocabulary, "AT_ONCE", 2)
    words, control = user_words(["fire extinguisher", "cat", "double-decker bus", "dog", "zebra"]), Recorder()
    first = load_vocabulary(reco.encoder, words, control)
    said = embed_words(reco.encoder, words.names)
    assert F.cosine_similarity(first.embeddings, said).min() > 0.99
    assert (said @ first.embeddings.T).argmax(1).tolist() == [0, 1, 2, 3, 4]
    assert control.reports == [("words", done, 5) for done in (2, 4, 5)]
    (file,) = cache.iterdir()
    written = file.stat().st_mtime_ns
    mute()
    second = load_vocabulary(reco.encoder, words)
    assert torch.equal(second.embeddings, first.embeddings)
    assert file.stat().st_mtime_ns == written
    with pytest.raises(AssertionError, match="are embedded"):
        load_vocabulary(reco.encoder, user_words(["cat", "dog"]))


def test_damaged_and_foreign_files_are_made_anew(reco, cache):
    words = user_words(["cat", "dog", "zebra"])
    good = load_vocabulary(reco.encoder, words).embeddings
    (file,) = cache.iterdir()
    data, mark = file.read_bytes(), f"{words_fingerprint(reco.encoder)}-{words.hash}"
    for content in (b"", b"no embeddings", data[:-100], data[:40]):
        file.write_bytes(content)
        assert torch.equal(load_vocabulary(reco.encoder, words).embeddings, good)
        assert file.read_bytes() == data
    for rows, of in ((3, "somebody else"), (2, mark)):
        write_embeddings(file, torch.randn(rows, 384), of)
        assert torch.equal(load_vocabulary(reco.encoder, words).embeddings, good)
        assert file.read_bytes() == data
    assert list(cache.iterdir()) == [file]


def test_a_damaged_file_is_told_of(reco, cache, caplog):
    words = user_words(["cat"])
    load_vocabulary(reco.encoder, words)
    (file,) = cache.iterdir()
    assert not caplog.messages
    file.write_bytes(b"")
    load_vocabulary(reco.encoder, words)
    assert f"{file.name} is damaged" in caplog.text


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), SafetensorError("I/O error")])
def test_a_full_disk_leaves_nothing_behind(reco, cache, monkeypatch, error):
    def save_some(tensors, file, metadata):
        file.write_bytes(b"half")
        raise error

    monkeypatch.setattr(weights, "save_file", save_some)
    with pytest.raises(OSError, match="could not be written"):
        load_vocabulary(reco.encoder, user_words(["cat"]))
    assert list(cache.iterdir()) == []


def test_embedding_stops_when_it_is_told_to(reco, cache, monkeypatch):
    monkeypatch.setattr(vocabulary, "AT_ONCE", 1)
    control = Recorder(1)
    with pytest.raises(Cancelled):
        load_vocabulary(reco.encoder, user_words(["cat", "dog", "zebra"]), control)
    assert control.reports == [("words", 1, 3)]
    assert not cache.exists()


def test_embeddings_belong_to_what_made_them(reco):
    """The side of photos does not change what words mean; the words do."""
    assert words_fingerprint(reco.encoder.at_side(448)) == words_fingerprint(reco.encoder)
    assert user_words(["cat", "dog"]).hash == user_words(["cat", "dog"]).hash
    assert len({user_words(names).hash for names in (["cat", "dog"], ["dog", "cat"], ["catdog"], ["cat"])}) == 4


def test_own_words_are_tidied_and_all_are_as_common(tmp_path):
    (tmp_path / "words.txt").write_text("\ufeffcat\r\n\r\n  fire   hydrant \nCAT\nstraße\n", encoding="utf-8")
    words = read_words(tmp_path / "words.txt")
    assert words.names == ("cat", "fire hydrant", "straße")
    assert words.counts.tolist() == [0, 0, 0]
    assert words.kinds == ((), (), ())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no names"),
        (b"\n  \n\t\n", "no names"),
        (b"cat\n" + b"x" * 10_000, "too long"),
        (b"cat\n?!\n", "no letters"),
        (b"\n".join(b"word %d" % i for i in range(MOST + 1)), "too many names"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "words.txt is no text"),
    ],
)
def test_bad_lists_are_refused(tmp_path, content, says):
    (tmp_path / "words.txt").write_bytes(content)
    with pytest.raises(NamesError, match=says):
        read_words(tmp_path / "words.txt")


def test_a_list_as_long_as_allowed_is_taken():
    assert len(user_words([f"word {i}" for i in range(MOST)]).names) == MOST


def test_missing_lists_and_none_at_all_are_refused(reco, cache, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_words(tmp_path / "none.txt")
    with pytest.raises(OptionError, match="needs words"):
        load_vocabulary(reco.encoder, vocabulary.Words((), np.zeros(0), ()))
