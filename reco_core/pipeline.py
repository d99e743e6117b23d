"""The order of the stages: names -> references; photo and references -> segmentation. No maths.

    reco = ReCo.load()
    references = reco.prepare(["cat", "wall"])
    result = reco.segment(read_photo("cat.jpg"), references)

One ReCo serves any number of users: models and archive are read-only, and the only things that change are two caches,
of learned concepts and of what models said of photos, keyed by everything they depend on.
"""

import hashlib
import logging
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reco_core.archives.archive import Archive
from reco_core.archives.asked_names import AskedNames, understand
from reco_core.archives.concept_library import ConceptLibrary
from reco_core.archives.stored_concepts import LearnedGroup, write_concepts
from reco_core.errors import ArchiveError, OptionError
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS, Method, find_method
from reco_core.models.encoder import Encoder
from reco_core.models.encoders import load_encoder
from reco_core.photo_sources.source import path_inside
from reco_core.presets import Preset, find_preset
from reco_core.segmentation import crf, refinement
from reco_core.segmentation.decision import decision_maps, decision_size
from reco_core.segmentation.scorers import PhotoScorer
from reco_core.surroundings import competing
from reco_core.types import MAX_LABELS, Concept, Encoded, PhotoRecord, References, Segmentation
from reco_core.utils.byte_cache import ByteCache
from reco_core.utils.images import limit_size, read_small, resize_labels
from reco_core.utils.names import MAX_NAMES, clean_names
from reco_core.utils.panoramas import is_long, working_side
from reco_core.utils.paths import find_folder
from reco_core.utils.pixels import as_photo
from reco_core.utils.run_control import RunControl
from reco_core.utils.stopwatch import Stopwatch

log = logging.getLogger(__name__)
STORED_METHODS = ("reco", "reco2")  # whose references lie beside an archive
MOST_EXEMPLARS = 1000  # of a name: each is compared with each, so time and memory grow with the square
ENCODED_BYTES = 100_000_000  # of what models said of the last photos, some 5 MB each
WORKING_SIDE = 640  # scores and CRFs work on the photo shrunk to this (`working_photo`); labels are enlarged again


