"""Mark training photos with the words that are known to be in them: what a network learns its next masks from.

    python tools/make_masks.py --data ../shared/data --wordnet /usr/share/wordnet \
        --network build/words/mini.safetensors --photos build/words --out build/masks

Weak supervision's classical loop (seed, expand, constrain): a word's map is what the network says of every patch,
averaged over patches with similar keys, and over neighbouring pixels of similar colour (PAMR: Araslanov & Roth, CVPR
2020, section 3.2). Only words that a photo's captions or title mention, or that the teacher's names for the photo are
kinds of, are marked. A pixel has a word where its map is high and no word that excludes it is higher; it lacks it where
the map is low or another such word is sure; all else is left open.

Writes OUT/masks.u8 and OUT/masks.json: for every photo of `word_photos.Words` its words and their maps, (n, h, w) on
every eighth pixel: 0 no, 1 yes, 255 open. A killed run resumes.
"""

import argparse
import json
import logging
import multiprocessing
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from captions import covered_classes, exclusive
from train_words import load_student, read
from word_photos import Words
from wordnet import Nouns

from reco_core.models.mini_vit import KEY_BLOCK, MiniNetwork, project
from reco_core.segmentation import score_maps
from reco_core.utils.atomic_write import atomic_write

log = logging.getLogger("make_masks")
SIDE, STRIDE, PATCH = 256, 8, 16
MENTIONED = 0.2  # share of captions from which a word is marked
YES, NO, OPEN = 1, 0, 255
SURE, HIGH, LOW = 0.12, 0.5, 0.2  # a word's least probability; shares of its highest one: there above, absent below
GAIN, SHIFT = 8.0, 1.0  # of the affinity of keys
DILATIONS, STEPS, COLOUR = (1, 2, 4), 5, 0.1  # of the propagation: distances, rounds, tolerance in local deviations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with archive/, captions/ and train/")
    parser.add_argument("--wordnet", type=Path, required=True, help="folder with WordNet 3.0's data.noun")
    parser.add_argument("--network", type=Path, required=True, help="mini.safetensors of tools/train_words.py")
    parser.add_argument("--photos", type=Path, required=True, help="folder of the decoded photos")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    data = Words(args.data, args.wordnet, args.photos)
    nouns = Nouns(args.wordnet)
    seen = torch.from_numpy(np.load(args.photos / "teacher.npy")).float()
    data.add_names(seen, torch.from_numpy(covered_classes(data.words, nouns)))
    network = load_student(args.network, len(data.words)).eval()
    mark_all(network, data, exclusive(data.words, nouns), args.out)


def mark_all(network: MiniNetwork, data: Words, excludes: np.ndarray, out: Path) -> None:
    index_file = out / "masks.json"
    index = json.loads(index_file.read_text()) if index_file.exists() else []
    end = sum(len(words) * height * width for words, height, width in index)
    known = (data.targets >= MENTIONED).numpy()
    todo = range(len(index), len(data.store))
    torch.set_num_threads(1)  # small photos: a process a core is quicker
    with multiprocessing.get_context("fork").Pool(
        initializer=_give, initargs=(network, data.store, known, excludes)
    ) as pool:
        _write(pool.imap(_mark, todo, chunksize=16), index, end, out, len(data.store))


def _give(*given: object) -> None:
    global GIVEN  # noqa: PLW0603 - a worker's own, inherited and not copied
    GIVEN = given
    torch.set_num_threads(1)


def _mark(i: int) -> tuple[np.ndarray, np.ndarray]:
    network, store, known, excludes = GIVEN
    words = np.flatnonzero(known[i])
    return words, mark(network, store.photo(i), words, excludes)


def _write(marked: Iterable[tuple[np.ndarray, np.ndarray]], index: list, end: int, out: Path, count: int) -> None:
    """Append masks to those that are there; `index` knows them."""
    started = time.monotonic()
    with (out / "masks.u8").open("r+b" if index else "wb") as file:
        file.seek(end)
        for words, maps in marked:
            file.write(maps.tobytes())
            index.append((words.tolist(), *maps.shape[1:]))
            if len(index) % 500 == 0 or len(index) == count:
                file.flush()
                atomic_write(out / "masks.json", json.dumps(index))
                log.info("%d of %d photos, %.0f s", len(index), count, time.monotonic() - started)


