"""Scorers: from what a photo shows of each concept to a score for every pixel. `SCORERS` has one for each method.

A scorer is given `Similarity`, what models say of one photo and K concepts, and returns (K, H, W), of which the argmax
is taken. `denseclip` and `reco` are published; `reco2` is ours: names are compared with each other instead of each
being judged alone, and each starts from the odds that it is in the photo at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from reco_core.methods import SURROUNDINGS, Scoring, Temperatures
from reco_core.segmentation import presence, score_maps
from reco_core.segmentation.background_stats import BackgroundStats, z_score
from reco_core.segmentation.cosegmentation import LANGUAGE_GAIN
from reco_core.types import Concept, Encoded, References, Words

# cosines of two texts: words below the first mean something else, from the second on the same
UNKNOWN_BELOW, KNOWN_FROM, WORD_TEMPERATURE = 0.6, 0.8, 0.03
SAME_WORD = 0.5  # of two concepts' shares of words, from which one is a kind of the other
LEAST_LEFT = 1e-3  # probability
NEVER = -1e4  # not infinite: it is averaged


class Similarity(NamedTuple):
    """One photo and K concepts. Grids (h, w) of features and (h', w') of language may differ.

    reference: (K, h, w) cosines f_p . r. language: (K, h', w') cosines d_p . t. language_z: (K, h', w') the same in
    standard deviations. features: (h, w, C) of norm 1. log_odds: (K,) that the concept is in the photo at all.
    expected: (K,) bool, concepts that are in nearly every photo: background words, sky, wall, ...
    words: what the model was taught of them, if it was taught any words. others: (h', w'), the most that any other
    word that it was taught says of a position; see `PhotoScorer.others`.
    """

    reference: Tensor
    language: Tensor
    language_z: Tensor
    features: Tensor
    log_odds: Tensor
    expected: Tensor
    words: "TaughtWords | None" = None
    others: Tensor | None = None


class TaughtWords(NamedTuple):
    """What a model that was taught words says of K concepts, by the words that mean the same.

    known: (K,) 0..1, how nearly there is such a word. maps: (K, h', w') and photo: (K,), log-odds.
    kinds: (K, K), row by row, 0..1: how far the word of a column is a kind of the row's.
    shares: (K, W) of all taught words, what each counts.
    """

    known: Tensor
    maps: Tensor
    photo: Tensor
    kinds: Tensor
    shares: Tensor

    def apart(self) -> "TaughtWords":
        """Of a word that covers others, what those leave: asked for water and sea, water is what is not the sea."""
        covers = self.kinds.sum(1) > 0  # (K,)
        maps = torch.where(covers[:, None, None], _left(self.maps.flatten(1), self.kinds).view_as(self.maps), self.maps)
        photo = torch.where(covers, _left(self.photo[:, None], self.kinds)[:, 0], self.photo)
        return self._replace(maps=maps, photo=photo)


def _left(log_odds: Tensor, kinds: Tensor) -> Tensor:
    """Log-odds (K, n) of words without their kinds, which are not there together."""
    chances = log_odds.sigmoid()
    return (chances - kinds @ chances).clamp(LEAST_LEFT, 1 - LEAST_LEFT).logit()


class Scorer(Protocol):
    """Scores (K, H, W) of a photo at `size`, larger is likelier. options, temperatures: of the method, the preset."""

    def __call__(
        self, seen: Similarity, size: tuple[int, int], options: Scoring, temperatures: Temperatures
    ) -> Tensor: ...


def denseclip(seen: Similarity, size: tuple[int, int], options: Scoring, temperatures: Temperatures) -> Tensor:
    """The language map alone: sigmoid(10 cos(d_p, t)), resized. Zhou et al., 2021; the baseline."""
    return score_maps.resize(torch.sigmoid(LANGUAGE_GAIN * seen.language), size)  # (K, h', w') -> (K, H, W)


def reco(seen: Similarity, size: tuple[int, int], options: Scoring, temperatures: Temperatures) -> Tensor:
    """P(p, concept) = sigmoid(cos(f_p, r)) x sigmoid(10 cos(d_p, t)), each resized. Shin et al., section 3.3."""
    scores = score_maps.resize(torch.sigmoid(seen.reference), size)  # (K, h, w) -> (K, H, W)
    if options.language:
        scores = scores * denseclip(seen, size, options, temperatures)
    return scores


class Smoothed(NamedTuple):
    """What `combine` is made of: maps (K, h, w) on the grid of features; log_odds and expected (K,).

    reference, language: of `Similarity`. words: with maps on this grid. others: (h, w).
    """

    reference: Tensor
    language: Tensor
    log_odds: Tensor
    expected: Tensor
    words: TaughtWords | None = None
    others: Tensor | None = None


def reco2(seen: Similarity, size: tuple[int, int], options: Scoring, temperatures: Temperatures) -> Tensor:
    """Each concept's log-odds at every position, smoothed by what looks alike. docs/reco2.md."""
    scores = combine(smooth_all(seen, options, temperatures), options, temperatures)
    return score_maps.resize(scores, size)  # (K, h, w) -> (K, H, W), with one more for other words


