"""CLIP by open_clip: text and image towers behind two calls."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.errors import OptionError
from reco_core.models.attention_masking import embed_segments
from reco_core.models.dense_clip import ClipOutput, embed_clip, read_clip

SENTENCES = 64  # in a batch


class Clip:
    """A CLIP model; random weights until some are loaded."""

    def __init__(self, name: str, readout: str, quick_gelu: bool) -> None:
        """Raises OptionError: open_clip has no such model."""
        import open_clip  # takes a second, which users of mini need not wait

        if name not in open_clip.list_models():
            known = "one that open_clip.list_models() names"
            raise OptionError("open_clip has no such model", given=name, expected=known)
        self.network: Any = open_clip.create_model(name, pretrained=None, force_quick_gelu=quick_gelu).eval()
        self.readout = readout
        self.tokenizer = open_clip.SimpleTokenizer(context_length=self.network.context_length)

    @torch.inference_mode()
    def text(self, sentences: list[str]) -> Tensor:
        """(N, D) float32 on the CPU, rows of norm 1.

        The text tower looks only backwards and is read at the end mark, so what lies behind the longest
        sentence's end mark is left out: the same result in a sixth of the time.
        """
        model, rows = self.network, []
        device, dtype = model.token_embedding.weight.device, model.token_embedding.weight.dtype
        for start in range(0, len(sentences), SENTENCES):
            tokens = self.tokenizer(sentences[start : start + SENTENCES]).to(device)
            ends = tokens.argmax(-1)  # the end mark has the largest number
            length = int(ends.max()) + 1
            x = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
            x = model.transformer(x.to(dtype), attn_mask=model.attn_mask[:length, :length].to(dtype))
            x = model.ln_final(x)[torch.arange(len(x), device=device), ends] @ model.text_projection
            rows.append(F.normalize(x.float(), dim=-1).cpu())
        return torch.cat(rows)

    @torch.inference_mode()
    def embed(self, images: Tensor) -> Tensor:
        """Normalised photos (B, 3, H, W), any size -> (B, D) float32, rows of norm 1."""
        return F.normalize(embed_clip(self.network.visual, images), dim=-1)

    @torch.inference_mode()
    def segments(self, image: Tensor, masks: Tensor) -> Tensor:
        """Segments (S, h, w) of a normalised photo (1, 3, H, W) -> (S, D) float32, rows of norm 1; see `attention`."""
        return F.normalize(embed_segments(self.network.visual, image, masks), dim=-1)

    def dense(self, images: Tensor, affinity: Tensor | None = None) -> ClipOutput:
        """Global embedding and language map from one forward pass; see `denseclip.read_clip`."""
        return read_clip(self.network.visual, images, self.readout, affinity)
