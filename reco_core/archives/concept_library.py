"""The concepts of an archive: stored beside it, learned before, or learned now."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from torch import Tensor

from reco_core.archives.archive import Archive
from reco_core.archives.exemplar_search import NEAREST as RANKED
from reco_core.archives.exemplar_search import NamedPhotos
from reco_core.archives.stored_concepts import ConceptKey, read_concepts
from reco_core.errors import ArchiveError
from reco_core.methods import Learning
from reco_core.models.encoder import Encoder
from reco_core.segmentation.background_stats import BackgroundStats
from reco_core.segmentation.concept_learner import NEAREST, ConceptLearner
from reco_core.segmentation.scorers import means_word
from reco_core.types import Concept, ExemplarMaps, Retrieved, Why
from reco_core.utils.byte_cache import ByteCache
from reco_core.utils.photo_files import spelled

CACHED_BYTES = 50_000_000  # of learned concepts, some 10 KB each
UNRELATED = 64  # photos that stand for the archive, at equal distances in it


class ConceptLibrary:
    """Learns concepts from an archive's photos, each once; shared by any number of users."""

    def __init__(self, encoder: Encoder, archive: Archive, surroundings: "ConceptLibrary | None" = None) -> None:
        """surroundings: who knows the context and background words, if not this one."""
        self.encoder, self.archive = encoder, archive
        self.learner = self._make_learner()
        self.surroundings = surroundings or self
        self.stored = {} if surroundings else self._read_stored()
        self._learned = ByteCache[Concept](CACHED_BYTES)

    def get(
        self,
        name: str,
        k: int,
        learning: Learning,
        context: tuple[str, ...] = (),
        exclude: frozenset[str] = frozenset(),
    ) -> Concept:
        """The concept of a name from its k nearest photos, but for those in `exclude` (PhotoRecord.file).

        context: words that context elimination suppresses, if it is on.

        Raises:
            ArchiveError: no photo is left.
        """
        context = context if learning.context_elimination else ()
        if exclude and not self._matters(exclude, name, k, learning, context):
            exclude = frozenset()
        key = ConceptKey(name.casefold(), k, learning.changed, context, exclude)
        concept = self._known(key)
        if concept is None and learning.titles and not len(self.archive.called(name, exclude).rows):
            return self.get(name, k, replace(learning, titles=False), context, exclude)
        if concept is None:
            words = [word.casefold() for word in context]
            known = words.index(key.name) if key.name in words else len(words)  # a context word knows those before it
            concept = self._learn(name, k, learning, self._around(context[:known], key, learning), exclude)
            self._learned.put(key, concept)
        return replace(concept, name=name)

    def teach(self, name: str, rows: Sequence[int], k: int, learning: Learning, context: tuple[str, ...]) -> Concept:
        """A concept from these photos (rows of the archive) alone, whatever its name; k: of the context words.

        Raises:
            ArchiveError: no photos are given.
        """
        if not len(rows):
            raise ArchiveError("nothing to learn from", given=name, expected="a few photos of the thing")
        context = context if learning.context_elimination else ()
        around = self._around(context, ConceptKey("", k, learning.changed, context), learning)
        given: list[Why] = ["given"] * len(rows)
        found = Retrieved(np.asarray(rows), np.ones(len(rows), np.float32), tuple(given))
        return self.learner.teach(name, self._maps(found, len(rows)), learning, around)

    def _matters(self, exclude: frozenset[str], name: str, k: int, learning: Learning, context: Sequence[str]) -> bool:
        """Whether a concept would be another one without some files: its own photos or those of context words are."""
        unwanted, looks = set(map(spelled, exclude)), replace(learning, titles=False)
        around = (self.surroundings._considered(word, k, looks, context) for word in context)
        return any(unwanted & files for files in (self._considered(name, k, learning, context), *around))

    def _considered(self, name: str, k: int, learning: Learning, context: Sequence[str]) -> set[str]:
        """The files of all photos that are ranked for a name; the concept depends on no others."""
        concept = self._known(ConceptKey(name.casefold(), k, learning.changed, tuple(context)))
        if concept and not learning.titles:
            return {spelled(exemplar.record.file) for exemplar in concept.exemplars}
        rows = self.archive.search(self._query(name), max(k, RANKED) if learning.titles else k).rows
        called = self.archive.called(name).rows if learning.titles else rows[:0]
        return {spelled(self.archive.records[row].file) for row in (*rows, *called)}

    def _known(self, key: ConceptKey) -> Concept | None:
        return self._learned.get(key) or self.stored.get(key)

    def _query(self, name: str) -> Tensor:
        """What the archive is searched by; alone: in a batch, padding would change the last digits."""
        one_text = self.encoder.preset.one_text
        return (self.encoder.embed_names if one_text else self.encoder.embed_queries)((name,))[0]

    def _read_stored(self) -> dict[ConceptKey, Concept]:
        return read_concepts(self.archive, self.learner.is_in_archive)

    def _make_learner(self) -> ConceptLearner:
        preset, archive, device = self.encoder.preset, self.archive, self.encoder.device
        spread = np.linspace(0, len(archive) - 1, min(UNRELATED, len(archive))).astype(int)
        photo_stats, position_stats = (
            BackgroundStats(*(moment.to(device) for moment in archive.stats[of])) for of in ("photos", "positions")
        )
        return ConceptLearner(
            grid=archive.grid,
            margin=preset.margin,
            in_archive_from=preset.in_archive_from,
            unrelated_cosine=preset.unrelated,
            photo_stats=photo_stats,
            position_stats=position_stats,
            unrelated=cache(lambda: archive.features(spread).to(device)),
        )

    def _around(self, words: Sequence[str], key: ConceptKey, learning: Learning) -> list[Concept]:
        """Concepts that are only context; what they are called by others does not count."""
        learning = replace(learning, titles=False)
        return [self.surroundings.get(word, key.k, learning, key.context, key.exclude) for word in words]

    def _learn(
        self, name: str, k: int, learning: Learning, around: Sequence[Concept], exclude: frozenset[str]
    ) -> Concept:
        query = self._query(name)
        text = query if self.encoder.preset.one_text else self.encoder.embed_names((name,))[0]
        if learning.titles:
            named = NamedPhotos.find(self.archive, name, query, k, self.learner.in_archive_from, exclude)
            if (teachers := named.teachers(k)) and not self._is_taught(text):
                return self.learner.teach(name, self._maps(teachers, len(teachers.rows)), learning, around)
            found = named.fused(k)
        else:
            found = self.archive.search(query, k, exclude)
        if not len(found.rows):
            raise ArchiveError(
                "no photo of the archive is left to learn from",
                given=name,
                remedy="Put some of the excluded photos back",
            )
        maps = self._maps(found, len(found.rows) if learning.language_guidance else NEAREST)
        return self.learner.learn(name, text, maps, learning, around)

    def _is_taught(self, text: Tensor) -> bool:
        """Whether a text (D,) is a word that the models were taught to find: titles then only say where to look."""
        words = self.encoder.words
        return words is not None and means_word(text, words)

    def _maps(self, found: Retrieved, speaking: int) -> ExemplarMaps:
        """What the archive has of photos; speaking: of how many the language maps are read."""
        archive, device = self.archive, self.encoder.device
        language = archive.language(found.rows[:speaking]).unflatten(1, archive.language_grid).to(device)
        records = tuple(archive.records[row] for row in found.rows)
        features = archive.features(found.rows).to(device)
        embeddings = archive.embeddings(found.rows) if self.encoder.preset.one_text else None
        return ExemplarMaps(found, records, features, language, embeddings)
