"""Adapting to photos: label them, train on the labels, write the specialist. Interrupted, the same call goes on."""

import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reco_core.adaptation import deeplab, own_network, specialist, specialist_card
from reco_core.adaptation.crops import Crops, Example
from reco_core.adaptation.curve import Curve
from reco_core.adaptation.deeplab import DeepLab
from reco_core.adaptation.labels import IGNORED, NONE, Labeller, Tally, label, views_of
from reco_core.adaptation.recipe import MINI, QUICK, Recipe
from reco_core.adaptation.specialist import Specialist
from reco_core.adaptation.start import Start, begin
from reco_core.adaptation.training import Mark, Training, Watch, probabilities, same
from reco_core.errors import NamesError, OptionError, PhotoError, WeightsError
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS, find_method
from reco_core.models.encoders import choose_device
from reco_core.photo_kind import of_one_kind, sample
from reco_core.photo_sources.source import Source
from reco_core.pipeline import WORKING_SIDE, ReCo
from reco_core.presets import usual_method
from reco_core.types import LeftOut
from reco_core.utils.atomic_write import atomic_write
from reco_core.utils.images import limit_size, read_photo
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)
MOST_PHOTOS = 20_000
MOST_NAMES = IGNORED - 1  # labels are uint8, and one of them is `IGNORED`
HELD, MOST_HELD = 6, 40  # one of so many photos is held out of training, at most so many
WORK, JOB = "work", "job.json"  # of an unfinished job


@dataclass(frozen=True)
class Job:
    """What is asked for. rounds: the second labels the photos by what the first learned, and so on.

    method: of `methods` (default: the preset's usual one). background, context: words, see `ReCo.prepare`. initial:
    "auto": the encoder's published weights, or if they cannot be had mini's backbone in its place; or "random".
    """

    names: tuple[str, ...]
    recipe: Recipe = QUICK
    method: str = ""
    background: tuple[str, ...] = BACKGROUND_WORDS
    context: tuple[str, ...] = CONTEXT_WORDS
    rounds: int = 1
    seed: int = 0
    initial: str = "auto"

    def __post_init__(self) -> None:
        if self.initial not in ("auto", deeplab.RANDOM):
            raise OptionError("unknown initial weights", given=self.initial, expected=f"auto or {deeplab.RANDOM}")
        if not 1 <= self.rounds <= 5:
            raise OptionError("rounds are out of range", given=self.rounds, expected="1 to 5")
        if not 0 <= self.seed < 2**32:
            raise OptionError("the seed is out of range", given=self.seed, expected="0 to 4294967295")


