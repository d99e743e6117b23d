"""BERT's encoder (Devlin et al., NAACL 2019) for inference: weights as published, in the files' own memory.

What transformers has too, whose import takes longer than reading a thousand names.
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor


class Bert:
    """Tokens of texts -> what each of them means there.

    weights: by their published names. heads, epsilon: as the model's config says.
    """

    def __init__(self, weights: Mapping[str, Tensor], heads: int, epsilon: float) -> None:
        """Raises KeyError: `weights` lacks a tensor."""
        self.weights, self.heads, self.epsilon = weights, heads, epsilon
        layers = {name.split(".")[2] for name in weights if name.startswith("encoder.layer.")}
        self.layers = [f"encoder.layer.{number}" for number in range(len(layers))]

    def __call__(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Numbers of tokens (N, n), and 1 where there is one, 0 where there is none, (N, n) -> (N, n, C)."""
        words, places, kinds = (
            self.weights[f"embeddings.{of}_embeddings.weight"] for of in ("word", "position", "token_type")
        )
        tokens = self._norm(words[ids] + kinds[0] + places[: ids.shape[1]], "embeddings")
        for layer in self.layers:
            tokens = self._norm(tokens + self._attend(tokens, mask, f"{layer}.attention"), f"{layer}.attention.output")
            inner = F.gelu(self._linear(tokens, f"{layer}.intermediate.dense"))
            tokens = self._norm(tokens + self._linear(inner, f"{layer}.output.dense"), f"{layer}.output")
        return tokens

    def _attend(self, tokens: Tensor, mask: Tensor, name: str) -> Tensor:
        queries, keys, values = (
            self._linear(tokens, f"{name}.self.{of}").unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for of in ("query", "key", "value")
        )
        seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask.bool()[:, None, None])
        return self._linear(seen.transpose(1, 2).flatten(2), f"{name}.output.dense")

    def _linear(self, tokens: Tensor, name: str) -> Tensor:
        return F.linear(tokens, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, tokens: Tensor, name: str) -> Tensor:
        weight, bias = (self.weights[f"{name}.LayerNorm.{of}"] for of in ("weight", "bias"))
        return F.layer_norm(tokens, weight.shape, weight, bias, self.epsilon)
