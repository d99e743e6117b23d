"""Embed the 1,000 class names that mini's head knows: assets/mini/names.safetensors.

    python tools/name_embeddings.py

A name's embedding is that of its first lemma in mini's templates plus half of that of its WordNet
definition (both as timm carries them): on the titles of the training photos this retrieves 55 % of
the right photos among the first 20, against 52 % for lemmas alone. The mean over names is stored too;
a share of it is subtracted from names and queries alike (see presets.Preset.centre).
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from timm.data import ImageNetInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from reco_core import text
from reco_core.mini import NAMES
from reco_core.presets import MINI
from reco_core.prompts import embed_names

DEFINITION_SHARE = 0.5


def main() -> None:
    info = ImageNetInfo("imagenet-1k")
    lemmas = [info.index_to_description(i, detailed=False) for i in range(NAMES)]
    definitions = [info.index_to_description(i, detailed=True)[len(lemma) + 2 :] for i, lemma in enumerate(lemmas)]
    encode = text.load()
    first = tuple(lemma.split(",")[0] for lemma in lemmas)
    plain = embed_names(first, MINI.templates, encode) + DEFINITION_SHARE * encode(definitions)
    plain = F.normalize(plain, dim=-1)
    mean = plain.mean(0)
    embeddings = F.normalize(plain - MINI.centre * mean, dim=-1)
    out = ROOT / MINI.weights[1].path
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({"embeddings": embeddings.half(), "mean": mean.to(torch.float32)}, out)


if __name__ == "__main__":
    main()