@torch.inference_mode()
def mark(network: MiniNetwork, photo: Tensor, words: np.ndarray, excludes: np.ndarray) -> np.ndarray:
    """Maps (n, h, w) uint8 of n words in a photo (3, H, W) uint8; excludes: (W, W) bool, words that no pixel shares."""
    if not len(words):
        return np.zeros((0, 1, 1), np.uint8)
    height, width = photo.shape[1:]
    scale = SIDE / min(height, width)
    rows, columns = max(8, round(height * scale / PATCH)), max(8, round(width * scale / PATCH))
    image = F.interpolate(photo[None].float() / 255, size=(rows * PATCH, columns * PATCH), mode="bilinear")
    fine = F.interpolate(image, scale_factor=1 / STRIDE, mode="area")
    with torch.autocast("cpu", torch.bfloat16):
        patches, keys = read_with_keys(network, (image - 0.5) / 0.5)
        weight = network.patch_words.weight[words]
        logits = F.linear(patches, weight, network.patch_words.bias[words]).float()
    probability = torch.sigmoid(logits)[0].permute(2, 0, 1)  # (n, h, w)
    keys = F.normalize(keys[0].float(), dim=-1)
    probability = score_maps.smooth(probability, score_maps.affinity(keys, GAIN, SHIFT))
    maps = F.interpolate(probability[None], size=fine.shape[-2:], mode="bilinear")
    maps = propagate(maps, fine)[0]
    return decide(maps, torch.from_numpy(excludes[np.ix_(words, words)])).numpy()


def read_with_keys(network: MiniNetwork, images: Tensor) -> tuple[Tensor, Tensor]:
    kept: list[Tensor] = []
    block = network.vit.blocks[KEY_BLOCK]
    handle = block.register_forward_pre_hook(lambda _, inputs: kept.append(project(block, inputs[0], part=1)))
    _, patches = read(network, images)
    handle.remove()
    return patches, kept[0][:, 1:].unflatten(1, patches.shape[1:3])


def propagate(maps: Tensor, image: Tensor) -> Tensor:
    """Let maps (1, n, h, w) flow between pixels of similar colour; image: (1, 3, h, w) in [0, 1]."""
    neighbours = gather(image)  # (8 d, 1, 3, h, w)
    spread = neighbours.std(0, keepdim=True) + 1e-4
    distance = (((neighbours - image[None]) / spread / COLOUR) ** 2).mean(2, keepdim=True)
    weights = (-distance / 100).softmax(0)
    for _ in range(STEPS):
        maps = (gather(maps) * weights).sum(0)
    return maps


def gather(maps: Tensor) -> Tensor:
    """Each pixel's eight neighbours at every distance: (1, n, h, w) -> (8 d, 1, n, h, w)."""
    height, width = maps.shape[-2:]
    out = []
    for d in DILATIONS:
        padded = F.pad(maps, [d] * 4, mode="replicate")
        for y, x in ((0, 0), (0, d), (0, 2 * d), (d, 0), (d, 2 * d), (2 * d, 0), (2 * d, d), (2 * d, 2 * d)):
            out.append(padded[..., y : y + height, x : x + width])
    return torch.stack(out)


def decide(maps: Tensor, excludes: Tensor) -> Tensor:
    """Probabilities (n, h, w) -> yes, no or open; excludes: (n, n) bool.

    A word is known to be somewhere in the photo: its map counts relative to the root of its highest value, so that a
    wall, which captions seldom mention, is not outdone everywhere by a person, whom they always do.
    """
    out = torch.full(maps.shape, OPEN, dtype=torch.uint8)
    highest = maps.flatten(1).amax(1)[:, None, None] if len(maps) else maps
    shares = maps / highest.clamp_min(SURE)  # (n, h, w)
    strength = maps / highest.clamp_min(SURE).sqrt()
    yes = torch.zeros(maps.shape, dtype=torch.bool)
    for i, own in enumerate(strength):
        rivals = strength[excludes[i]]
        wins = own >= rivals.amax(0) if len(rivals) else torch.ones_like(own, dtype=torch.bool)
        yes[i] = wins & (shares[i] >= HIGH) & (highest[i] >= SURE)
        out[i][shares[i] < LOW] = NO
    for i in range(len(maps)):
        out[i][yes[excludes[i]].any(0)] = NO
    out[yes] = YES
    return out


if __name__ == "__main__":
    main()
