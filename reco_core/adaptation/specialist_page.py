"""A specialist as a web page of its own, as `reco_core.export.page` makes one of names."""

import torch
import torch.nn.functional as F
from torch import Tensor

from reco_core.adaptation.deeplab import MULTIPLE
from reco_core.adaptation.specialist import FINE, Specialist
from reco_core.export.page.graph import Graph
from reco_core.segmentation.presence import peak

CREDITS = """Made with ReCo (Apache-2.0): a network that learned these names from {photos} photos that were given.
It runs on ONNX Runtime Web (MIT), copyright Microsoft Corporation.
No photo is in this page.
"""


class SpecialistGraph(Graph):
    """What `Specialist.segment` says, as one module; it draws no outlines of its own."""

    def __init__(self, specialist: Specialist) -> None:
        """Raises WeightsError: its file is damaged."""
        super().__init__(specialist.names, specialist.recipe.side, MULTIPLE, outlines=False)
        self.network = specialist.network().cpu()

    def forward(self, photo: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `reco_core.export.page.graph`."""
        small = self.network(self.seen(photo, rows, columns).permute(2, 0, 1)[None])[0].softmax(0)  # (K + 1, h, w)
        size = (photo.shape[0], photo.shape[1])
        scores = F.interpolate(small[None], size=size, mode="bilinear", align_corners=False)[0]
        return scores.argmax(0).to(torch.uint8), peak(small[1:, ::FINE, ::FINE]), scores


def credits_of(specialist: Specialist) -> str:
    """Whose work its page holds, as plain text."""
    return CREDITS.format(photos=specialist.about.get("photos", "the"))
