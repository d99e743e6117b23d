"""Teach mini words from captions: what is in a photo, and where, with no pixel labels.

    python tools/train_words.py --data ../shared/data --teacher ../shared/weights/*.safetensors \
        --wordnet /usr/share/wordnet --network build/mini/mini.safetensors --out build/words

A photo's captions say which things it shows (`captions.py`), not where. A word's logit at every patch is pooled
(a mean in the exponential domain: between the mean and the maximum) and compared with the share of captions that
mention the word. Half of the pictures are collages of two or four photos: each part is pooled on its own, so that a
word must stay where its photo is. The class token learns the same for whole photos. What the teacher knows,
1,000 names of which a photo has one, is held by its probabilities for photo and patches.

With --masks (`tools/make_masks.py`) every pixel that is sure of its words teaches them too.

Progress goes to the log and to OUT/log.jsonl; a killed run resumes from OUT/state.pt. The result is the running mean of
the weights, OUT/mini.safetensors (float16), and OUT/words.txt. With --halfway it is the mean of that and of the network
that the run began with, which keeps what more training would lose.
"""

import argparse
import json
import logging
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from captions import covered_classes, exclusive, synonyms
from photo_store import PhotoStore
from train_mini import divergence
from word_network import halfway, load_student, save_weights, words_of
from word_photos import PATCH, Batch, Masks, Words, draw_batch, tile
from wordnet import Nouns

from reco_core.models.mini_vit import MiniNetwork
from reco_core.utils.atomic_write import atomic_path

log = logging.getLogger("train_words")
RATE, WORD_RATE, WARM_UP = 2e-4, 4e-3, 100
FROZEN = 4  # blocks that stay as they are
POOL = 2.0  # gain of the pooling
MOSTLY, RULED_OUT = 0.6, 0.2  # share of a patch from which a word rules others out; what these count
PER_PATCH = 2
PER_PHOTO = 10  # words' losses are summed and divided by this
AVERAGE = 0.998  # of the running mean of weights
LOG_EVERY, MEASURE_EVERY, KEEP_EVERY = 25, 250, 240  # steps, steps, seconds
EVERYDAY = (
    *("person", "man", "dog", "water", "grass", "tree", "road", "building"),
    *("sky", "snow", "sand", "wall", "table", "car", "boat", "street", "mountain"),
)


