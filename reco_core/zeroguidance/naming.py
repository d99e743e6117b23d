"""Naming: from what a model says of a segment to the word for it. Pure functions on arrays.

A word's probability is a softmax over the vocabulary of cosines, times how common the word is. Kinds add up: "dog" has
what all breeds have together. So a name is a bargain between how sure it is and how much it says (Deng et al., "Hedging
Your Bets", CVPR 2012): the product of both is largest.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

VAGUE = 0.05  # a name that covers more of the vocabulary says too little ("artifact", "animal")
MAJORITY = 0.5  # of a general name's probability, from which on one of its kinds is said instead


def probabilities(embeddings: Tensor, words: Tensor, counts: np.ndarray, temperature: float) -> np.ndarray:
    """The probability of every word for every segment, before kinds are added up.

    Args:
        embeddings: (S, D) of segments and words: (N, D) of words, norm 1.
        counts: (N,), how often a word stands in texts.
        temperature: cosines are divided by it.

    Returns:
        (S, N) float32, rows sum to 1.
    """
    logits = (embeddings.float() @ words.float().T).cpu() / temperature + torch.from_numpy(np.log1p(counts)).float()
    return logits.softmax(-1).numpy()


def add_kinds(probability: np.ndarray, below: scipy.sparse.csr_matrix) -> np.ndarray:
    """Probabilities (S, N) with those of all kinds of a word added to it. below: (N, N), see `Vocabulary`."""
    return np.asarray((below @ probability.T).T)


def choose_names(pooled: np.ndarray, information: np.ndarray) -> np.ndarray:
    """The row (S,) of the name with the largest probability x information; never a vague one.

    Source: Deng et al., CVPR 2012, section 3, the reward with the dual variable at 0.
    """
    count = len(information)
    useful = information >= -np.log(VAGUE) / np.log(max(count, 2))
    return np.where(useful, pooled * information, -1).argmax(1) if useful.any() else pooled.argmax(1)


def resolve_kinds(probability: Sequence[float], kind: np.ndarray) -> tuple[int, float]:
    """The winner among a few names of which some are kinds of others, and its probability, all its kinds included.

    The most general names compete first; then a kind takes over from its winner if it has most of its probability:
    of terrier 0.3, dog 0.2 and cat 0.4 it is terrier, of terrier 0.2, hound 0.2 and dog 0.1 it is dog.

    probability: (K,). kind: (K, K) bool, kind[i, j]: j is a kind of i; not of itself.
    """
    shares = np.asarray(probability) + kind.astype(float) @ np.asarray(probability)
    best = max(np.flatnonzero(~kind.any(0)), key=lambda i: shares[i])
    while kind[best].any():
        below = max(np.flatnonzero(kind[best]), key=lambda i: shares[i])
        if shares[below] < MAJORITY * shares[best]:
            break
        best = below
    return int(best), float(shares[best])
