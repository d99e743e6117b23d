"""ReCo: segment photos by typing names.

    from reco_core import ReCo, read_photo

    reco = ReCo.load()  # the bundled model and archive: no network, no GPU
    references = reco.prepare(["cat", "wall"], method="reco2_crf")  # what the names look like, learned once
    result = reco.segment(read_photo("photo.jpg"), references, method="reco2_crf")
    result.labels, result.presence  # (H, W) uint8: 0 background, 1 cat, 2 wall; and whether each is there, 0..1

Importing this is cheap: what is named below is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"
__all__ = ["METHODS", "PRESETS", "ReCo", "RecoError", "Segmentation", "read_photo"]

if TYPE_CHECKING:
    from reco_core.errors import RecoError
    from reco_core.methods import METHODS
    from reco_core.pipeline import ReCo
    from reco_core.presets import PRESETS
    from reco_core.types import Segmentation
    from reco_core.utils.images import read_photo
else:
    _MODULES = {
        "METHODS": "methods",
        "PRESETS": "presets",
        "ReCo": "pipeline",
        "RecoError": "errors",
        "Segmentation": "types",
        "read_photo": "utils.images",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