def smooth_all(seen: Similarity, options: Scoring, temperatures: Temperatures) -> Smoothed:
    """All maps on the grid of features, averaged over positions with alike features."""
    grid, t = seen.reference.shape[1:], temperatures  # (h, w)
    weights = score_maps.affinity(seen.features, t.affinity_gain, t.affinity_shift) if options.affinity else None

    def smooth(maps: Tensor) -> Tensor:
        fitting = maps if maps.shape[1:] == grid else score_maps.resize(maps, grid)  # (K, h', w') -> (K, h, w)
        return fitting if weights is None else score_maps.smooth(fitting, weights)  # weights: (h w, h w)

    language = seen.language_z if options.calibrate else seen.language
    words = seen.words._replace(maps=smooth(seen.words.maps)) if options.words and seen.words else None
    others = smooth(seen.others[None])[0] if words and options.others and seen.others is not None else None
    return Smoothed(smooth(seen.reference), smooth(language), seen.log_odds, seen.expected, words, others)


def combine(maps: Smoothed, options: Scoring, temperatures: Temperatures) -> Tensor:
    """Scores (K, h, w): log-probabilities of references, language and presence, each compared over concepts, added.

    Of words that the model was taught: in place of presence, by how much a position's log-odds exceed what the
    photo gives the word everywhere, and a part of the word's log-odds in the photo; references and language count less.
    Other words come last, as one: archive and language say of them what they say of the concepts on average.
    """
    t, taught = temperatures, maps.words
    known = torch.zeros_like(maps.reference[:, :1, :1]) if taught is None else taught.known[:, None, None]  # (K, 1, 1)
    scores = torch.zeros_like(maps.reference)
    if options.reference:
        reference = score_maps.log_softmax_scores(maps.reference, t.reference)
        scores = scores + (1 - known * (1 - t.word_reference)) * reference
    if options.language:
        language = score_maps.log_softmax_scores(maps.language, t.language_z if options.calibrate else t.language)
        scores = scores + (1 - known * (1 - t.word_language)) * language
    if options.gate:
        odds = maps.log_odds.clamp(max=t.certain)  # (K,)
        if options.expect_background:
            odds = torch.where(maps.expected, odds.clamp(min=t.expected), odds)
        scores = scores + (1 - known) * score_maps.log_softmax_scores(odds, t.evidence)[:, None, None]
    if taught is None:
        return scores
    photo = taught.photo if options.gate else torch.zeros_like(taught.photo)
    found = scores + known * word_scores(taught.maps, photo, t) + (1 - known) * t.unknown
    if maps.others is None:
        return found
    return torch.cat([found, (maps.others + scores.mean(0) - t.others)[None]])


def word_scores(maps: Tensor, photo: Tensor, t: Temperatures) -> Tensor:
    """How much maps (K, h, w) exceed what they are everywhere, and a part of the words' log-odds in the photo (K,)."""
    here = maps - everywhere(maps.mean((1, 2), keepdim=True), t)
    return here + t.word_in_photo * photo.clamp(max=t.certain)[:, None, None]


def everywhere(mean: Tensor, t: Temperatures) -> Tensor:
    """What is taken from a word's log-odds, by their mean over the photo: more of what nearly fills it, since around a
    cat's face too is a place that is less of a cat.
    """
    return t.word_filling * mean.clamp(min=0) + t.word_everywhere * mean.clamp(max=0)


