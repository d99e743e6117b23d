"""What the stages hand on to each other: small, frozen, checked when made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from reco_core.errors import OptionError

if TYPE_CHECKING:
    from torch import Tensor

MAX_LABELS = 255  # labels are uint8, and 0 is the background
Why = Literal["looks", "title", "both", "given"]  # why a photo is an exemplar, see `Exemplar`


def check_shape(name: str, array: Tensor | np.ndarray, expected: tuple[int | None, ...]) -> None:
    """Raise OptionError unless the array has this shape; None stands for any length."""
    actual = tuple(array.shape)
    fits = len(actual) == len(expected) and all(e in (None, a) for a, e in zip(actual, expected, strict=True))
    if not fits:
        wanted = "(" + ", ".join("any" if e is None else str(e) for e in expected) + ")"
        raise OptionError(f"{name} has the wrong shape", given=actual, expected=wanted)


@dataclass(frozen=True, slots=True)
class PhotoRecord:
    """Where an archive photo comes from, and under which terms.

    file: path below the archive's photo folder. sha256: of the original's bytes at source_url.
    licence_scope: "photo" or "collection", what the licence was stated for. open_licence: "yes" or "no", where the
    source says whether anyone may use the photo; "" where only its licence tells.
    """

    file: str
    width: int
    height: int
    source_url: str
    sha256: str
    landing_url: str
    licence: str
    licence_scope: str
    author: str
    title: str
    open_licence: str = ""

    @classmethod
    def of(cls, row: Mapping[str, str]) -> PhotoRecord:
        """From a table row by column names; what the row does not have stays empty."""
        texts = {f.name: row.get(f.name) or "" for f in fields(cls) if f.name not in ("width", "height")}
        return cls(width=int(row.get("width") or 0), height=int(row.get("height") or 0), **texts)


@dataclass(frozen=True)
class LeftOut:
    """A photo that an archive did not take, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Encoded:
    """A batch of B photos as the models see it; every vector has norm 1.

    embedding: (B, D) global, comparable with text. language: (B, h, w, D), text-aligned.
    features: (B, h', w', C), for co-segmentation; another model's grid may be another.
    retrieval: (B, R), what archives are searched by, if that is not `embedding`. words: of a model that was taught
    words, their log-odds in the photo (B, W) and at every position of the language map (B, h, w, W). views: (V, D), the
    embeddings of the windows that one photo was read in. All float32.
    """

    embedding: Tensor
    language: Tensor
    features: Tensor
    retrieval: Tensor | None = None
    words: tuple[Tensor, Tensor] | None = None
    views: Tensor | None = None

    def __post_init__(self) -> None:
        b, d = self.embedding.shape
        check_shape("language map", self.language, (b, None, None, d))
        check_shape("features", self.features, (b, None, None, None))
        if self.retrieval is not None:
            check_shape("retrieval embeddings", self.retrieval, (b, None))
        if self.views is not None:
            check_shape("embeddings of windows", self.views, (None, d))


class Words(NamedTuple):
    """Texts (A, D) of the words that a model was taught, norm 1, and which column of `Encoded.words` each is (A,).

    kinds: (P, 2), pairs of columns, of which the second is a kind of the first: water, sea. excludes: (W, W) bool, of
    the last W columns, pairs of which a position has one: dog, grass.
    """

    texts: Tensor
    columns: Tensor
    kinds: Tensor
    excludes: Tensor


@dataclass(frozen=True)
class Retrieved:
    """Archive photos for a concept, best first: rows (k,), similarity (k,) to its text, and why each (`Exemplar`)."""

    rows: np.ndarray
    similarity: np.ndarray
    why: tuple[Why, ...] = ()

    def __post_init__(self) -> None:
        check_shape("similarity", self.similarity, (len(self.rows),))
        if not self.why:
            object.__setattr__(self, "why", ("looks",) * len(self.rows))
        check_shape("why", np.asarray(self.why), (len(self.rows),))