class ReCo:
    """Models and an archive, ready to learn concepts and to find them in photos."""

    def __init__(
        self,
        encoder: Encoder,
        archive: Archive,
        photos: Path | None = None,
        concepts: ConceptLibrary | None = None,
        encoded: ByteCache[Encoded] | None = None,
    ) -> None:
        """photos: folder with the archive's photos, for archives that store no dense features. concepts: of this
        archive, if they are to be learned in another way than the usual. encoded: what this encoder said of photos.

        Raises ArchiveError if the archive was made by another model.
        """
        preset = encoder.preset
        archive.check_model(preset.name, encoder.hash)
        self.encoder = encoder
        self.archive = archive.with_maps_from(partial(_read_maps, encoder, photos)) if photos else archive
        self.concepts = concepts or ConceptLibrary(encoder, self.archive)
        self.encoded = ByteCache[Encoded](ENCODED_BYTES) if encoded is None else encoded
        stats = self.concepts.learner.photo_stats, self.concepts.learner.position_stats
        self.scorer = PhotoScorer(preset.temperatures, preset.presence, *stats, encoder.words)

    @classmethod
    def load(
        cls,
        preset: str | Preset = "mini",
        *,
        archive: str | Path | None = None,
        device: str | None = None,
        weights: str | Path | None = None,
        photos: Path | None = None,
        **options: Any,
    ) -> "ReCo":
        """Load a preset with its own or another archive.

        Args:
            preset: its name, or one of your own (`dataclasses.replace` of one of `presets.PRESETS`).
            weights: a folder where weights are looked for first; for mini also a file.
            photos: folder with the archive's photos, for archives that store no dense features.
            options: fetch, control, precision of `encoders.load_encoder`.

        Raises:
            OptionError, WeightsError, ArchiveError: what is wrong, and what to do.
        """
        chosen = find_preset(preset) if isinstance(preset, str) else preset
        folder = Path(archive) if archive else find_folder(chosen.archive)
        if not archive and not folder.exists():
            raise ArchiveError(
                f"preset {chosen.name} has no archive yet",
                expected=f"an archive in {folder}",
                remedy=f"Make it with: reco install {chosen.name}",
            )
        opened = Archive(folder)
        opened.check_model(chosen.name)  # before weights are loaded, or even downloaded
        encoder = load_encoder(chosen, device, Path(weights) if weights else None, **options)
        return cls(encoder, opened, photos)

    def understand(self, names: str | Iterable[str], own: Collection[str] = (), most: int = MAX_NAMES) -> AskedNames:
        """What typed names ask for ("two red cars": car), what of them is not understood; see `asked_names`."""
        return understand(names, self.archive, own, most)

    def prepare(
        self,
        names: str | Iterable[str],
        *,
        k: int | None = None,
        method: str | Method = "reco",
        background: tuple[str, ...] = BACKGROUND_WORDS,
        context: tuple[str, ...] = CONTEXT_WORDS,
        exclude: frozenset[str] = frozenset(),
        taught: Sequence[Concept] = (),
        most: int = MAX_NAMES,
        guessed: bool = False,
        control: RunControl | None = None,
    ) -> References:
        """Learn what each name looks like: retrieve exemplars, co-segment them.

        Args:
            names: the concepts, in the order of the labels; a text is split as typed names are. All words count:
                ask `understand` first for what people typed.
            k: exemplars per concept (default: the preset's); more than the archive has means all, but at most
                `MOST_EXEMPLARS`.
            method: decides which switches (LGC, CE) are on while learning.
            background: words that compete as background, but for those that mean what was asked for.
            context: words that context elimination suppresses.
            exclude: archive photos (PhotoRecord.file) that must not be exemplars.
            taught: concepts of `teach`; they are taken for names that are theirs.
            most: names that are accepted, at most `MAX_LABELS`; the default is for what people type.
            guessed: nobody asked for these names, they may be there: only the same words leave the background.
            control: told of each name before it is learned, and asked then.

        Raises:
            NamesError, OptionError: what is wrong with the arguments. Cancelled: `control` was cancelled.
        """
        control = control or RunControl()
        started = time.perf_counter()
        learning = _method(method).learning
        k = self.encoder.preset.k if k is None else k
        self._check_k(k)
        names = clean_names(names, min(most, MAX_LABELS))
        by_name = {concept.name.casefold(): concept for concept in taught}
        others = tuple(word for word in background if word not in names) if guessed else competing(background, names)
        learned = []
        for done, name in enumerate((*names, *others)):
            control.raise_if_cancelled("learning names was stopped")
            control.report(f"learning {name}", done, len(names) + len(others))
            library = self.concepts if done < len(names) else self.concepts.surroundings
            given = by_name.get(name.casefold()) if done < len(names) else None
            way = learning if done < len(names) else replace(learning, titles=False)  # background is as it looks
            learned.append(given or library.get(name, k, way, tuple(context), exclude))
        return References(tuple(learned[: len(names)]), tuple(learned[len(names) :]), time.perf_counter() - started)

    def teach(
        self,
        name: str,
        rows: Sequence[int],
        *,
        k: int | None = None,
        method: str | Method = "reco",
        context: tuple[str, ...] = CONTEXT_WORDS,
    ) -> Concept:
        """Learn a thing from photos of it alone, whatever it is called; for `prepare(taught=...)`.

        rows: the photos, in the archive. k: exemplars per context word (default: the preset's).

        Raises:
            NamesError, OptionError, ArchiveError: what is wrong with the arguments.
        """
        (name,) = clean_names([name])
        k = self.encoder.preset.k if k is None else k
        for count in (k, max(1, len(rows))):
            self._check_k(count)
        return self.concepts.teach(name, rows, k, _method(method).learning, tuple(context))

    def _check_k(self, k: int) -> None:
        """Raise OptionError unless so many exemplars can be compared."""
        if k < 1:
            raise OptionError("k must be at least 1", given=k)
        if min(k, len(self.archive)) > MOST_EXEMPLARS:
            what, archive = "there are too many exemplars for a name", f"an archive of {len(self.archive)} photos"
            raise OptionError(what, given=f"{k}, of {archive}", expected=f"at most {MOST_EXEMPLARS}")

    def extended(self, archive: Archive) -> "ReCo":
        """The same models with photos of another archive behind this one's, for one user for example.

        Context and background words stay as the first archive taught them.

        Raises:
            ArchiveError: it was made by another model.
        """
        both = Archive.concatenate([self.archive, archive])
        return ReCo(
            self.encoder,
            both,
            concepts=ConceptLibrary(self.encoder, both, self.concepts.surroundings),
            encoded=self.encoded,
        )

    def encode(self, photo: np.ndarray, working: np.ndarray | None = None) -> Encoded:
        """Run the models on a photo, for any number of calls of `segment`; what they said of the last ones is kept.

        photo: (H, W, 3) uint8 RGB, or what `as_photo` makes it of. working: its `working_photo`, if that is there
        already. Raises PhotoError: it is none.
        """
        photo = as_photo(photo)
        long = is_long(photo.shape)
        if not long and not self.encoder.preset.windowed:  # else the models see more than we work on
            photo = working_photo(photo) if working is None else working
        key = photo.shape, hashlib.sha256(np.ascontiguousarray(photo).data).digest()
        known = self.encoded.get(key)
        if known is not None:
            return known
        return self.encoded.put(key, (self.encoder.encode_long if long else self.encoder.encode_photo)(photo))

    def segment(
        self,
        photo: np.ndarray,
        references: References,
        *,
        method: str | Method = "reco",
        encoded: Encoded | None = None,
    ) -> Segmentation:
        """Mark the concepts in a photo (H, W, 3) uint8 RGB, or what `as_photo` makes it of.

        encoded: what `encode` said of this photo, so that it need not be read again for other names.

        Raises:
            PhotoError: it is no photo. OptionError: unknown method. DependencyError: the method wants the paper's CRF,
                and its library is not installed.
        """
        method, photo = _method(method), as_photo(photo)
        timings = {"prepare": references.seconds}
        clock = Stopwatch(timings)
        working = working_photo(photo)
        clock.lap("resize")
        encoded = encoded or self.encode(photo, working)
        clock.lap("encode")
        size = (working.shape[0], working.shape[1])
        scored = self.scorer.score(encoded, references, size, method.scoring)
        clock.lap("infer")
        scores, labels = scored.scores.cpu().numpy(), _label(working, scored.scores, method)
        if method.refine:
            clock.lap("crf")
        labels = resize_labels(labels, photo.shape[:2])
        return Segmentation(labels, scores, references, tuple(torch.sigmoid(scored.log_odds).tolist()), timings)

    def explain(
        self,
        photo: np.ndarray,
        references: References,
        label: int,
        *,
        method: str | Method = "reco",
        encoded: Encoded | None = None,
    ) -> dict[str, np.ndarray]:
        """How a name's pixels were decided: by title, maps (h, w) uint8 on the photo's grid; see `decision_maps`.

        label: the name's, from 1; the rest as in `segment`. Raises OptionError: there is no such label or method.
        """
        if not 1 <= label <= len(references.concepts):
            raise OptionError("no such label", given=label, expected=f"1 to {len(references.concepts)}")
        concept, options = references.concepts[label - 1], _method(method).scoring
        encoded = encoded or self.encode(photo)
        seen = self.scorer.compare(encoded, [concept])
        scores = self.scorer.score(encoded, references, decision_size(seen), options).scores
        maps = decision_maps(seen, scores, label, concept.stats, options)
        return {title: values.numpy() for title, values in maps}

    def store(
        self, words: tuple[str, ...], context: tuple[str, ...] = CONTEXT_WORDS, control: RunControl | None = None
    ) -> None:
        """Learn words now, for reco and for reco2, and lay them beside the archive for a quick cold start."""
        k = self.encoder.preset.k
        groups = []
        for method in map(find_method, STORED_METHODS):
            learned = self.prepare(words, k=k, method=method, background=(), context=context, control=control)
            groups.append(LearnedGroup(k, method.learning.changed, context, learned.concepts))
        write_concepts(self.archive, groups)