def word_shares(texts: Tensor, words: Words, count: int) -> tuple[Tensor, Tensor]:
    """Which of `count` taught words mean what texts (K, D) mean: `TaughtWords.known` (K,), and shares (K, count)."""
    cosines = texts @ words.texts.T  # (K, A)
    best = cosines.amax(1)
    known = ((best - UNKNOWN_BELOW) / (KNOWN_FROM - UNKNOWN_BELOW)).clamp(0, 1)
    near = ((cosines - best[:, None]) / WORD_TEMPERATURE).exp() * (cosines > UNKNOWN_BELOW)
    shares = torch.zeros(len(texts), count, device=texts.device)
    shares.scatter_reduce_(1, words.columns.expand_as(near), near, "amax")  # a word by the best of its names
    return known, shares / shares.sum(1, keepdim=True).clamp_min(1e-6)


def means_word(text: Tensor, words: Words) -> bool:
    """Whether a text (D,) means the same as a taught word."""
    return float((words.texts.cpu() @ text.cpu()).amax()) >= KNOWN_FROM


def kinds_of(shares: Tensor, kinds: Tensor) -> Tensor:
    """Which concepts are kinds of which, (K, K) of 0 and 1, from `word_shares` (K, W) and pairs of words (P, 2)."""
    pairs = shares[:, kinds[:, 0]] @ shares[:, kinds[:, 1]].T
    return (pairs > SAME_WORD).to(shares.dtype)


SCORERS: dict[str, Scorer] = {"denseclip": denseclip, "reco": reco, "reco2": reco2}


class ScoredPhoto(NamedTuple):
    """scores: (K, H, W), what the argmax is taken of. log_odds: that a concept is in the photo, of the asked ones."""

    scores: Tensor
    log_odds: Tensor


