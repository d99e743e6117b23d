"""Vectors as sums of a few words of a dictionary: seven bytes each.

mini's language maps are sums of names' embeddings, so four names and their weights keep nearly all
of them (cosine 0.95, where a product quantiser of six bytes keeps 0.87).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.errors import OptionError

WORDS = 4  # of a vector
MOST = 2048  # words a dictionary may have: 11 bits
LEVELS = 15  # of a weight in units of the largest: 4 bits
BYTES = 7  # 4 x 11 + 3 x 4 bits; the largest weight is 1


def pack(vectors: Tensor, dictionary: Tensor) -> Tensor:
    """Code vectors (n, D) by a dictionary (N, D), both of norm 1: (n, 7) uint8.

    Orthogonal matching pursuit (Pati et al., 1993): the word nearest to what is still missing joins,
    then all weights are fitted again by least squares; words with weights below zero leave.

    Raises:
        OptionError: the dictionary has too few or too many words.
    """
    if not WORDS <= len(dictionary) <= MOST:
        raise OptionError("the dictionary does not fit the code", given=len(dictionary), expected=f"{WORDS} to {MOST}")
    gram = dictionary @ dictionary.T
    nearness = vectors @ dictionary.T
    rows = torch.arange(len(vectors), device=vectors.device)[:, None]
    chosen = nearness.argmax(1, keepdim=True)
    weights = nearness.gather(1, chosen)
    for size in range(2, WORDS + 1):
        missing = nearness - torch.einsum("ns,nsd->nd", weights, gram[chosen])
        missing[rows, chosen] = -torch.inf
        chosen = torch.cat([chosen, missing.argmax(1, keepdim=True)], 1)
        inner = gram[chosen[:, :, None], chosen[:, None, :]] + 1e-4 * torch.eye(size, device=vectors.device)
        weights = torch.linalg.solve(inner, nearness.gather(1, chosen))
    weights, order = weights.clamp_min(0).sort(dim=1, descending=True)
    chosen = chosen.gather(1, order)
    levels = (weights[:, 1:] / weights[:, :1].clamp_min(1e-9) * LEVELS).round().long()
    bits = torch.zeros(len(vectors), dtype=torch.long, device=vectors.device)
    for word in range(WORDS):
        bits |= chosen[:, word] << (11 * word)
    for word in range(WORDS - 1):
        bits |= levels[:, word] << (11 * WORDS + 4 * word)
    return torch.stack([(bits >> (8 * byte)) & 255 for byte in range(BYTES)], 1).to(torch.uint8)


def unpack(codes: Tensor, dictionary: Tensor) -> Tensor:
    """The vectors (n, D) float32 of norm 1 that codes (n, 7) uint8 stand for."""
    bits = torch.zeros(len(codes), dtype=torch.long)
    for byte in range(BYTES):
        bits |= codes[:, byte].long() << (8 * byte)
    words = torch.stack([(bits >> (11 * word)) & (MOST - 1) for word in range(WORDS)], 1)
    levels = torch.stack([(bits >> (11 * WORDS + 4 * word)) & LEVELS for word in range(WORDS - 1)], 1)
    weights = torch.cat([torch.ones(len(codes), 1), levels / LEVELS], 1)
    return F.normalize(torch.einsum("nw,nwd->nd", weights, dictionary[words]), dim=-1)