def working_photo(photo: np.ndarray) -> np.ndarray:
    """A photo (H, W, 3) uint8 at the size that scores and labels have: `WORKING_SIDE` long, longer above 3:1."""
    return limit_size(photo, working_side(photo.shape, WORKING_SIDE))


def _method(method: str | Method) -> Method:
    return find_method(method) if isinstance(method, str) else method


def _label(photo: np.ndarray, scores: Tensor, method: Method) -> np.ndarray:
    """Labels (H, W) uint8 of a photo (H, W, 3) from scores (K, H, W), drawn along its edges as the method says."""
    if method.refine == "crf":
        return crf.refine(photo, scores.cpu().numpy()).astype(np.uint8)
    labels = refinement.refine(photo, scores) if method.refine else scores.argmax(0)
    return labels.byte().cpu().numpy()


def _read_maps(encoder: Encoder, photos: Path, records: Sequence[PhotoRecord]) -> list[dict[str, Tensor]]:
    """Dense maps (positions, C) of archive photos from their files."""
    side = encoder.archive_side  # as `archives.embedding` reads them
    encoded = encoder.encode_archive([read_small(path_inside(photos, record.file), side)[0] for record in records])
    return [
        {"features": encoded.features[i].flatten(0, 1).cpu(), "language": encoded.language[i].flatten(0, 1).cpu()}
        for i in range(len(records))
    ]
