"""Networks that are taught words: read with the rows of the words that they know, averaged, and kept."""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from reco_core.models.mini_vit import NAMES, MiniNetwork
from reco_core.utils.atomic_write import atomic_path

FIRST_BIAS = -3.0  # of a new word: it finds everything unlikely


def load_student(file: Path, words: list[str]) -> MiniNetwork:
    """The network of a file: the words that it knows, and new rows, which find everything unlikely, for others."""
    state = {name: value.float() for name, value in load_file(file).items()}
    if "head.weight" in state:  # a plain transformer's, which knows no words
        state = {f"vit.{name}": value for name, value in state.items()}
    for part in ("weight", "bias"):
        state[f"vit.head.{part}"] = state[f"vit.head.{part}"][:NAMES]
    row = {word: i for i, word in enumerate(words_of(file) if "photo_words.bias" in state else ())}
    known = [i for i, word in enumerate(words) if word in row]
    old = [row[words[i]] for i in known]
    for name in ("photo_words", "patch_words"):
        weight = torch.zeros(len(words), state["vit.head.weight"].shape[1])
        bias = torch.full((len(words),), FIRST_BIAS)
        if known:
            weight[known], bias[known] = state[f"{name}.weight"][old], state[f"{name}.bias"][old]
        state[f"{name}.weight"], state[f"{name}.bias"] = weight, bias
    prior = torch.zeros(len(words))
    if known:
        prior[known] = state["word_prior"][old]
    state["word_prior"] = prior
    network = MiniNetwork(words=len(words))
    network.load_state_dict(state)
    return network


def words_of(file: Path) -> list[str]:
    """The words that a network knows: of words.txt beside it, or after the 1,000 names of names.txt."""
    own = file.with_name("words.txt")
    lines = own if own.exists() else file.with_name("names.txt")
    found = [line.split(", ")[0] for line in lines.read_text(encoding="utf-8").splitlines()]
    return found if own.exists() else found[NAMES:]


def halfway(start: MiniNetwork, trained: MiniNetwork, new: Tensor) -> None:
    """Make `trained` the mean of both networks' weights, but for the rows of words (W,) bool that are new to it.

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """
    before, rows = start.state_dict(), ("photo_words.", "patch_words.", "word_prior")
    for name, value in trained.state_dict().items():
        mean = (before[name] + value) / 2
        value.copy_(torch.where(new.view(-1, *[1] * (value.dim() - 1)), value, mean) if name.startswith(rows) else mean)


def save_weights(network: MiniNetwork, file: Path) -> None:
    state = {key: value.half().contiguous().cpu() for key, value in network.state_dict().items()}
    with atomic_path(file) as part:
        save_file(state, part)
