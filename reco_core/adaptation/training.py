"""Training a specialist on labelled photos: resumable at every look, no labels but ReCo's."""

import itertools
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from reco_core.adaptation.crops import Crops, Example
from reco_core.adaptation.curve import Curve, Look
from reco_core.adaptation.deeplab import MULTIPLE, DeepLab
from reco_core.adaptation.labels import IGNORED
from reco_core.adaptation.recipe import Recipe
from reco_core.errors import OptionError
from reco_core.models.weights import write_tensors
from reco_core.utils.images import model_size
from reco_core.utils.panoramas import is_long, windowed_size
from reco_core.utils.prefetch import prefetch
from reco_core.utils.run_control import RunControl
from reco_core.utils.tensors import to_tensor

log = logging.getLogger(__name__)
POWER = 0.9  # of the rate's fall
LARGER = 1.25  # the second size at which agreement is looked at
STATE, BEST = "state.safetensors", "best.safetensors"
Mark = Callable[[np.ndarray], np.ndarray]  # what labels a photo (H, W, 3) uint8: (H, W) uint8
Watch = Callable[[Curve, Mark], None]


class Training:
    """One network, its running mean, and how far both are."""

    def __init__(
        self, network: DeepLab, crops: Crops, weights: np.ndarray, held: Sequence[Example], folder: Path, device: str
    ) -> None:
        """Goes on from the state in the folder, if there is one.

        weights: (classes,), what a pixel of each label counts. held: photos that are looked at, but not learned from.
        """
        self.crops, self.held, self.folder, self.device = crops, tuple(held), folder, device
        self.recipe: Recipe = crops.recipe
        self.weights = torch.from_numpy(weights).to(device)
        network.log_weights.copy_(torch.from_numpy(weights).log())
        self.network = network.to(device).train()
        self.average = deepcopy(network).eval().requires_grad_(False)
        kept = self.recipe.kept and network.start is not None
        self.first = deepcopy(self.average) if kept else None  # before any training
        recipe, known = self.recipe, (network.encoder, *([network.start] if network.start is not None else ()))
        encoder = {id(parameter) for part in known for parameter in part.parameters()}
        groups = [
            {"params": [p for p in network.parameters() if id(p) in encoder], "share": recipe.encoder_rate},
            {"params": [p for p in network.parameters() if id(p) not in encoder], "share": 1.0},
        ]
        self.adam = torch.optim.Adam(groups, lr=recipe.rate, weight_decay=recipe.decay)
        self.step, self.curve, self._losses = 0, Curve(), 0.0
        self._resume()

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to learn."""
        return self.step >= self.recipe.steps or self.curve.stalled(self.recipe.patience)

    def run(
        self, control: RunControl, enough: Callable[[], bool] = lambda: False, watch: Watch = lambda curve, mark: None
    ) -> DeepLab:
        """Train to the end; the network of the best look, in eval mode.

        enough: asked after the first look; if it says so, the training ends early. watch: called after each look,
        with the curve so far and what labels a photo (H, W, 3) uint8 as the network does now: (H, W) uint8.

        Raises:
            Cancelled: `control` was cancelled; what was learned until the last look is kept. OSError: the disk is full.
            OptionError: it does not converge.
        """
        threads = 1 if self.device == "cpu" else 8
        with closing(prefetch(self.crops.batch, itertools.count(self.step), threads, 2 * threads)) as batches:
            if not self.step and self.network.start is not None:
                self._look()  # training must make it better than it is to begin with
            while not self.finished:
                control.raise_if_cancelled("the training was stopped", "The same command continues it")
                self._learn(*next(batches))
                control.report("training", self.step, self.recipe.steps)
                if self.step % self.recipe.check == 0 or self.step == self.recipe.steps:
                    self._look()
                    watch(self.curve, self._mark)
                if self.curve and enough():
                    break
        self.average.load_state_dict(load_file(self.folder / BEST))
        return self.average

    def _learn(self, photos: Tensor, labels: Tensor) -> None:
        recipe = self.recipe
        risen = min(1.0, (self.step + 1) / max(1, recipe.warmup))
        for group in self.adam.param_groups:
            group["lr"] = recipe.rate * group["share"] * risen * (1 - self.step / recipe.steps) ** POWER
        with torch.random.fork_rng(devices=[]):  # for dropout; the caller's random numbers stay as they are
            torch.manual_seed(self.crops.seed * recipe.steps + self.step)
            scores = self.network(photos.to(self.device))
        loss = self._loss(photos.to(self.device), scores, labels.to(self.device))
        if not torch.isfinite(loss):
            raise OptionError(
                "the training does not converge",
                given=f"loss {loss.item()} in step {self.step}",
                remedy="Lower the recipe's rate",
            )
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        self._losses += loss.item()
        self.step += 1
        # At first the mean is of few steps, and forgets quickly where it began.
        inertia = min(recipe.average, self.step / (self.step + 9)) if recipe.average else 0.0
        with torch.no_grad():
            for kept, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
                if kept.dtype.is_floating_point:
                    kept.lerp_(now, 1 - inertia)
                else:
                    kept.copy_(now)

    def _loss(self, photos: Tensor, scores: Tensor, truth: Tensor) -> Tensor:
        """Few photos have few of the names: their labels alone make it forget what mini knows of the others."""
        entropy, sure = partial(F.cross_entropy, scores, weight=self.weights, reduction="none"), truth != IGNORED
        taught = entropy(truth, ignore_index=IGNORED)
        if self.first is None:
            return taught.sum() / sure.sum().clamp_min(1)  # a batch may have nothing that is sure
        with torch.no_grad():
            before = self.first(photos).softmax(1)
        kept = torch.where(sure, self.recipe.kept, 1.0)
        return (kept * entropy(before) + (1 - kept) * taught).mean()

    def _mark(self, photo: np.ndarray) -> np.ndarray:
        return probabilities(self.average, photo, self.recipe.side).argmax(0).astype(np.uint8)

    def _look(self) -> None:
        """Measure the running mean, and write everything down."""
        since = self.step - (self.curve.looks[-1].step if self.curve else 0)
        fits, agrees = evaluate(self.average, self.held, self.crops.thresholds, self.recipe.side)
        loss = round(self._losses / max(1, since), 4)
        self.curve = Curve((*self.curve.looks, Look(self.step, loss, fits, agrees)))
        self._losses = 0.0
        if self.curve.best is self.curve.looks[-1]:
            write_tensors(self.average.state_dict(), self.folder / BEST)
        states = self.adam.state_dict()["state"].items()
        moments = {f"adam.{i}.{name}": value for i, state in states for name, value in state.items()}
        networks = {"network": self.network, "average": self.average}
        tensors = {f"{of}.{name}": value for of, n in networks.items() for name, value in n.state_dict().items()}
        write_tensors(tensors | moments, self.folder / STATE, {"curve": json.dumps(self.curve.plain())})

    def _resume(self) -> None:
        file = self.folder / STATE
        if not file.is_file():
            return
        fresh = deepcopy(self.network.state_dict())
        try:
            with safe_open(file, "pt") as opened:
                curve = Curve.of(json.loads(opened.metadata()["curve"]))
                step = curve.looks[-1].step
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no dictionary
            of = {
                part: {n.removeprefix(f"{part}."): v for n, v in tensors.items() if n.startswith(f"{part}.")}
                for part in ("network", "average", "adam")
            }
            self.network.load_state_dict(of["network"])
            self.average.load_state_dict(of["average"])
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in of["adam"].items():
                i, _, moment = name.partition(".")
                state.setdefault(int(i), {})[moment] = value
            self.adam.load_state_dict({"state": state, "param_groups": self.adam.state_dict()["param_groups"]})
        except (OSError, SafetensorError, RuntimeError, LookupError, TypeError, ValueError) as error:
            log.warning("the state of the training is damaged (%s); it begins anew", error)
            self.network.load_state_dict(fresh)
            self.average.load_state_dict(fresh)
            return
        self.curve, self.step = curve, step
        log.info("the training goes on from step %d", self.step)


def network_input(photo: np.ndarray, side: int) -> Tensor:
    """A photo (H, W, 3) uint8 as a network is shown it, with this short side: (1, 3, h, w) float32 in 0..1.

    h and w are multiples of 32; photos of more than 3:1 are as large as `panoramas.windowed_size` says.
    """
    height, width = photo.shape[:2]
    long = is_long(photo.shape)
    size = windowed_size(photo.shape, side, MULTIPLE) if long else model_size(height, width, side, MULTIPLE)
    return to_tensor(photo, size, (0.0,) * 3, (1.0,) * 3)[None]


@torch.inference_mode()
def probabilities(network: DeepLab, photo: np.ndarray, side: int) -> np.ndarray:
    """What a network in eval mode says of a photo (H, W, 3) uint8: (K + 1, H, W) float32, background first."""
    logits = network(network_input(photo, side).to(network.head.weight.device))
    return F.interpolate(logits, size=photo.shape[:2], mode="bilinear")[0].softmax(0).cpu().numpy()


@torch.inference_mode()
def evaluate(
    network: DeepLab, held: Sequence[Example], thresholds: np.ndarray, side: int
) -> tuple[float | None, float | None]:
    """`Look.fits` and `Look.agrees` on held-out photos; None without any."""
    if not held:
        return None, None
    device = network.head.weight.device
    hits, same, pixels = np.zeros(2, np.int64), 0, 0
    for example in held:
        photo, labels = example.read(thresholds)
        plain = network(network_input(photo, side).to(device))
        mirrored = network(network_input(photo, side).flip(-1).to(device)).flip(-1)
        enlarged = network(network_input(photo, round(LARGER * side)).to(device))
        larger = F.interpolate(enlarged, size=plain.shape[2:], mode="bilinear")
        said = plain.argmax(1)
        same += int(((said == mirrored.argmax(1)) & (said == larger.argmax(1))).sum())
        pixels += said.numel()
        at_photo = F.interpolate(plain, size=labels.shape, mode="bilinear")[0].argmax(0).cpu().numpy()
        hits += _hits(at_photo, labels)
    return _share(hits), round(same / pixels, 4)


def same(mark: Mark, held: Sequence[Example], thresholds: np.ndarray) -> float | None:
    """`Look.fits` of anything that labels photos."""
    pairs = (example.read(thresholds) for example in held)
    return _share(sum((_hits(mark(photo), labels) for photo, labels in pairs), np.zeros(2, np.int64)))


def _hits(said: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Pixels that are said right, and all that are sure."""
    sure = labels != IGNORED
    return np.array([(said == labels)[sure].sum(), sure.sum()])


def _share(hits: np.ndarray) -> float | None:
    """Of all pixels: a mean over labels would be mostly noise, for few photos have few of them."""
    right, sure = hits
    return round(float(right / sure), 4) if sure else None
