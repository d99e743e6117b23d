"""Embed the names that mini's head knows: assets/mini/names.txt -> names.safetensors.

    python tools/name_embeddings.py /usr/share/wordnet [FOLDER]

The first 1,000 names are ImageNet classes: each is embedded as its first lemma in mini's templates
plus half of the mean of all its lemmas plus half of its WordNet definition (all as timm carries
them). The rest are words, each followed by what else it is called, embedded in the templates. The mean over the
classes is stored too; a share of it is subtracted from names and queries alike (see presets.Preset.centre), and which
words cover which (water, sea), as pairs of rows, and which share no position (dog, grass).
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from timm.data import ImageNetInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from captions import covering, exclusive
from wordnet import Nouns

from reco_core.models import sentence_encoder
from reco_core.models.prompts import embed_names
from reco_core.presets import MINI

CLASSES = 1000
DEFINITION_SHARE, SYNONYMS_SHARE = 0.5, 0.5


def main() -> None:
    nouns = Nouns(Path(sys.argv[1]))
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else (ROOT / MINI.vocabulary.file).parent
    lines = (folder / "names.txt").read_text(encoding="utf-8").splitlines()
    words = [line.split(", ") for line in lines[CLASSES:]]
    info = ImageNetInfo("imagenet-1k")
    lemmas = [info.index_to_description(i, detailed=False) for i in range(CLASSES)]
    definitions = [info.index_to_description(i, detailed=True)[len(lemma) + 2 :] for i, lemma in enumerate(lemmas)]
    encode = sentence_encoder.load()

    def embed(words: list[str]) -> torch.Tensor:
        return embed_names(tuple(words), MINI.templates, encode)

    synonyms = torch.stack([F.normalize(embed(lemma.split(", ")).mean(0), dim=-1) for lemma in lemmas])
    first = embed([lemma.split(",")[0] for lemma in lemmas])
    classes = F.normalize(first + DEFINITION_SHARE * encode(definitions) + SYNONYMS_SHARE * synonyms, dim=-1)
    mean = classes.mean(0)
    before = load_file(folder / "names.safetensors")["mean"] if (folder / "names.safetensors").exists() else mean
    mean = before if torch.allclose(before, mean, atol=1e-5) else mean  # a vocabulary goes by its bits
    origin = MINI.centre * mean
    everything = torch.cat([classes, embed([word for word, *_ in words])])
    others = [lemma.split(", ") for lemma in lemmas] + [aliases for _, *aliases in words]
    rows = [row for row, aliases in enumerate(others) for _ in aliases]
    aliases = embed([alias for aliases in others for alias in aliases])
    column = {word: CLASSES + i for i, (word, *_) in enumerate(words)}
    covers = [(above, own) for word, own in column.items() for above in covering(word, column, nouns) if above != own]
    tensors = {
        "embeddings": F.normalize(everything - origin, dim=-1).half(),
        "mean": mean.to(torch.float32),
        "aliases": F.normalize(aliases - origin, dim=-1).half(),
        "alias_rows": torch.tensor(rows, dtype=torch.int32),
        "kinds": torch.tensor(covers, dtype=torch.int32),
        "excludes": torch.from_numpy(exclusive(list(column), nouns)),
    }
    save_file(tensors, folder / "names.safetensors")


if __name__ == "__main__":
    main()
