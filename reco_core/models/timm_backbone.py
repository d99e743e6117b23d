"""Dense encoders of timm: features of every position for co-segmentation."""

import inspect
import threading
from typing import Any

from torch import Tensor

from reco_core.errors import OptionError

READS = ("tokens", "keys")
TRANSFORMERS = ("vit_", "deit", "eva", "beit")  # whose positions have to be told that sizes vary


class Backbone:
    """A network of timm without its classifier, for photos of any size; random weights until some are loaded.

    read: "tokens", what leaves a block (after the network's own normalisation if it is the last), or
    "keys", what its attention compares. block: 0-based, negative from the end; a stage for ConvNets.
    """

    def __init__(self, name: str, read: str = "tokens", block: int = -1) -> None:
        """Raises OptionError: timm has no such network, or it has no such block or no keys."""
        import timm  # takes two seconds, which users of mini need not wait

        if not timm.is_model(name):
            raise OptionError("timm has no such model", given=name, expected="one that timm.list_models() names")
        if read not in READS:
            raise OptionError("unknown readout of a dense encoder", given=read, expected=" or ".join(READS))
        any_size: dict[str, Any] = {"dynamic_img_size": True} if name.startswith(TRANSFORMERS) else {}
        network: Any = timm.create_model(name, pretrained=False, num_classes=0, **any_size)
        self.network = network.eval()
        depth = len(self.network.feature_info)
        if not -depth <= block < depth:
            raise OptionError("the network has no such block", given=block, expected=f"{-depth} to {depth - 1}")
        self.read, self.block, self.last = read, block % depth, block % depth == depth - 1
        self._caught = threading.local()  # users share the network, not what it says
        if read == "keys":
            blocks = getattr(self.network, "blocks", None)
            if blocks is None or not hasattr(blocks[self.block].attn, "qkv"):
                raise OptionError("this network has no keys", given=name, expected='read "tokens"')
            blocks[self.block].attn.qkv.register_forward_hook(self._catch)

    def adapt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """A published state dict under timm's names (DINOv2's own files name a few things differently)."""
        rename = getattr(inspect.getmodule(type(self.network)), "checkpoint_filter_fn", None)
        return rename(state, self.network) if rename else state

    def __call__(self, images: Tensor) -> Tensor:
        """Features (B, h, w, C) float32, not normalised, of normalised photos (B, 3, H, W), sides multiples of the
        patch.

        Class, distillation and register tokens are dropped.
        """
        (maps,) = self.network.forward_intermediates(
            images,
            indices=[self.block],
            norm=self.last,
            intermediates_only=True,
            output_fmt="NCHW",
            stop_early=not self.last,
        )
        grid = tuple(maps.shape[-2:])
        if self.read == "tokens":
            return maps.permute(0, 2, 3, 1).float()
        keys = self._caught.joined.chunk(3, dim=-1)[1]
        return keys[:, -grid[0] * grid[1] :].unflatten(1, grid).float()

    def _catch(self, module: Any, given: Any, joined: Tensor) -> None:
        self._caught.joined = joined