@torch.inference_mode()
def name_probabilities(teacher: MiniNetwork, store: PhotoStore, file: Path, device: str) -> Tensor:
    """What the teacher says of every photo, (N, 1000); kept in a file."""
    if not file.exists():
        out = []
        for part in np.array_split(np.arange(len(store)), max(1, len(store) // 64)):
            with torch.autocast(device, torch.bfloat16):
                token, _ = read(teacher, store.batch(part, (224, 224), None).to(device))
                out.append(teacher.vit.head(token).float().softmax(-1).cpu())
        np.save(file, torch.cat(out).half().numpy())
    return torch.from_numpy(np.load(file)).float()


def pooled(logits: Tensor, gain: float = POOL) -> Tensor:
    """(..., positions, W) -> (..., W): log of the mean of exponentials."""
    return (torch.logsumexp(gain * logits, -2) - math.log(logits.shape[-2])) / gain


def parts(patches: Tensor, layout: tuple[int, int]) -> Tensor:
    """Patch maps (B, h, w, W) of pictures -> (B x rows x columns, positions, W), a row a photo."""
    rows, columns = layout
    batch, height, width, words = patches.shape
    cut = patches.view(batch, rows, height // rows, columns, width // columns, words)
    return cut.permute(0, 1, 3, 2, 4, 5).reshape(batch * rows * columns, -1, words)


def read(network: MiniNetwork, images: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised class tokens (B, C) and patches of the value path (B, h, w, C)."""
    tokens = network.embed(images)
    for block in network.vit.blocks[:-1]:
        tokens = block(tokens)
    seen = network.vit.norm(network.last(tokens))
    grid = (images.shape[-2] // PATCH, images.shape[-1] // PATCH)
    return seen[:, 0], seen[:, 1:].unflatten(1, grid)


def losses(student: MiniNetwork, teacher: MiniNetwork, batch: Batch, excludes: Tensor) -> dict[str, Tensor]:
    """What the student is wrong about. excludes: (W, W), see `mask_loss`."""
    token, patches = read(student, batch.images)
    maps = student.patch_words(patches)
    out = {"where": word_loss(pooled(parts(maps.float(), batch.layout)), batch.wanted, batch.weights)}
    if batch.masks:
        out["where"] = out["where"] / 2
        out["masks"] = mask_loss(maps, *batch.masks, excludes)
    if batch.layout == (1, 1):
        out["photo"] = word_loss(student.photo_words(token).float(), batch.wanted, batch.weights)
    half = slice(0, max(1, len(batch.images) // 2))
    with torch.no_grad():
        sure_token, sure_patches = read(teacher, batch.images[half])
        names, patch_names = teacher.vit.head(sure_token), teacher.vit.head(sure_patches)
    out["names"] = divergence(student.vit.head(token[half]), names)
    out["patches"] = divergence(student.vit.head(patches[half]), patch_names)
    return out


def mask_loss(maps: Tensor, yes: Tensor, known: Tensor, excludes: Tensor) -> Tensor:
    """How far word logits (B, h, w, W) are from masks: shares (B, W, h, w) of pixels that have a word, and are known.

    What a word that is surely there excludes is not there, mentioned or not. excludes: (W, W).
    """
    ruled_out = (torch.einsum("vw,bwij->bvij", excludes, yes) > MOSTLY) & (known == 0)
    weights = known + RULED_OUT * ruled_out
    target = (yes / known.clamp_min(1e-3)).clamp(0, 1)
    loss = F.binary_cross_entropy_with_logits(maps.permute(0, 3, 1, 2).float(), target, reduction="none")
    return (loss * weights).sum(1).mean() / PER_PATCH


def word_loss(logits: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (loss * weights).sum(1).mean() / PER_PHOTO


@torch.inference_mode()
def measure(network: MiniNetwork, data: Words, device: str) -> dict[str, float]:
    """On held-back photos: whether words are in them, and in which part of collages of four."""
    network.eval()
    columns = [data.words.index(word) for word in EVERYDAY if word in data.words]
    wanted = data.said[data.held_back][:, columns]
    found, placed = [], []
    order = data.held_back
    for start in range(0, len(order) - len(order) % 32, 32):
        batch = order[start : start + 32]
        with torch.autocast(device, torch.bfloat16):
            token, _ = read(network, data.store.batch(batch, (224, 224), None).to(device))
            found.append(network.photo_words(token)[:, columns].float().cpu())
            pictures = tile(data.store.batch(batch, (112, 112), None), (2, 2)).to(device)
            maps = network.patch_words(read(network, pictures)[1])[..., columns].float().cpu()
        placed.append(parts(maps, (2, 2)))
    network.train()
    scores, places = torch.cat(found), torch.cat(placed)
    wanted = wanted[: len(scores)]
    auroc, precision, where = [], [], []
    for i in range(len(columns)):
        sure = (wanted[:, i] >= 0.4) | (wanted[:, i] == 0)
        yes = (wanted[sure, i] > 0).numpy()
        if yes.sum() >= 4:
            auroc.append(roc_auc_score(yes, scores[sure, i]))
            precision.append(average_precision_score(yes, scores[sure, i]))
            where.append(average_precision_score(yes, pooled(places[sure][..., i : i + 1])[:, 0]))
    return {
        "auroc": round(float(np.mean(auroc)), 4),
        "precision": round(float(np.mean(precision)), 4),
        "precision_in_collages": round(float(np.mean(where)), 4),
    }


def rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def make_optimizer(student: MiniNetwork, peak: float) -> torch.optim.Optimizer:
    """AdamW; rows for words, which start from nothing, learn faster."""
    rows = [*student.photo_words.parameters(), *student.patch_words.parameters()]
    head = list(student.vit.head.parameters())
    inside = {id(p) for p in (*rows, *head)}
    backbone = [p for p in student.parameters() if id(p) not in inside and p.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": backbone, "peak": peak, "weight_decay": 0.05},
            {"params": rows, "peak": WORD_RATE * peak / RATE, "weight_decay": 1e-3},
            {"params": head, "peak": peak, "weight_decay": 0.0},
        ]
    )


class Trainer:
    """A run: student, running mean, teacher and how far it has come."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.step = args, 0
        nouns = Nouns(args.wordnet)
        self.data = Words(args.data, args.wordnet, args.photos or args.out)
        lines = [", ".join([word, *synonyms(word, nouns)]) for word in self.data.words]
        (args.out / "words.txt").write_text("\n".join(lines) + "\n")
        torch.manual_seed(args.seed)
        self.student, self.average = (load_student(args.network, self.data.words).to(args.device) for _ in range(2))
        self.average.requires_grad_(False)
        self.teacher = MiniNetwork().to(args.device)
        self.teacher.vit.load_state_dict(load_file(args.teacher))
        self.teacher.eval().requires_grad_(False)
        for part in (self.student.vit.patch_embed, *self.student.vit.blocks[:FROZEN]):
            part.requires_grad_(False)  # edges and textures are known; a quarter of the time is saved
        for token in (self.student.vit.pos_embed, self.student.vit.cls_token):
            token.requires_grad_(False)
        names = name_probabilities(
            self.teacher, self.data.store, (args.photos or args.out) / "teacher.npy", args.device
        )
        self.data.add_names(names, torch.from_numpy(covered_classes(self.data.words, nouns)))
        self.masks = Masks(args.masks, len(self.data.words)) if args.masks else None
        if self.masks:
            self.data.add_masks(self.masks)
        for network in (self.student, self.average):
            network.word_prior.copy_(self.data.prior())
        self.excludes = torch.from_numpy(exclusive(self.data.words, nouns)).float().to(args.device)
        self.optimizer = make_optimizer(self.student, args.rate)
        self.state = args.out / "state.pt"
        if self.state.exists():
            state = torch.load(self.state, map_location=args.device, weights_only=True)
            self.student.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]

    def run(self) -> None:
        args, steps = self.args, self.args.samples // self.args.batch
        saved_at = logged_at = time.monotonic()
        sums: dict[str, list[float]] = {}
        while self.step < steps:
            for name, loss in self._learn(steps).items():
                sums.setdefault(name, []).append(loss.item())
            if self.step % LOG_EVERY == 0 or self.step == steps:
                row = {
                    "step": self.step,
                    "of": steps,
                    **{name: round(float(np.mean(v)), 4) for name, v in sums.items()},
                }
                row["samples_per_s"] = round(LOG_EVERY * args.batch / (time.monotonic() - logged_at), 1)
                if self.step % MEASURE_EVERY == 0 or self.step == steps:
                    row.update(measure(self.average, self.data, args.device))
                logged_at, sums = time.monotonic(), {}
                log.info("%s", row)
                with (args.out / "log.jsonl").open("a") as out:
                    out.write(json.dumps(row) + "\n")
            if time.monotonic() - saved_at > KEEP_EVERY or self.step == steps:
                saved_at = time.monotonic()
                self._save()
        if args.halfway:
            known = set(words_of(args.network))
            new = torch.tensor([word not in known for word in self.data.words])
            halfway(load_student(args.network, self.data.words), self.average.cpu(), new)
            save_weights(self.average, args.out / "mini.safetensors")

    def _learn(self, steps: int) -> dict[str, Tensor]:
        # one generator per step: a resumed run draws what an uninterrupted one draws
        random = np.random.default_rng([self.args.seed, self.step])
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate(self.step, steps)
        batch = draw_batch(self.data, self.masks, self.args.batch, random, self.args.device)
        with torch.autocast(self.args.device, torch.bfloat16):
            found = losses(self.student, self.teacher, batch, self.excludes)
        sum(found.values()).backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        keep = min(AVERAGE, self.step / (self.step + 10))
        for mean, own in zip(self.average.parameters(), self.student.parameters(), strict=True):
            mean.lerp_(own, 1 - keep)
        return found

    def _save(self) -> None:
        state = {"network": self.student.state_dict(), "average": self.average.state_dict(), "step": self.step}
        with atomic_path(self.state) as part:
            torch.save({**state, "optimizer": self.optimizer.state_dict()}, part)
        save_weights(self.average, self.args.out / "mini.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with archive/, captions/ and train/")
    parser.add_argument("--teacher", type=Path, required=True, help="timm's ViT-Tiny/16, safetensors")
    parser.add_argument("--wordnet", type=Path, required=True, help="folder with WordNet 3.0's data.noun")
    parser.add_argument("--network", type=Path, required=True, help="mini.safetensors of tools/train_mini.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=Path, help="folder for the decoded photos (default: OUT)")
    parser.add_argument("--masks", type=Path, help="folder of tools/make_masks.py")
    parser.add_argument("--samples", type=int, default=48_000, help="pictures")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--halfway", action="store_true", help="between the network that was given and the trained one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    Trainer(args).run()


if __name__ == "__main__":
    main()
