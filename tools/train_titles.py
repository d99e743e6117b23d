"""Teach mini words that its teacher never knew, from the titles of training photos.

    python tools/train_titles.py --train ../shared/data/train --wordnet /usr/share/wordnet \\
        --network build/mini/mini.safetensors --out assets/mini

The teacher's head knows 1,000 ImageNet names: 118 breeds of dog, no person, no sheep but a ram, no
street, no forest. Every word of a title that is not itself such a name becomes one more row of the
head. Only these rows are trained, as a linear classifier on class tokens over old and new names
together; a photo titled "dog" may be called dog or any breed (WordNet says which names a word
covers). Weight decay is strong (1.0): the rows must also work on patches, and on photos from
elsewhere. No pixel label is used, nor titles of the archive. A minute on two CPU cores, most of it
reading photos.

Writes OUT/mini.safetensors (float16), OUT/names.txt and OUT/titles.json (settings, loss, result); then
run tools/name_embeddings.py. There is nothing to resume: training itself takes seconds.
"""

import argparse
import json
import logging
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from timm.data import ImageNetInfo
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from titles import Titled, pixels, titled_photos
from wordnet import Nouns

from reco_core.models.mini_vit import MiniNetwork
from reco_core.presets import MINI_NETWORK
from reco_core.utils.images import centre_crop, to_tensor

log = logging.getLogger("train_titles")
CLASSES = 1000
STEPS, BATCH, RATE, DECAY, WARM_UP = 800, 128, 5e-3, 1.0, 50
FIRST_BIAS = -2.0  # new names start out less likely than old ones
LEAST = -1e9


def class_tokens(network: MiniNetwork, folder: Path, photos: list[Titled]) -> Tensor:
    """Normalised class tokens (N, 192) of centre crops."""
    out = torch.empty(len(photos), network.vit.embed_dim)
    side = (MINI_NETWORK.archive_side, MINI_NETWORK.archive_side)
    waiting: list[tuple[int, Tensor]] = []

    def flush() -> None:
        rows, images = zip(*waiting, strict=True)
        tokens = network.embed(torch.stack(images))
        for block in network.vit.blocks:
            tokens = block(tokens)
        out[list(rows)] = network.vit.norm(tokens[:, 0])
        waiting.clear()

    for done, (i, photo) in enumerate(pixels(folder, photos)):
        waiting.append((i, to_tensor(centre_crop(photo), side, MINI_NETWORK.mean, MINI_NETWORK.std)))
        if len(waiting) == 32 or done + 1 == len(photos):
            flush()
        if done % 1000 == 0:
            log.info("%d of %d photos", done, len(photos))
    return out


def class_names() -> tuple[list[list[str]], list[str]]:
    """The lemmas of every ImageNet class, and its WordNet offset."""
    info = ImageNetInfo("imagenet-1k")
    lemmas = [info.index_to_description(i, detailed=False).split(", ") for i in range(CLASSES)]
    return lemmas, [info.index_to_label_name(i)[1:] for i in range(CLASSES)]


def allowed_names(photos: list[Titled], nouns: Nouns) -> tuple[list[str], Tensor]:
    """The new words, and which names (N, 1000 + new), bool, are right for each photo."""
    lemmas, offsets = class_names()
    above = [nouns.above(offset) for offset in offsets]
    row_of: dict[str, int] = {}
    for i, group in enumerate(lemmas):
        for lemma in group:
            row_of.setdefault(lemma.lower(), i)

    def covered(word: str) -> set[int]:
        return nouns.covered(word, above) | ({row_of[word]} if word in row_of else set())

    words = sorted({photo.word for photo in photos if not photo.is_class})
    covers = {word: covered(word) for word in words}
    new = [word for word in words if not (len(covers[word]) == 1 and lemmas[min(covers[word])][0].lower() == word)]
    allowed = torch.zeros(len(photos), CLASSES + len(new), dtype=torch.bool)
    for i, photo in enumerate(photos):
        own = {row_of[photo.word]} if photo.is_class else covers[photo.word]
        for row in own:
            allowed[i, row] = True
        for j, word in enumerate(new):
            if (own <= covers[word] and own) if photo.is_class else word == photo.word:
                allowed[i, CLASSES + j] = True
    return new, allowed


