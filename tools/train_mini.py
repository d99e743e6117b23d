"""Train mini: distil a ViT-Tiny teacher, which has seen image labels only, into a network of our own.

    python tools/train_mini.py --data ../shared/data --teacher ../shared/weights/*.safetensors --out build/mini

All weights start at random. Stage 1 (`blocks`): every half block (attention, MLP) learns what the
teacher's does, on the teacher's own tokens, all at once; embedding and heads likewise. Stage 2
(`whole`): the network runs end to end on its own tokens and is pulled to the teacher's at every
level, and to its name probabilities for the photo and for every patch (value path). No labels are
used. Progress goes to the log and to OUT/log.jsonl; a killed run resumes from OUT/state.pt; the
result is OUT/mini.safetensors (float16).
"""

import argparse
import json
import logging
import math
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from photo_store import PhotoStore, photos_of

from reco_core.models.mini_vit import KEY_BLOCK, MiniNetwork, project
from reco_core.utils.atomic_write import atomic_path

log = logging.getLogger("train_mini")
SIZES = ((176, 176), (160, 224), (224, 160), (224, 224), (256, 256))
SIZE_SHARES = {"blocks": (0.8, 0.07, 0.07, 0.06, 0.0), "whole": (0.45, 0.15, 0.15, 0.2, 0.05)}
HELD_OUT = 128  # photos that are only measured on
WARM_UP = 100  # steps
TEACHER_NAMES = 1000
LOG_EVERY, MEASURE_EVERY = 50, 250  # steps
KEEP_EVERY = 600  # seconds between two saved states


