"""The order of the stages: names -> references; photo and references -> segmentation. No maths.

    reco = ReCo.load()
    references = reco.prepare(["cat", "wall"])
    result = reco.segment(read_photo("cat.jpg"), references)

One ReCo serves any number of users: models and archive are read-only, and the only thing that
changes is a cache of learned concepts, keyed by everything they depend on.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reco_core import cosegmentation, crf, inference, stored
from reco_core.archive import Archive
from reco_core.encoders import Encoder, load_encoder
from reco_core.errors import ArchiveError, OptionError
from reco_core.methods import (
    BACKGROUND_WORDS,
    CONTEXT_WORDS,
    AuthorsCode,
    Method,
    Temperatures,
    find_method,
)
from reco_core.names import MAX_NAMES, clean_names
from reco_core.photos import limit_size, resize_labels
from reco_core.presets import Preset, find_preset
from reco_core.structures import MAX_LABELS, Concept, Encoded, Exemplar, References, Segmentation
from reco_core.weights import ROOT

log = logging.getLogger(__name__)
CACHED_CONCEPTS = 2048
STORED_METHODS = ("reco", "reco2")  # whose references lie beside an archive
WORKING_SIDE = 640  # scores and CRF work on the photo shrunk to this; labels are enlarged again
Progress = Callable[[int, int, str], None]


class ReCo:
    """Models and an archive, ready to learn concepts and to find them in photos."""

    def __init__(self, encoder: Encoder, archive: Archive, authors: AuthorsCode | None = None) -> None:
        """Raises ArchiveError if the archive was made by another model."""
        archive.check_model(encoder.preset.name, encoder.hash)
        self.archive, self.authors = archive, authors or AuthorsCode()
        self.encoder = encoder.reading_like(self.authors)
        self._cache: OrderedDict[tuple, Concept] = OrderedDict()
        self._lock = threading.Lock()
        self._stored = stored.read_references(archive, self._served) if self.authors == AuthorsCode() else {}
        self._typical = tuple(
            inference.Typical(*(moment.to(encoder.device) for moment in archive.typical[of]))
            for of in ("photos", "positions")
        )

    @classmethod
    def load(
        cls, preset: str | Preset = "mini", *, archive: str | Path | None = None, device: str | None = None,
        weights: str | Path | None = None, authors: AuthorsCode | None = None, **options,
    ) -> "ReCo":  # fmt: skip
        """Load a preset with its own or another archive.

        Args:
            preset: its name, or one of your own (`dataclasses.replace` of one of `presets.PRESETS`).
            weights: a folder where weights are looked for first; for mini also a file.
            options: fetch, progress, cancelled, precision of `encoders.load_encoder`.

        Raises:
            OptionError, WeightsError, ArchiveError: what is wrong, and what to do.
        """
        chosen = find_preset(preset) if isinstance(preset, str) else preset
        folder = Path(archive) if archive else ROOT / chosen.archive
        if not archive and not folder.exists():
            raise ArchiveError(f"preset {chosen.name} has no archive yet", expected=f"an archive in {chosen.archive}",
                               remedy=f"Make it with: python -m reco_core install {chosen.name}")  # fmt: skip
        opened = Archive(folder)
        opened.check_model(chosen.name)  # before weights are loaded, or even downloaded
        return cls(load_encoder(chosen, device, Path(weights) if weights else None, **options), opened, authors)

    def prepare(
        self, names: list[str] | tuple[str, ...], *, k: int | None = None, method: str | Method = "reco",
        background: tuple[str, ...] = BACKGROUND_WORDS, context: tuple[str, ...] = CONTEXT_WORDS,
        exclude: frozenset[str] = frozenset(), most: int = MAX_NAMES, progress: Progress | None = None,
    ) -> References:  # fmt: skip
        """Learn what each name looks like: retrieve exemplars, co-segment them.

        Args:
            names: the concepts, in the order of the labels.
            k: exemplars per concept (default: the preset's); more than the archive has means all.
            method: decides which switches (LGC, CE) are on while learning.
            background: words that compete as background; those that were also asked for are dropped.
            context: words that context elimination suppresses.
            exclude: archive photos (PhotoRecord.file) that must not be exemplars.
            most: names that are accepted, at most `MAX_LABELS`; the default is for what people type.
            progress: called with (done, of, name).

        Raises:
            NamesError, OptionError: what is wrong with the arguments.
        """
        started = time.perf_counter()
        method = find_method(method) if isinstance(method, str) else method
        k = self.encoder.preset.k if k is None else k
        if k < 1:
            raise OptionError("k must be at least 1", given=k)
        names = clean_names(names, min(most, MAX_LABELS))
        asked = {name.casefold() for name in names}
        others = tuple(word for word in background if word.casefold() not in asked)
        learned = []
        for done, name in enumerate((*names, *others)):
            if progress:
                progress(done, len(names) + len(others), name)
            learned.append(self._concept(name, k, method, tuple(context), exclude))
        return References(tuple(learned[: len(names)]), tuple(learned[len(names) :]), time.perf_counter() - started)

    def encode(self, photo: np.ndarray) -> Encoded:
        """Run the models on a photo (H, W, 3) uint8 RGB once, for any number of calls of `segment`."""
        windowed = self.encoder.preset.windowed  # then the models see more than we work on
        return self.encoder.encode_photo(photo if windowed else limit_size(photo, WORKING_SIDE))

    def segment(self, photo: np.ndarray, references: References, *, method: str | Method = "reco",
                temperatures: Temperatures | None = None, encoded: Encoded | None = None) -> Segmentation:  # fmt: skip
        """Mark the concepts in a photo (H, W, 3) uint8 RGB.

        encoded: what `encode` said of this photo, so that it need not be read again for other names.

        Raises:
            OptionError: unknown method. DependencyError: the method wants a CRF that is not installed.
        """
        method = find_method(method) if isinstance(method, str) else method
        device, timings = self.encoder.device, {"prepare": references.seconds}
        clock = _Clock(timings)
        everything = (*references.concepts, *references.background)
        asked = len(references.concepts)
        texts = torch.stack([concept.text for concept in everything]).to(device)
        vectors = torch.stack([concept.reference for concept in everything]).to(device)
        working = limit_size(photo, WORKING_SIDE)
        clock.lap("resize")
        encoded = encoded or self.encode(photo)
        clock.lap("encode")
        language = inference.similarities(encoded.language[0], texts)
        if method.key_smoothing:
            keys = encoded.features if encoded.keys is None else encoded.keys
            language = inference.smooth_by_keys(language, inference.regrid(keys, language.shape[1:])[0])
        reference = inference.similarities(encoded.features[0], vectors)
        whole, unusual = self.unusual(encoded, texts, language)
        if method.denoise:
            language = inference.denoise(language)
        evidence = inference.evidence(whole, unusual, self.encoder.preset.presence)
        if method.compare:
            t = temperatures or self.encoder.preset.temperatures
            factors = ((reference, t.reference, method.reference),
                       (unusual, t.unusual, method.language and method.calibrate),
                       (language, t.language, method.language and not method.calibrate))  # fmt: skip
            scores = self._compare(factors, encoded.features[0], evidence, method, t)
            scores = inference.resize(scores, working.shape[:2])
        else:
            scores = inference.reco_scores(
                reference if method.reference else None, language if method.language else None, working.shape[:2]
            )
        merged = inference.merge_background(scores, asked)
        labels = merged.argmax(0).cpu().numpy()
        clock.lap("infer")
        if method.crf:
            labels = crf.refine(working, merged.cpu().numpy())
            clock.lap("crf")
        labels = resize_labels(labels.astype(np.uint8), photo.shape[:2])
        presence = tuple(torch.sigmoid(evidence[:asked]).tolist())
        return Segmentation(labels, merged.cpu().numpy(), references, presence, timings)

    def _compare(self, factors, features: Tensor, evidence: Tensor, method: Method, t: Temperatures) -> Tensor:
        """reco2's scores: log-probabilities of every factor (maps, temperature, whether it enters), added."""
        scores = torch.zeros(len(evidence), *features.shape[:2], device=features.device)
        weights = inference.affinity(features, t.affinity_gain, t.affinity_shift) if method.affinity else None
        for maps, temperature, enters in factors:
            if enters:
                fitting = maps if maps.shape[1:] == scores.shape[1:] else inference.resize(maps, scores.shape[1:])
                smoothed = fitting if weights is None else inference.smooth(fitting, weights)
                scores = scores + inference.compete(smoothed, temperature)
        if method.gate:
            scores = scores + inference.compete(evidence.clamp(max=t.certain), t.evidence)[:, None, None]
        return scores

    def unusual(self, encoded: Encoded, texts: Tensor, language: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """By how many standard deviations a photo (batch of one) is nearer to texts (K, D) than archive photos are.

        language: its positions' cosines with the texts, if they are known already.
        Returns the photo as a whole (K,) and its positions (K, h, w).
        """
        wholes, patches = self._typical
        language = inference.similarities(encoded.language[0], texts) if language is None else language
        return (
            inference.unusual(texts @ encoded.embedding[0], texts, wholes),
            inference.unusual(language, texts, patches),
        )

    def _concept(self, name: str, k: int, method: Method, context: tuple[str, ...], exclude: frozenset[str]) -> Concept:
        """A concept from the cache, the archive's stored ones, or learned now."""
        word = name.casefold()
        if self.authors.vegetation_is_tree and word == "vegetation":
            tree = self._concept("tree", k, method, context, exclude)
            return replace(tree, name=name, text=self.encoder.embed_names((name,))[0])
        context = context if method.context_elimination else ()
        key = stored.key(name, k, method.learning, context, exclude)
        with self._lock:
            concept = self._cache.get(key) or self._stored.get(key)
        if concept is None:
            words = [c.casefold() for c in context]
            before = context[: words.index(word)] if word in words else context  # a context word knows those before it
            others = tuple(self._concept(c, k, method, context, exclude) for c in before)
            concept = self._learn(name, k, method, others, exclude)
        with self._lock:
            self._cache[key] = concept
            self._cache.move_to_end(key)
            while len(self._cache) > CACHED_CONCEPTS:
                self._cache.popitem(last=False)
        return replace(concept, name=name)

    def _learn(
        self, name: str, k: int, method: Method, context: tuple[Concept, ...], exclude: frozenset[str]
    ) -> Concept:
        text = self.encoder.embed_names((name,))[0]  # alone: in a batch, padding would change the last digits
        query = text if self.encoder.preset.one_text else self.encoder.embed_queries((name,))[0]
        found = self.archive.search(query, k, exclude)
        if not len(found.rows):
            raise ArchiveError("no photo of the archive is left to learn from", given=name,
                               remedy="Put some of the excluded photos back")  # fmt: skip
        device = self.encoder.device
        features = self.archive.features(found.rows).to(device)
        weights = torch.ones(features.shape[:2], device=device)
        if method.language_guidance:
            weights = weights * self._guidance(found.rows, text.to(device), method)
        if context:
            others = torch.stack([concept.reference for concept in context]).to(device)
            shares = self._shares(text, context).to(device) if method.spare_context else None
            weights = weights * cosegmentation.context_elimination(features, others, shares)
        result = cosegmentation.cosegment(
            features, weights, weight_rows=method.weigh_seeds, authors_span=self.authors.span,
            normalise_seeds=not self.authors.raw_seeds,
        )  # fmt: skip
        height, width = self.archive.grid
        exemplars = []
        for i, row in enumerate(found.rows):
            seed = int(result.seeds[i])
            point = ((seed // width + 0.5) / height, (seed % width + 0.5) / width)
            exemplars.append(Exemplar(int(row), float(found.similarity[i]), point, float(result.support[i, seed]),
                                      self.archive.records[row]))  # fmt: skip
        return Concept(name, text, result.reference.cpu(), tuple(exemplars), self._served(exemplars))

    def _guidance(self, rows: np.ndarray, text: Tensor, method: Method) -> Tensor:
        maps = self.archive.language(rows).unflatten(1, self.archive.language_grid)
        if self.authors.guidance_resized and not method.calibrate:
            guidance = cosegmentation.language_guidance(maps.to(text.device), text)
            return inference.resize(guidance, self.archive.grid).flatten(1)
        language = inference.regrid(maps, self.archive.grid).flatten(1, 2).to(text.device)
        if not method.calibrate:
            return cosegmentation.language_guidance(language, text)
        unusual = inference.unusual((language @ text)[None], text[None], self._typical[1])[0]
        return cosegmentation.calibrated_guidance(unusual)

    def _shares(self, text: Tensor, context: tuple[Concept, ...]) -> Tensor:
        words, usual = torch.stack([concept.text for concept in context]), self.encoder.preset.unrelated
        usual = cosegmentation.usual_cosine(words) if usual is None else usual
        return cosegmentation.context_shares(text, words, usual)

    def _served(self, exemplars) -> bool:
        return float(np.mean([e.similarity for e in exemplars[:5]])) >= self.encoder.preset.served

    def store(self, words: tuple[str, ...], context: tuple[str, ...] = CONTEXT_WORDS) -> None:
        """Learn words now, for reco and for reco2, and lay them beside the archive for a quick cold start."""
        k = self.encoder.preset.k
        groups = []
        for method in map(find_method, STORED_METHODS):
            concepts = self.prepare(words, k=k, method=method, background=(), context=context).concepts
            groups.append(stored.Learned(k, method.learning, context, concepts))
        stored.write_references(self.archive, groups)


class _Clock:
    """Seconds between laps, written under their names."""

    def __init__(self, timings: dict[str, float]) -> None:
        self.timings, self.last = timings, time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.timings[name] = now - self.last
        self.last = now
