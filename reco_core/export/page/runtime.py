"""What runs a graph in browsers, as tools/fetch_runtime.py keeps it."""

import gzip
from dataclasses import dataclass

from reco_core.errors import DependencyError
from reco_core.utils.paths import bundled_folder

FOLDER = "assets/onnxruntime-web"


@dataclass(frozen=True)
class Runtime:
    """script: a module. wasm: packed with gzip. licences: plain text, its own and of what it is made of."""

    script: bytes
    wasm: bytes
    licences: str

    @classmethod
    def bundled(cls) -> "Runtime":
        """Raises DependencyError: it is not there."""
        folder = bundled_folder() / FOLDER
        try:
            texts = (folder / "LICENSE").read_text("utf-8"), (folder / "ThirdPartyNotices.txt.gz").read_bytes()
            return cls(
                (folder / "ort.wasm.bundle.min.mjs").read_bytes(),
                (folder / "ort-wasm-simd-threaded.wasm.gz").read_bytes(),
                f"ONNX Runtime\n\n{texts[0]}\n{gzip.decompress(texts[1]).decode('utf-8')}",
            )
        except OSError as error:
            remedy = "Bring it with: python tools/fetch_runtime.py"
            raise DependencyError("what runs models in browsers is missing", given=error, remedy=remedy) from error