def adapt(
    reco: ReCo,
    photos: Source,
    job: Job,
    out: Path,
    *,
    device: str | None = None,
    fetch: bool = True,
    control: RunControl | None = None,
    enough: Callable[[], bool] = lambda: False,
    watch: Watch = lambda curve, mark: None,
) -> Specialist:
    """Train a specialist for photos without labels. What is labelled and learned before an interruption is kept.

    Args:
        photos: the more like those that it will be used on, the better. Unreadable ones are left out and listed.
        out: an empty or new folder, or one with the same job, which is continued.
        device: that the specialist is trained and then used on (default: the GPU if there is one).
        fetch: whether published weights of the recipe's encoder may be downloaded.
        control: told of every photo and step, and asked before it.
        enough: asked while training; if it says so, training ends with the best that there is so far.
        watch: called after each look at held-out photos, see `Training.run`.

    Raises:
        NamesError, OptionError, WeightsError, PhotoError: what is wrong, and what to do. Cancelled: `control` was
        cancelled. OSError: the disk is full; nothing that was done before is lost.
    """
    device, control = choose_device(device), control or RunControl()
    job = replace(job, method=job.method or usual_method(reco.encoder.preset))
    names, quiet = list(job.names), RunControl(parent=control)
    references = reco.prepare(
        names, method=job.method, background=job.background, context=job.context, most=MOST_NAMES, control=quiet
    )
    if NONE in map(str.casefold, references.names):
        raise NamesError(
            f"a specialist has a {NONE} of its own", given=", ".join(job.names), remedy="Leave that name out"
        )
    job = replace(job, names=references.names)
    described = _describe(reco, photos, job)
    if (out / specialist.ABOUT).is_file() and not (out / WORK / JOB).is_file():
        if specialist.read_about(out).get("job") == described:
            log.info("%s is done already", out)
            return Specialist(out, device)
        raise OptionError("there is another specialist in this folder", given=out, remedy="Choose another --out")
    work = _begin(out, described)
    running = _Running(job, photos, work, device, control)
    kind = of_one_kind(reco, references, running.sample())
    start = begin(reco, kind)
    views = views_of(reco, kind, find_method(job.method), job.recipe.views)
    for turn in range(job.rounds):
        examples, left_out, tally = running.label(turn, views)
        trained, recipe, initial, curve = running.train(turn, examples, tally, fetch, start, enough, watch)
        views = [partial(probabilities, trained, side=recipe.side)]
    shares = dict(zip((NONE, *job.names), map(float, tally.shares), strict=True))
    missing = [name for name in job.names if not shares[name]]
    if missing:
        unknown = ", ".join(missing)
        log.warning("ReCo found none of these in your photos, so the specialist does not know them: %s", unknown)
    held = held_out(examples)
    fits = {"specialist": curve.best.fits, "reco": None}
    if trained.start is not None and own_network.possible(reco, job.method):
        mark: Mark = lambda photo: reco.segment(photo, references, method=job.method).labels  # noqa: E731
        fits["reco"] = same(mark, held, tally.thresholds(recipe.unsure))
    lost = _lost(fits, curve)
    skipped = dict(Counter(entry.reason for entry in photos.skipped))
    unused = {"left_out": [*map(asdict, left_out)], "skipped": skipped, "held_out": len(held)}
    learned_from = {"photos": len(examples), **unused}
    found = {"shares": shares, "unknown": missing}
    trained_as = {"initial": initial, "curve": curve.plain(), "step": curve.best.step, "job": described}
    about = {"names": list(job.names), **learned_from, **found, **trained_as, "fits": fits}
    control.report("exporting", 0, 1)
    if lost:
        graph = own_network.graph_of(reco, references, job.method, control)
        specialist.write_own(graph, recipe, about, out)
    else:
        specialist.write(trained, recipe, about | {"own": False}, out)
    made = Specialist(out, device)
    specialist_card.write(made, [example.photo for example in held or examples], out)
    shutil.rmtree(work)
    control.report("exporting", 1, 1)
    return made


def _lost(fits: dict[str, float | None], curve: Curve) -> bool:
    """Whether ReCo says more often what the sure labels of held-out photos say; and tells of it."""
    learned, recos = fits["specialist"] or 0.0, fits["reco"]
    if recos is not None and learned < recos:
        log.warning(
            "What was learned marks photos that were held out less well than ReCo does (%.1f %% and %.1f %% as the "
            "sure labels say): ReCo itself, with your names, is what you get. It is slower than ReCo.",
            100 * learned,
            100 * recos,
        )
        return True
    if not curve.best.step:
        log.warning("Training did not make it better: what is kept is what ReCo knew before.")
    return False


def _describe(reco: ReCo, photos: Source, job: Job) -> dict[str, Any]:
    """What the result depends on, as plain data."""
    preset, plain = reco.encoder.preset, json.loads(json.dumps(asdict(job)))
    models = {"preset": preset.name, "weights": reco.encoder.hash, "archive": reco.archive.hash}
    return {**plain, **models, "photo_side": preset.photo_side, "photos": photos.key}


def _begin(out: Path, described: dict[str, Any]) -> Path:
    """The folder of an unfinished job: that of this one, if it was begun before."""
    work = out / WORK
    if (work / JOB).is_file():
        if json.loads((work / JOB).read_text(encoding="utf-8")) != described:
            raise OptionError(
                "another job was begun in this folder",
                given=out,
                remedy="Choose another --out, delete it, or repeat that job's options to go on with it",
            )
        return work
    ours = {WORK, f"{WORK}/{JOB}.part"}  # of a job that could not even be written down
    if out.exists() and (not out.is_dir() or any(f.relative_to(out).as_posix() not in ours for f in out.rglob("*"))):
        raise OptionError("the folder for the specialist is not empty", given=out, remedy="Choose another --out")
    work.mkdir(parents=True, exist_ok=True)
    atomic_write(work / JOB, json.dumps(described, indent=1, ensure_ascii=False))
    return work


