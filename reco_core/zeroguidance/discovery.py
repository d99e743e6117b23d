"""Discovery: finding and naming everything in a photo. The order of the stages; no maths.

    discoverer = Discoverer(ReCo.load())
    found = discoverer.discover(read_photo("street.jpg"))

Parts grow from the preset's co-segmentation features, the models read each of them, the vocabulary gives names. Then
ReCo judges: the likeliest names are learned from the archive and compete, with the background words, for the photo, and
a part takes the name for which both speak.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from reco_core.errors import OptionError
from reco_core.methods import BACKGROUND_WORDS, find_method
from reco_core.pipeline import ReCo, working_photo
from reco_core.segmentation import refinement, score_maps
from reco_core.types import MAX_LABELS, Discovery, Encoded, Segment, check_shape
from reco_core.utils.images import resize_labels
from reco_core.utils.pixels import as_photo
from reco_core.utils.run_control import RunControl
from reco_core.utils.stopwatch import Stopwatch
from reco_core.zeroguidance import candidates, merging, naming
from reco_core.zeroguidance.clustering import Tree, grow_tree, part_affinities
from reco_core.zeroguidance.embedding import embed_segments, embed_words
from reco_core.zeroguidance.merging import Group
from reco_core.zeroguidance.parts import MOST_PARTS, PARTS, check_parts
from reco_core.zeroguidance.vocabulary import Vocabulary, load_vocabulary

METHOD = "reco2"
BACKGROUND = (*BACKGROUND_WORDS, "person")  # compete in every photo; what archives know of them lies beside them
FLOOR = 0.02  # of what a reading says for a name, so that it alone rules none out
FOR_BACKGROUND = 0.2  # the least that a reading says for a background word: models know few words for stuff
SMALLEST = 0.005  # of the photo; what is smaller falls to its neighbours
OTHERS = 3  # further names told of a segment
STAGES = ("looking for parts", "reading the parts", "learning likely names")  # of `Discoverer.read`


@dataclass(frozen=True)
class Reading:
    """All that is known of a photo before its pieces are counted; for any number of calls of `Discoverer.divide`.

    photo: (h, w, 3) uint8, a `working_photo`; size: (H, W) of the original. nodes: parts of every node of the
    tree that has pixels; embeddings: (S, D), theirs. names: K candidates and background words; belongs: (M, h, w),
    log-probabilities of parts. said: (K,) of every part, sums over its pixels of ReCo's scores, and areas: (M,), their
    number. read: (S, K), probabilities of the names by the embeddings. kind: (K, K), see `naming.resolve_kinds`.
    given: whether the parts came from elsewhere.
    """

    photo: np.ndarray
    size: tuple[int, int]
    tree: Tree
    nodes: dict[frozenset[int], int]
    embeddings: Tensor
    names: tuple[str, ...]
    words: Tensor
    belongs: Tensor
    said: np.ndarray
    areas: np.ndarray
    read: np.ndarray
    kind: np.ndarray
    given: bool = False
    timings: dict[str, float] = field(default_factory=dict)


class Discoverer:
    """A ReCo with a vocabulary; shared by any number of users, like ReCo itself."""

    def __init__(
        self, reco: ReCo, vocabulary: Vocabulary | None = None, background: Sequence[str] = BACKGROUND
    ) -> None:
        """vocabulary: default the bundled nouns, embedded now if they are not yet. background: words that compete in
        every photo, beside the vocabulary's.
        """
        self.reco = reco
        self.vocabulary = vocabulary or load_vocabulary(reco.encoder)
        self.background = tuple(background)
        self._folded = frozenset(word.casefold() for word in background)
        self._rows = {name.casefold(): row for row, name in enumerate(self.vocabulary.names)}

    def discover(self, photo: np.ndarray, parts: int = PARTS, *, control: RunControl | None = None) -> Discovery:
        """Find and name what is in a photo (H, W, 3) uint8, or what `as_photo` makes it of; see `divide`."""
        check_parts(parts)
        return self.divide(self.read(photo, control=control), parts)

    def read(
        self, photo: np.ndarray, regions: np.ndarray | None = None, *, control: RunControl | None = None
    ) -> Reading:
        """All that takes time: parts, what the models say of them, the names that may be in the photo.

        Args:
            photo: (H, W, 3) uint8, or what `as_photo` makes it of.
            regions: (H, W), numbers from 0, parts that something else found; `divide` does not cut or join them. Photos
                are read at the size of `working_photo`, and so are these.
            control: told of each of three stages when it begins, and asked then.

        Raises:
            PhotoError: it is no photo. OptionError: regions of another size, or more than `MAX_LABELS`. Cancelled:
                `control` was cancelled.
        """
        control, photo = control or RunControl(), as_photo(photo)
        if regions is not None:
            check_shape("regions", regions, photo.shape[:2])
            count = len(np.unique(regions))
            if count > MAX_LABELS:
                raise OptionError("there are too many regions", given=count, expected=f"at most {MAX_LABELS}")
        watch = Stopwatch()
        _enter(control, 0)
        working = working_photo(photo)
        encoded = self.reco.encode(photo, working)
        watch.lap("encode")
        if regions is None:
            tree = grow_tree(encoded.features[0], MOST_PARTS)
            maps = part_affinities(encoded.features[0], tree.parts)
            belongs = score_maps.resize(maps, working.shape[:2]).log_softmax(0).cpu()
        else:
            tree, belongs = _given(regions, working.shape[:2])
        masks = belongs.argmax(0).numpy()[None] == np.arange(len(belongs))[:, None, None]
        areas = masks.sum((1, 2))
        nodes, unions = self._nodes(tree, masks)
        watch.lap("parts")
        _enter(control, 1)
        embeddings = embed_segments(self.reco.encoder, working, unions)
        watch.lap("read")
        _enter(control, 2)
        words, temperature = self.vocabulary, self.reco.encoder.preset.words
        probability = naming.probabilities(embeddings, words.embeddings, words.words.counts, temperature)
        pooled = naming.add_kinds(probability, words.below)
        likely = self._likely(encoded, pooled, unions.mean((1, 2)))
        references = self.reco.prepare(
            likely or self.background[:1] or self.vocabulary.names[:1],
            method=METHOD,
            background=self.background,
            guessed=True,
            control=RunControl(parent=control),
        )
        scored = self.reco.scorer.score_all(encoded, references, working.shape[:2], find_method(METHOD).scoring)
        concepts = (*references.concepts, *references.background)
        said = np.stack([scored.scores.cpu().numpy()[:, mask].sum(1) for mask in masks], 1)
        watch.lap("learn")
        names = tuple(concept.name for concept in concepts)
        read, kind = self._compare(pooled, names)
        return Reading(
            working,
            photo.shape[:2],
            tree,
            nodes,
            embeddings,
            names,
            self._embed(names),
            belongs,
            said,
            areas,
            read,
            kind,
            regions is not None,
            watch.timings,
        )

    def divide(self, reading: Reading, parts: int = PARTS) -> Discovery:
        """Segments with names, each name once; parts from elsewhere as they are, each with its name.

        Args:
            parts: the photo is first cut into so many pieces, 1 to `MOST_PARTS`; then pieces that look alike and are
                called alike, or the same, become one.

        Raises:
            OptionError: `parts` is out of range.
        """
        check_parts(parts)
        started = time.perf_counter()
        members = reading.tree.members
        nodes = reading.tree.cut(reading.tree.count if reading.given else parts)
        pieces = [frozenset(part for part in members[node] if reading.areas[part]) for node in nodes]
        named: dict[frozenset[int], tuple[int, np.ndarray]] = {}

        def name(piece: frozenset[int]) -> tuple[int, np.ndarray]:
            """The row of a piece's name, and the probabilities."""
            if piece not in named:
                named[piece] = self._name(reading, piece)
            return named[piece]

        groups = []
        for piece in filter(None, pieces):
            size, image = float(reading.areas[list(piece)].sum()), reading.embeddings[reading.nodes[piece]]
            groups.append(Group(piece, size, image, reading.words[name(piece)[0]]))
        if reading.given:
            kept, labels = groups, reading.tree.parts
            rows = {group.parts: name(group.parts)[0] for group in groups}
        else:
            groups = merging.merge(groups, lambda piece: reading.words[name(piece)[0]])
            alike: dict[int, Group] = {}
            for group in groups:
                row = name(group.parts)[0]
                alike[row] = merging.join(alike[row], group, reading.words[row]) if row in alike else group
            kept, labels = _draw(reading, list(alike.values()))
            rows = {group.parts: row for row, group in alike.items()}  # joined, they keep the name that joined them
        segments = tuple(self._segment(reading, rows[group.parts], name(group.parts)[1]) for group in kept)
        labels = resize_labels((labels + 1).astype(np.uint8), reading.size)
        timings = {**reading.timings, "divide": time.perf_counter() - started}
        return Discovery(labels, segments, torch.stack([group.image for group in kept]), timings)

    def _nodes(self, tree: Tree, masks: np.ndarray) -> tuple[dict[frozenset[int], int], np.ndarray]:
        """The distinct unions of parts in a tree that have pixels, and their masks (S, h, w)."""
        nodes: dict[frozenset[int], int] = {}
        for members in tree.members:
            nodes.setdefault(frozenset(part for part in members if masks[part].any()), len(nodes))
        nodes.pop(frozenset(), None)
        nodes = {parts: row for row, parts in enumerate(nodes)}
        return nodes, np.stack([masks[list(parts)].any(0) for parts in nodes])

    def _likely(self, encoded: Encoded, pooled: np.ndarray, areas: np.ndarray) -> tuple[str, ...]:
        """Names that may be in the photo, without those that compete anyway."""
        said = self.reco.scorer.word_areas(encoded)
        words = self.reco.encoder.word_names
        seen = candidates.seen_names(words, said.cpu().numpy(), self._rows) if said is not None else []
        read = candidates.read_names(pooled, areas, self.vocabulary)
        read = candidates.without_general(read, seen, self.vocabulary, self._rows)
        return candidates.choose(seen, read, self._folded)

    def _compare(self, pooled: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """What readings say for each of a few names (S, K), and which of them are kinds of others (K, K)."""
        folded = [name.casefold() for name in names]
        known = np.array([self._rows.get(name, -1) for name in folded])
        least = [FOR_BACKGROUND if name in self._folded else 0 for name in folded]
        read = np.maximum(np.where(known >= 0, pooled[:, known], 0), least).astype(np.float32)
        kind = self.vocabulary.below[known][:, known].toarray().astype(bool) & (known >= 0) & (known >= 0)[:, None]
        np.fill_diagonal(kind, False)
        return read, kind

    def _embed(self, names: tuple[str, ...]) -> Tensor:
        """Names' embeddings, from the vocabulary where it has them."""
        rows = [self._rows.get(name.casefold()) for name in names]
        strange = tuple(name for name, row in zip(names, rows, strict=True) if row is None)
        made = dict(zip(strange, embed_words(self.reco.encoder, strange), strict=True)) if strange else {}
        pairs = zip(names, rows, strict=True)
        return torch.stack([made[name] if row is None else self.vocabulary.embeddings[row] for name, row in pairs])

    def _name(self, reading: Reading, piece: frozenset[int]) -> tuple[int, np.ndarray]:
        """The row of a piece's name, and the probabilities (K,): ReCo's scores and the reading count alike."""
        area, read, left = reading.areas[list(piece)].sum(), np.zeros(len(reading.names)), set(piece)
        for node, row in sorted(reading.nodes.items(), key=lambda entry: -len(entry[0])):
            if node <= left:
                read += reading.read[row] * reading.areas[list(node)].sum() / area
                left -= node
        logits = reading.said[:, list(piece)].sum(1) / area + np.log(read + FLOOR)
        probability = np.exp(logits - logits.max())
        probability /= probability.sum()
        return naming.resolve_kinds(probability, reading.kind)[0], probability

    def _segment(self, reading: Reading, row: int, probability: np.ndarray) -> Segment:
        sure = probability + reading.kind.astype(float) @ probability
        order = [i for i in np.argsort(-probability) if i != row][:OTHERS]
        others = tuple((reading.names[i], float(probability[i])) for i in order)
        return Segment(reading.names[row], float(sure[row]), others)


def _enter(control: RunControl, stage: int) -> None:
    control.raise_if_cancelled("discovery was stopped")
    control.report(STAGES[stage], stage, len(STAGES))


def _given(regions: np.ndarray, size: tuple[int, ...]) -> tuple[Tree, Tensor]:
    """Regions from elsewhere as a tree without joins, at another size."""
    small = np.asarray(Image.fromarray(regions.astype(np.int32)).resize((size[1], size[0]), Image.Resampling.NEAREST))
    used, parts = np.unique(small, return_inverse=True)
    parts = parts.reshape(size)
    sure = torch.from_numpy(parts[None] == np.arange(len(used))[:, None, None])
    return Tree(parts, ()), torch.where(sure, 0.0, -torch.inf)


def _draw(reading: Reading, groups: list[Group]) -> tuple[list[Group], np.ndarray]:
    """Labels (h, w) from 0 along the photo's edges, and the groups that have them; tiny ones fall to others."""
    labels = _label(reading, groups)
    areas = np.bincount(labels.ravel(), minlength=len(groups))
    large = [group for group, area in zip(groups, areas, strict=True) if area >= SMALLEST * labels.size]
    if len(large) < len(groups):
        groups, labels = large, _label(reading, large)
    used = np.unique(labels)
    return [groups[i] for i in used], np.searchsorted(used, labels)


def _label(reading: Reading, groups: list[Group]) -> np.ndarray:
    scores = torch.stack([reading.belongs[sorted(group.parts)].logsumexp(0) for group in groups])
    return refinement.refine(reading.photo, scores).numpy()