@dataclass(frozen=True)
class Exemplar:
    """One retrieved photo and the point of it that ReCo learned from.

    similarity: cosine to the name's text. seed: (y, x) of the seed in the archive's centre crop,
    0..1 from the top left. support: how strongly the other exemplars agree with the seed. why: it "looks" like the
    name, its "title" has the name in it, "both", or it was "given" to learn from.
    """

    row: int
    similarity: float
    seed: tuple[float, float]
    support: float
    record: PhotoRecord
    why: Why = "looks"


class ExemplarStats(NamedTuple):
    """What a concept's exemplars show of it; a photo is compared with them to say whether it is there.

    photo_z, peak_z: by how many standard deviations an exemplar, and its best positions, are nearer to the
    name than the archive's photos are. match: cosine of its best positions with the reference; usual:
    the same of unrelated photos. The defaults are what good exemplars show.
    """

    photo_z: float = 4.0
    peak_z: float = 4.0
    match: float = 0.8
    usual: float = 0.6


GOOD_EXEMPLARS = ExemplarStats()


@dataclass(frozen=True)
class ExemplarMaps:
    """What models and archive say of a concept's k exemplars, best first; a concept is learned from it.

    found: the photos. records: (k,). features: (k, h w, C) and language: (n, h', w', D), norm 1; n is k, or fewer where
    language does not guide. embeddings: (k, D) of the photos, if texts can be compared with them.
    """

    found: Retrieved
    records: tuple[PhotoRecord, ...]
    features: Tensor
    language: Tensor
    embeddings: Tensor | None

    def __post_init__(self) -> None:
        check_shape("features", self.features, (len(self.found.rows), None, None))
        check_shape("language maps", self.language, (None, None, None, None))


@dataclass(frozen=True)
class Concept:
    """A name and what ReCo knows about it: text (D,) and reference (C,) of norm 1, its exemplars.

    text: comparable with language maps; archives may be searched by another model's text.
    in_archive: whether the archive has photos that look like the name; if not, results mean little.
    stats: what its exemplars show.
    """

    name: str
    text: Tensor
    reference: Tensor
    exemplars: tuple[Exemplar, ...] = ()
    in_archive: bool = True
    stats: ExemplarStats = GOOD_EXEMPLARS


@dataclass(frozen=True)
class References:
    """All concepts that compete for a photo's pixels: the asked ones, then the background words.

    favoured: (K + B,) float32, log-odds that photos of one kind all give them too much; see `photo_kind`. None: of any.
    """

    concepts: tuple[Concept, ...]
    background: tuple[Concept, ...] = ()
    seconds: float = 0.0
    favoured: Tensor | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(concept.name for concept in self.concepts)


@dataclass(frozen=True)
class Segmentation:
    """The answer for one photo.

    labels: (H, W) uint8, 0 = background, i = names[i - 1]. scores: (K + 1, h, w) float32, what the
    argmax was taken of, background first, on the working grid. presence: (K,) 0..1, whether the
    thing is there at all. timings: seconds by stage.
    """

    labels: np.ndarray
    scores: np.ndarray
    references: References
    presence: tuple[float, ...]
    timings: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_shape("labels", self.labels, (None, None))
        check_shape("scores", self.scores, (len(self.names) + 1, None, None))
        check_shape("presence", np.asarray(self.presence), (len(self.names),))

    @property
    def names(self) -> tuple[str, ...]:
        return self.references.names

    def share(self, index: int) -> float:
        """The share of the photo's pixels that label `index` covers, 0..1."""
        return float((self.labels == index).mean())


@dataclass(frozen=True)
class Segment:
    """A discovered part of a photo: its name, how clearly it won (0..1), and (name, 0..1) of what else it may be."""

    name: str
    confidence: float
    others: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Discovery:
    """What was found in a photo when nobody said what to look for.

    labels: (H, W) uint8, i = segments[i - 1]; 0 nowhere. embeddings: (S, D), of the segments, norm 1, comparable with
    the words'. timings: seconds by stage.
    """

    labels: np.ndarray
    segments: tuple[Segment, ...]
    embeddings: Tensor
    timings: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_shape("labels", self.labels, (None, None))
        check_shape("embeddings", self.embeddings, (len(self.segments), None))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(segment.name for segment in self.segments)

    def share(self, index: int) -> float:
        """The share of the photo's pixels that segment `index`, from 1, covers, 0..1."""
        return float((self.labels == index).mean())