def relative_error(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared error over tokens (B, n, C), each in units of its own and of the mean energy."""
    teacher, student = teacher.float(), student.float()
    energy = teacher.square().mean(-1)
    error = (student - teacher).square().mean(-1)
    return (error / (0.5 * energy + 0.5 * energy.mean())).mean()


def channel_error(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared error of tokens (B, 1 + n, C) in units of each channel's variance; half of it is the class token's.

    From block 8 on one channel has a thousand times the energy of the others: an error in units of
    energy would see nothing else, while the next layer norm makes all channels count.
    """
    teacher = teacher.float()
    error = (student.float() - teacher).square() / teacher.flatten(0, 1).var(0)
    return 0.5 * error[:, 0].mean() + 0.5 * error.mean()


def divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """Kullback-Leibler divergence of name probabilities, mean over all leading axes."""
    s, t = student.float().log_softmax(-1), teacher.float().log_softmax(-1)
    return F.kl_div(s.flatten(0, -2), t.flatten(0, -2), reduction="batchmean", log_target=True)


def levels(network: MiniNetwork, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Tokens after the embedding and after every half block: (embedding, mid, out, mid, out, ...)."""
    tokens = [network.embed(images)]
    deltas = []
    for block in network.vit.blocks:
        for part in half_blocks(block):
            deltas.append(part(tokens[-1]))
            tokens.append(tokens[-1] + deltas[-1])
    return tokens, deltas


def half_blocks(block):
    return (lambda t: block.attn(block.norm1(t)), lambda t: block.mlp(block.norm2(t)))


class ReadOut(NamedTuple):
    keys: Tensor
    values: Tensor
    names: Tensor
    patches: Tensor


def read_out(network: MiniNetwork, tokens: list[Tensor], values: Tensor | None = None) -> ReadOut:
    """What a network says of tokens (see `levels`); patches are read from `values`, by default its own."""
    own = value_path(network.vit.blocks[-1], tokens[-3])
    return ReadOut(
        project(network.vit.blocks[KEY_BLOCK], tokens[2 * KEY_BLOCK], 1),
        own,
        network.speak(tokens[-1][:, :1]).names,
        network.speak((own if values is None else values)[:, 1:]).names,
    )


def value_path(block: Any, tokens: Tensor) -> Tensor:
    """A block without its attention: every token keeps its own value; (B, 1 + h w, C)."""
    mid = tokens + block.attn.proj(project(block, tokens, part=2))
    return mid + block.mlp(block.norm2(mid))


def block_losses(student: MiniNetwork, teacher: MiniNetwork, images: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        tokens, deltas = levels(teacher, images)
        target = read_out(teacher, tokens)
    parts = [part for block in student.vit.blocks for part in half_blocks(block)]
    errors = [relative_error(part(t), d) for part, t, d in zip(parts, tokens, deltas, strict=False)]
    own = read_out(student, tokens, target.values)
    return {
        "levels": torch.stack(errors).sum(),
        "embed": relative_error(student.embed(images), tokens[0]),
        "values": relative_error(own.values - tokens[-3], target.values - tokens[-3]),
        "keys": relative_error(own.keys, target.keys),
        "names": divergence(own.names, target.names),
        "patches": divergence(own.patches, target.patches),
    }


def whole_losses(student: MiniNetwork, teacher: MiniNetwork, images: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        wanted, _ = levels(teacher, images)
        target = read_out(teacher, wanted)
    tokens, _ = levels(student, images)
    own = read_out(student, tokens)
    errors = [channel_error(s, t) for s, t in zip(tokens[::2], wanted[::2], strict=True)]
    return {
        "levels": torch.stack(errors).sum(),
        "values": channel_error(own.values, target.values),
        "keys": 2 * relative_error(own.keys, target.keys),
        "names": divergence(own.names, target.names),
        "patches": divergence(own.patches, target.patches),
    }


STAGES = {"blocks": block_losses, "whole": whole_losses}
RATES = {"blocks": 2e-2, "whole": 6e-4}  # Muon's peak learning rate


def optimizers(network: MiniNetwork, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside blocks, AdamW for the rest.

    Muon bears steps ten times larger than AdamW's usual 2e-3: after 60 batches the half blocks'
    relative error is 0.17, against 0.41 at 3e-3.
    """
    matrices = [p for p in network.vit.blocks.parameters() if p.ndim == 2]
    inside = {id(p) for p in matrices}
    rest = [p for p in network.parameters() if id(p) not in inside]
    return [
        torch.optim.Muon(matrices, lr=lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=lr / 2, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def rate(step: int, steps: int) -> float:
    """Learning rate as a share of its peak: short warm-up, then cosine to zero."""
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def measure(stage: str, student: MiniNetwork, teacher: MiniNetwork, photos: PhotoStore, device) -> dict:
    """The stage's losses on held-out photos, in full at 224."""
    student.eval()
    sums: dict[str, float] = {}
    with torch.no_grad(), torch.autocast(device, torch.bfloat16):
        for part in np.array_split(held_out(photos), max(1, HELD_OUT // 32)):
            images = photos.batch(part, (224, 224), None).to(device)
            for name, loss in STAGES[stage](student, teacher, images).items():
                sums[name] = sums.get(name, 0) + loss.item() * len(part) / HELD_OUT
    student.train()
    return {f"held_out_{name}": round(value, 4) for name, value in sums.items()}


def held_out(photos: PhotoStore) -> np.ndarray:
    return np.random.default_rng(1).permutation(len(photos))[:HELD_OUT]


def train(args: argparse.Namespace) -> None:
    photos = PhotoStore(args.photos or args.out, photos_of(args.data / "archive", args.data / "train"))
    torch.manual_seed(args.seed)
    student, teacher = (MiniNetwork().to(args.device) for _ in range(2))
    teacher.vit.load_state_dict(load_file(args.teacher))
    teacher.eval().requires_grad_(False)
    state_file = args.out / "state.pt"
    state = torch.load(state_file, map_location=args.device, weights_only=True) if state_file.exists() else None
    if state:
        student.load_state_dict(state["network"])
    names = list(STAGES)
    for stage in names[names.index(state["stage"]) if state else 0 :]:
        train_stage(stage, student, teacher, photos, args, state if state and state["stage"] == stage else None)
    save_weights(student, args.out / "mini.safetensors")


def train_stage(stage: str, student, teacher, photos: PhotoStore, args: argparse.Namespace, state: dict | None) -> None:
    """One stage, from its start or from a saved state."""
    samples = {"blocks": args.block_samples, "whole": args.whole_samples}[stage]
    steps, start = samples // args.batch, 0
    opts = optimizers(student, RATES[stage])
    peaks = [[group["lr"] for group in opt.param_groups] for opt in opts]
    if state:
        start, peaks = state["step"], state["peaks"]
        for opt, saved in zip(opts, state["optimizers"], strict=True):
            opt.load_state_dict(saved)
    trained_on = np.setdiff1d(np.arange(len(photos)), held_out(photos))
    saved_at = logged_at = time.monotonic()
    for step in range(start, steps):
        # one generator per step: a resumed run draws what an uninterrupted one draws
        random = np.random.default_rng([args.seed, list(STAGES).index(stage), step])
        for opt, peak in zip(opts, peaks, strict=True):
            for group, lr in zip(opt.param_groups, peak, strict=True):
                group["lr"] = lr * rate(step, steps)
        size = SIZES[random.choice(len(SIZES), p=SIZE_SHARES[stage])]
        batch = random.choice(trained_on, args.batch, replace=False)
        images = photos.batch(batch, size, random).to(args.device)
        with torch.autocast(args.device, torch.bfloat16):
            losses = STAGES[stage](student, teacher, images)
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        done = step + 1
        if done % LOG_EVERY == 0 or done == steps:
            row = {"stage": stage, "step": done, "of": steps, **{k: round(v.item(), 4) for k, v in losses.items()}}
            row["samples_per_s"] = round(LOG_EVERY * args.batch / (time.monotonic() - logged_at), 1)
            if done % MEASURE_EVERY == 0 or done == steps:
                row.update(measure(stage, student, teacher, photos, args.device))
            logged_at = time.monotonic()
            log.info("%s", row)
            with (args.out / "log.jsonl").open("a") as out:
                out.write(json.dumps(row) + "\n")
        if time.monotonic() - saved_at > KEEP_EVERY or done == steps:
            saved_at = time.monotonic()
            save_state(args.out / "state.pt", student, opts, {"stage": stage, "step": done, "peaks": peaks})


def save_state(file: Path, student: MiniNetwork, opts: list[torch.optim.Optimizer], where: dict) -> None:
    """Replace the saved state in one step, so that a kill at any time leaves a whole one."""
    state = {**where, "network": student.state_dict(), "optimizers": [opt.state_dict() for opt in opts]}
    with atomic_path(file) as part:
        torch.save(state, part)


def save_weights(network: MiniNetwork, file: Path) -> None:
    save_file({k: v.half().contiguous().cpu() for k, v in network.vit.state_dict().items()}, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with archive/ and train/")
    parser.add_argument("--teacher", type=Path, required=True, help="timm's ViT-Tiny/16, safetensors")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=Path, help="folder for the decoded photos (default: OUT)")
    parser.add_argument("--block-samples", type=int, default=48_000)
    parser.add_argument("--whole-samples", type=int, default=70_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(args)


if __name__ == "__main__":
    main()