@dataclass(frozen=True)
class PhotoScorer:
    """A preset's constants and its archive's statistics, ready to score photos.

    presence_weights: of `presence.log_odds`. photo_stats, position_stats: of archive photos' embeddings, and of their
    language maps' positions.
    """

    temperatures: Temperatures
    presence_weights: tuple[float, float, float, float]
    photo_stats: BackgroundStats
    position_stats: BackgroundStats
    words: Words | None = None

    def score(self, encoded: Encoded, references: References, size: tuple[int, int], options: Scoring) -> ScoredPhoto:
        """Score an encoded photo (a batch of one) at a size (H, W): (K + 1, H, W) and (K,), background first."""
        asked = len(references.concepts)
        found = self.score_all(encoded, references, size, options, others=bool(references.background))
        return ScoredPhoto(score_maps.merge_background(found.scores, asked), found.log_odds[:asked])

    def score_all(
        self, encoded: Encoded, references: References, size: tuple[int, int], options: Scoring, *, others: bool = False
    ) -> ScoredPhoto:
        """As `score`, with every background word on its own, behind the asked names: (K + B, H, W) and (K + B,).

        others: with one more score behind all, of words that were not asked for.
        """
        asked = len(references.concepts)
        seen = self.compare(encoded, (*references.concepts, *references.background))
        words = seen.words
        if words is not None and others and options.others:
            rest = self.others(encoded, words.known[:asked], words.shares[:asked], gate=options.gate)
            seen = seen._replace(others=rest)
        if words is not None and references.favoured is not None:
            own = words.photo - references.favoured.to(words.photo.device)
            seen = seen._replace(words=words._replace(photo=own))
        log_odds = seen.log_odds + presence.SURROUNDINGS_PRIOR * seen.expected
        seen.expected[asked:] = True
        return ScoredPhoto(SCORERS[options.scorer](seen, size, options, self.temperatures), log_odds)

    def compare(self, encoded: Encoded, concepts: Sequence[Concept]) -> Similarity:
        """What an encoded photo shows of concepts that are asked for: of these, surroundings are expected."""
        device = encoded.features.device
        texts = torch.stack([concept.text for concept in concepts]).to(device)  # (K, D)
        vectors = torch.stack([concept.reference for concept in concepts]).to(device)  # (K, C)
        stats = torch.tensor([concept.stats for concept in concepts], device=device)  # (K, 4)
        reference = score_maps.similarities(encoded.features[0], vectors)  # (K, h, w)
        language = score_maps.similarities(encoded.language[0], texts)  # (K, h', w')
        photo_z, language_z = self.z_scores(encoded, texts, language)
        log_odds = presence.log_odds(photo_z, language_z, reference, stats, self.presence_weights)
        around = torch.tensor([concept.name.casefold() in SURROUNDINGS for concept in concepts], device=device)
        taught = self.taught(encoded, texts)
        if taught is not None:
            log_odds = torch.lerp(log_odds, presence.word_log_odds(taught.photo, taught.maps), taught.known)
        apart = None if taught is None else taught.apart()
        return Similarity(reference, language, language_z, encoded.features[0], log_odds, around, apart)

    def taught(self, encoded: Encoded, texts: Tensor) -> TaughtWords | None:
        """What an encoded photo (batch of one) shows of the words that are nearest to texts (K, D)."""
        if self.words is None or encoded.words is None:
            return None
        photo, maps = encoded.words[0][0], encoded.words[1][0]  # (W,), (h', w', W)
        known, shares = word_shares(texts, self.words, len(photo))
        kinds = kinds_of(shares, self.words.kinds)
        return TaughtWords(known, torch.einsum("hwn,kn->khw", maps, shares), shares @ photo, kinds, shares)

    def others(self, encoded: Encoded, known: Tensor, shares: Tensor, *, gate: bool = True) -> Tensor | None:
        """The most that a word says of each position (h', w'), of those that share none with any asked concept.

        Whoever asks for a cat on a sofa has not asked for the sofa, but its place is not the cat's. Nothing is known to
        exclude a concept that is no taught word. known (K,), shares (K, W): of `TaughtWords`, of the asked concepts.
        """
        scores = self._word_scores(encoded, gate)
        if self.words is None or scores is None:
            return None
        excludes = self.words.excludes
        share, own = (shares[:, -len(excludes) :] * excludes.any(1)).max(1)  # (K,): "dining table" is a name, and table
        beside = excludes[own] & ((known >= SAME_WORD) & (share >= SAME_WORD / 2))[:, None]  # (K, W)
        return torch.where(beside.all(0)[:, None, None], scores, NEVER).amax(0)

    def word_areas(self, encoded: Encoded) -> Tensor | None:
        """The share of a photo's positions, (W,), at which each taught word says most: of those that exclude others."""
        scores = self._word_scores(encoded)
        if self.words is None or scores is None:
            return None
        alone, t, features = self.words.excludes.any(1), self.temperatures, encoded.features[0]
        weights = score_maps.affinity(features, t.affinity_gain, t.affinity_shift)
        scores = score_maps.smooth(score_maps.resize(scores, features.shape[:2]), weights)
        best = torch.where(alone[:, None, None], scores, NEVER).argmax(0).flatten()
        return torch.bincount(best, minlength=len(alone)) / len(best)

    def _word_scores(self, encoded: Encoded, gate: bool = True) -> Tensor | None:
        """Scores (W, h', w') of the words that `Words.excludes` has rows for: the last; names come before them."""
        if self.words is None or encoded.words is None:
            return None
        count = len(self.words.excludes)
        photo, maps = encoded.words[0][0, -count:], encoded.words[1][0, ..., -count:].permute(2, 0, 1)
        return word_scores(maps, photo if gate else torch.zeros_like(photo), self.temperatures)

    def z_scores(self, encoded: Encoded, texts: Tensor, language: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """By how many standard deviations a photo (batch of one) is nearer to texts (K, D) than archive photos are.

        language: its positions' cosines with the texts, if they are known already.
        Returns the photo as a whole (K,), or the best of the windows it was read in, and its positions (K, h', w').
        """
        language = score_maps.similarities(encoded.language[0], texts) if language is None else language
        whole, views = encoded.embedding[0], encoded.views
        near = texts @ whole if views is None else (texts @ views.T).amax(1)  # (K,)
        photo_z = z_score(near, texts, self.photo_stats)
        return photo_z, z_score(language, texts, self.position_stats)