def held_out(examples: list[Example]) -> list[Example]:
    """Those that are not learned from: of every six photos one, evenly spread; none of fewer than six."""
    count = min(len(examples) // HELD, MOST_HELD)
    return [examples[round((i + 0.5) * len(examples) / count - 0.5)] for i in range(count)]


@dataclass
class _Running:
    """The stages of a job that is under way."""

    job: Job
    photos: Source
    work: Path
    device: str
    control: RunControl

    def sample(self) -> Iterator[np.ndarray]:
        """Some of the photos, evenly spread; unreadable ones are left out."""
        for i in sample(range(len(self.photos.records))):
            self.control.raise_if_cancelled("labelling was stopped", "The same command continues it")
            try:
                yield limit_size(read_photo(self.photos.read(i), self.photos.records[i].file), WORKING_SIDE)
            except PhotoError:
                continue

    def label(self, turn: int, views: list[Labeller]) -> tuple[list[Example], list[LeftOut], Tally]:
        """Label all photos that are not labelled yet."""
        folder = self.work / f"labels-{turn + 1}"
        folder.mkdir(exist_ok=True)
        records = self.photos.records
        if len(records) > MOST_PHOTOS:
            raise OptionError("these are too many photos", given=len(records), expected=f"at most {MOST_PHOTOS}")
        examples, left_out, tally = [], [], Tally(len(self.job.names) + 1)
        for i, record in enumerate(records):
            self.control.raise_if_cancelled("labelling was stopped", "The same command continues it")
            example = Example.at(folder, f"{i:05d}")
            try:
                if not example.is_there():
                    photo = limit_size(read_photo(self.photos.read(i), record.file), WORKING_SIDE)
                    example.write(photo, label(photo, views))
                tally.add(example.stored())
                examples.append(example)
            except PhotoError as error:
                log.warning("left out: %s: %s", record.file, error)
                left_out.append(LeftOut(record.file, str(error)))
            self.control.report("labelling", i + 1, len(records))
        if not examples:
            raise PhotoError(
                "none of the photos can be read", given=f"{len(left_out)} files", expected="at least one photo"
            )
        return examples, left_out, tally

    def train(
        self,
        turn: int,
        examples: list[Example],
        tally: Tally,
        fetch: bool,
        start: Start | None,
        enough: Callable[[], bool],
        watch: Watch,
    ) -> tuple[DeepLab, Recipe, str, Curve]:
        """Train on labels; the network, how it was trained, where its first weights came from, and how it went."""
        folder = self.work / f"training-{turn + 1}"
        folder.mkdir(exist_ok=True)
        job = self.job
        model, recipe, initial = self._begin(fetch, start)
        held = held_out(examples)
        taught = [example for example in examples if example not in held]
        crops = Crops(taught, tally.thresholds(recipe.unsure), recipe, job.seed)
        training = Training(model, crops, tally.weights(recipe.balance), held, folder, self.device)
        return training.run(self.control, enough, watch), recipe, initial, training.curve

    def _begin(self, fetch: bool, start: Start | None) -> tuple[DeepLab, Recipe, str]:
        """A network with the best first weights that there are."""
        recipe, classes = self.job.recipe, len(self.job.names) + 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.job.seed)
            if self.job.initial == deeplab.RANDOM:
                return DeepLab(recipe, classes), recipe, deeplab.RANDOM
            model = DeepLab(recipe, classes, start if recipe.whole_mini else None)
            try:
                initial = deeplab.initialise(model, recipe, fetch=fetch, control=self.control)
            except WeightsError as error:
                if recipe.encoder == MINI:
                    raise
                log.warning("%s Training mini's backbone in place of %s.", error, recipe.encoder)
                recipe = replace(recipe, encoder=MINI, stride=QUICK.stride, rates=QUICK.rates)
                model = DeepLab(recipe, classes, start if recipe.whole_mini else None)
                initial = deeplab.initialise(model, recipe)
                initial += f", since {self.job.recipe.encoder}'s weights could not be had"
        log.info("first weights: %s", initial)
        return model, recipe, initial
