"""What mini says of a specialist's names before any training: where the specialist begins, and what it adds to.

The scores of `scorers.combine` from the network's own positions, with names, references and what the photos favour
(`photo_kind`) as weights. Left out, since it counts little beside words: the language map.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reco_core.methods import Temperatures
from reco_core.models.mini_encoder import MiniEncoder
from reco_core.models.mini_vit import NAME_BIAS
from reco_core.pipeline import ReCo
from reco_core.segmentation.scorers import everywhere, word_shares
from reco_core.types import References

WIDTH = 192  # of mini's tokens
USUAL_SUM = 8.6  # logarithm of the sum over ImageNet's names of what the network says of a position
UNKNOWN_SUM = 3.0  # log-probabilities of presence of names that no word knows, about
NEVER = -30.0  # of a background where there is none
UNLIKE = -1e4
TEMPERATURES = Temperatures()


class Start(nn.Module):
    """rows: concepts, of which the first `asked` are names, the others background words that compete as one."""

    known: Tensor

    def __init__(self, asked: int, rows: int) -> None:
        super().__init__()
        self.asked = asked
        self.words, self.photo = nn.Linear(WIDTH, rows), nn.Linear(WIDTH, rows)
        self.references = nn.Linear(WIDTH, rows, bias=False)
        self.register_buffer("known", torch.zeros(rows))

    def forward(self, deep: Tensor) -> Tensor:
        """`MiniPyramid`'s deep map (B, 3 C, h, w) -> log-scores (B, asked + 1, h, w), background first."""
        values, keys, photo = deep.flatten(2).transpose(1, 2).chunk(3, 2)  # (B, h w, C)
        t, known, keys = TEMPERATURES, self.known, F.normalize(keys, dim=2)
        said = self.words(values)
        said = said - everywhere(said.mean(1, keepdim=True), t)
        said = said + t.word_in_photo * self.photo(photo[:, :1]).clamp(max=t.certain)
        alike = keys @ keys.transpose(1, 2)  # as `score_maps.affinity`, (B, h w, h w)
        alike = t.affinity_gain * (alike - t.affinity_shift * alike.mean((1, 2), keepdim=True))
        alike = alike.masked_fill(alike <= 0, UNLIKE).softmax(2)
        said, looks = (alike @ torch.cat([said, self.references(keys)], 2)).chunk(2, 2)
        scores = said + (1 - known * (1 - t.word_reference)) * looks.log_softmax(2)
        scores = (scores + (1 - known) * (t.unknown - UNKNOWN_SUM)).transpose(1, 2).unflatten(2, deep.shape[2:])
        if scores.shape[1] == self.asked:
            return F.pad(scores, [0, 0, 0, 0, 1, 0], value=NEVER)
        return torch.cat([scores[:, self.asked :].amax(1, keepdim=True), scores[:, : self.asked]], 1)


@torch.no_grad()
def begin(reco: ReCo, references: References) -> Start | None:
    """What a model knows of concepts; None unless it is a mini that was taught words."""
    if not isinstance(reco.encoder, MiniEncoder):
        return None
    network, concepts = reco.encoder.network, (*references.concepts, *references.background)
    patch_words, photo_words = network.patch_words, network.photo_words
    if patch_words is None or photo_words is None:
        return None
    start, head = Start(len(references.concepts), len(concepts)), network.vit.head
    texts = torch.stack([concept.text for concept in concepts])
    words = reco.encoder.words
    known, shares = word_shares(texts.to(words.texts.device), words, len(reco.encoder.spoken))
    for mine, said in ((start.words, patch_words), (start.photo, photo_words)):
        weight, bias = torch.cat([head.weight, said.weight]), said.bias - network.evened_prior()
        mine.weight.copy_(known[:, None] * (shares @ weight))
        mine.bias.copy_(known * (shares @ torch.cat([head.bias + NAME_BIAS - USUAL_SUM, bias])))
    if references.favoured is not None:
        start.photo.bias.sub_(known.cpu() * references.favoured)
    start.references.weight.copy_(torch.stack([c.reference for c in concepts]) / TEMPERATURES.reference)
    start.known.copy_(known)
    return start
