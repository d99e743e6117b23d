"""Vocabularies: the words that segments are named with, what is a kind of what, and their embeddings on disk."""

import csv
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from reco_core.errors import NamesError, OptionError
from reco_core.models.encoders import Encoder
from reco_core.models.weights import write_tensors
from reco_core.utils.hashing import digest
from reco_core.utils.names import clean_names
from reco_core.utils.paths import bundled_folder, cache_folder
from reco_core.utils.run_control import RunControl
from reco_core.zeroguidance.embedding import embed_words, words_fingerprint

log = logging.getLogger(__name__)

NOUNS = bundled_folder() / "assets" / "vocabulary" / "nouns.tsv"
BUNDLED = bundled_folder() / "assets" / "mini"  # where mini's embeddings of the nouns lie
MOST = 50_000  # words of a user's own list
LEVELS = 15  # an embedding's numbers are kept as -15 to 15 times its largest / 15: cosine 0.997 with what they were
AT_ONCE = 256


@dataclass(frozen=True)
class Words:
    """names: N of them. counts: (N,) how common each is, 0 and more. kinds: of each, the rows of what it is a kind
    of.
    """

    names: tuple[str, ...]
    counts: np.ndarray
    kinds: tuple[tuple[int, ...], ...]

    @property
    def hash(self) -> str:
        """16 hexadecimal digits of the names in their order."""
        return digest("\n".join(self.names), 16)


@dataclass(frozen=True)
class Vocabulary:
    """Words with their embeddings (N, D) float32 of norm 1, comparable with what an encoder says of segments.

    below: (N, N) sparse, below[i, j] = 1 if word j is word i or a kind of it. information: (N,) 0..1, how much it says
    that a thing is of this kind: 1 for a word with nothing below it, 0 for one that covers all.
    """

    words: Words
    embeddings: Tensor
    below: scipy.sparse.csr_matrix = field(repr=False)
    information: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, words: Words, embeddings: Tensor) -> "Vocabulary":
        """With what follows from the words."""
        count = len(words.names)
        over = [_over(words.kinds, row) for row in range(count)]
        columns = np.repeat(np.arange(count), [len(rows) for rows in over])
        rows = np.array([row for found in over for row in found], dtype=np.int64)
        ones = np.ones(len(rows), np.float32)
        below = scipy.sparse.csr_matrix((ones, (rows, columns)), shape=(count, count))
        sizes = np.asarray(below.sum(1)).ravel()
        return cls(words, embeddings, below, 1 - np.log(sizes) / np.log(max(count, 2)))

    @property
    def names(self) -> tuple[str, ...]:
        return self.words.names


def _over(kinds: Sequence[tuple[int, ...]], row: int) -> set[int]:
    """A word's row and those of everything that it is a kind of."""
    found, waiting = set(), [row]
    while waiting:
        here = waiting.pop()
        if here not in found:
            found.add(here)
            waiting += kinds[here]
    return found


@cache
def nouns() -> Words:
    """The bundled words: ImageNet-21k's names without kinds of person, and words for stuff (tools/vocabulary.py)."""
    with NOUNS.open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    return Words(
        tuple(row["name"] for row in rows),
        np.array([int(row["count"]) for row in rows]),
        tuple(tuple(map(int, row["kinds"].split())) for row in rows),
    )


def user_words(names: Sequence[str]) -> Words:
    """A user's own list; no word is a kind of another, all are as common.

    Raises:
        NamesError: none, too many, one too long or without letters.
    """
    clean = clean_names(list(names), MOST)
    return Words(clean, np.zeros(len(clean)), ((),) * len(clean))


def read_words(file: Path) -> Words:
    """A user's own list from a text file, a word a line, or with commas between.

    Raises:
        NamesError: see `user_words`; or it is no text. OSError: it cannot be read.
    """
    try:
        return user_words(re.split(r"[,;\n\r]", file.read_text(encoding="utf-8")))
    except UnicodeDecodeError as error:
        raise NamesError(f"{file.name} is no text", expected="words in UTF-8, one a line") from error


def load_vocabulary(encoder: Encoder, words: Words | None = None, control: RunControl | None = None) -> Vocabulary:
    """A vocabulary for an encoder: embeddings from the project or the cache on disk, else made now and kept there.

    words: default `nouns()`. control: told of words that are embedded; asked meanwhile.

    Raises:
        Cancelled: `control` was cancelled. OSError: the disk is full; nothing half-written is left.
    """
    words = nouns() if words is None else words
    name = f"vocabulary-{words.hash}.safetensors"
    mark = f"{words_fingerprint(encoder)}-{words.hash}"
    kept = cache_folder() / "vocabularies" / f"{mark}.safetensors"
    for file in (BUNDLED / name, kept):
        found = _read(file, mark, len(words.names))
        if found is not None:
            return Vocabulary.of(words, found)
    embeddings = _embed(encoder, words.names, control or RunControl())
    write_embeddings(kept, embeddings, mark)
    return Vocabulary.of(words, _unpack(*_pack(embeddings)))


def _embed(encoder: Encoder, names: tuple[str, ...], control: RunControl) -> Tensor:
    """In batches of words of one length, which saves half of the time."""
    order = sorted(range(len(names)), key=lambda row: len(names[row]))
    out: Tensor | None = None
    for start in range(0, len(order), AT_ONCE):
        control.raise_if_cancelled("embedding words was stopped")
        rows = order[start : start + AT_ONCE]
        made = embed_words(encoder, tuple(names[row] for row in rows))
        out = torch.empty(len(names), made.shape[1]) if out is None else out
        out[rows] = made
        control.report("words", start + len(rows), len(order))
    if out is None:
        raise OptionError("a vocabulary needs words", given=0)
    return out


def _pack(embeddings: Tensor) -> tuple[Tensor, Tensor]:
    """Integers (N, D) int8 and the scale (N,) of each row."""
    scale = embeddings.abs().amax(1).clamp_min(1e-12) / LEVELS
    return (embeddings / scale[:, None]).round().to(torch.int8), scale


def _unpack(codes: Tensor, scale: Tensor) -> Tensor:
    return F.normalize(codes.float() * scale.float()[:, None], dim=-1)


def write_embeddings(file: Path, embeddings: Tensor, mark: str) -> None:
    """Write embeddings (N, D) in one step; raises OSError. mark: of whom they are."""
    codes, scale = _pack(embeddings)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_tensors({"codes": codes, "scale": scale}, file, {"mark": mark}, shared=True)


def _read(file: Path, mark: str, count: int) -> Tensor | None:
    """Embeddings from a file; None if there is none, it is damaged, or somebody else's."""
    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as opened:
            ours = (opened.metadata() or {}).get("mark") == mark
        tensors = load_file(file) if ours else {}
        if ours and len(tensors["codes"]) == count:
            return _unpack(tensors["codes"], tensors["scale"])
    except (SafetensorError, KeyError, OSError, RuntimeError) as error:
        log.warning("%s is damaged and is made anew: %s", file.name, error)
    return None