def train_rows(
    tokens: Tensor, allowed: Tensor, words: list[str], weight: Tensor, bias: Tensor, steps: int = STEPS, seed: int = 0
) -> tuple[Tensor, Tensor, list[float]]:
    """Rows (new, C) and biases (new,), and the loss of every hundredth step, that put each photo's probability on its
    allowed names.

    tokens: (N, C). allowed: (N, names) bool. words: a photo's title; rare ones are drawn more often
    (by the inverse root of their count). weight, bias: the rows that exist and stay as they are.
    """
    random = np.random.default_rng(seed)
    count = Counter(words)
    share = np.array([1 / math.sqrt(count[word]) for word in words])
    new = allowed.shape[1] - len(weight)
    rows = torch.zeros(new, weight.shape[1], requires_grad=True)
    biases = torch.full((new,), FIRST_BIAS, requires_grad=True)
    optimizer = torch.optim.AdamW([rows, biases], lr=RATE, weight_decay=DECAY)
    losses = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))
        picked = torch.from_numpy(random.choice(len(words), BATCH, p=share / share.sum()))
        logits = tokens[picked] @ torch.cat([weight, rows]).T + torch.cat([bias, biases])
        loss = -logits.log_softmax(-1).masked_fill(~allowed[picked], LEAST).logsumexp(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % 100 == 0:
            log.info("step %d of %d: loss %.3f", step + 1, steps, loss.item())
            losses.append(round(loss.item(), 4))
    return rows.detach(), biases.detach(), losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True, help="folder with manifest.tsv and the tars it names")
    parser.add_argument("--wordnet", type=Path, required=True, help="folder with WordNet 3.0's data.noun")
    parser.add_argument("--network", type=Path, required=True, help="mini.safetensors of tools/train_mini.py")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    state = load_file(args.network)
    weight, bias = (state[f"head.{part}"][:CLASSES].float() for part in ("weight", "bias"))
    network = MiniNetwork(names=CLASSES)
    network.vit.load_state_dict({**state, "head.weight": weight, "head.bias": bias})
    network.eval()
    photos = [photo for photo in titled_photos(args.train) if photo.word]
    new, allowed = allowed_names(photos, Nouns(args.wordnet))
    with torch.inference_mode():
        tokens = class_tokens(network, args.train, photos)
    tokens = tokens.clone()  # out of inference mode
    used = torch.tensor([not photo.held_out and bool(row.any()) for photo, row in zip(photos, allowed, strict=True)])
    words = [photo.word for photo, use in zip(photos, used.tolist(), strict=True) if use]
    rows, biases, losses = train_rows(tokens[used], allowed[used], words, weight, bias)
    state["head.weight"] = torch.cat([weight, rows]).half()
    state["head.bias"] = torch.cat([bias, biases]).half()
    args.out.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in state.items()}, args.out / "mini.safetensors")
    names = [group[0] for group in class_names()[0]] + new
    (args.out / "names.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    right = held_out_accuracy(photos, allowed, tokens, torch.cat([weight, rows]), torch.cat([bias, biases]))
    log.info("held-out photos whose likeliest name is right, mean over titles: %.3f", right)
    settings = {"steps": STEPS, "batch": BATCH, "rate": RATE, "decay": DECAY, "warm_up": WARM_UP, "photos": len(words)}
    record = {"settings": settings, "loss_every_100_steps": losses, "held_out_accuracy": round(right, 4)}
    (args.out / "titles.json").write_text(json.dumps(record, indent=1) + "\n")


def held_out_accuracy(photos: list[Titled], allowed: Tensor, tokens: Tensor, weight: Tensor, bias: Tensor) -> float:
    """On held-out photos: how often is the likeliest name a right one, mean over titles?"""
    best = (tokens @ weight.T + bias).argmax(-1)
    hits: dict[str, list[bool]] = {}
    for i, photo in enumerate(photos):
        if photo.held_out and not photo.is_class:
            hits.setdefault(photo.word, []).append(bool(allowed[i, best[i]]))
    return float(np.mean([np.mean(hit) for hit in hits.values()]))


if __name__ == "__main__":
    main()
