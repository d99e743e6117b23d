"""Training on photos whose colour is their label: it learns, it can be interrupted, and its parts are as they are
said to be.
"""

import copy
import json
import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from support.adapting import TINY, painted
from support.recorder import Recorder, cancelled
from torch import nn

from reco_core.adaptation import training
from reco_core.adaptation.crops import Crops, Example
from reco_core.adaptation.curve import Curve
from reco_core.adaptation.deeplab import DeepLab
from reco_core.adaptation.labels import IGNORED, Labelled
from reco_core.adaptation.recipe import Recipe
from reco_core.adaptation.training import BEST, STATE, Training
from reco_core.errors import Cancelled, OptionError
from reco_core.models import weights
from reco_core.utils.run_control import RunControl

ALL = np.zeros(3, np.uint8)
pytestmark = pytest.mark.usefixtures("little")


SIX = replace(TINY, steps=6, rate=1e-3)


def begin(
    folder: Path,
    examples: list[Example],
    recipe: Recipe = SIX,
    held: int = 2,
    seed: int = 4,
    start: int = 0,
    thresholds: np.ndarray = ALL,
    weights: tuple[float, ...] = (1, 1, 1),
) -> Training:
    folder.mkdir(exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(start)
        model = DeepLab(recipe, 3)
    crops = Crops(examples[held:], thresholds, recipe, seed)
    return Training(model, crops, np.array(weights, np.float32), examples[:held], folder, "cpu")


def after(count: int) -> RunControl:
    """Cancels itself after so many steps."""
    return Recorder(count) if count else cancelled()


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.allclose(v, second[n], atol=1e-6) for n, v in first.items())


@pytest.fixture(scope="module")
def whole(examples, tmp_path_factory):
    """A training that no one interrupted: its weights and its curve."""
    task = begin(tmp_path_factory.mktemp("whole"), examples)
    return copy.deepcopy(task.run(RunControl()).state_dict()), task.curve


def test_it_learns(examples, tmp_path):
    """From random weights: the loss falls, and photos that it never saw are labelled nearly as they are."""
    recipe = replace(TINY, batch=4, steps=36, check=12, rate=1e-2, warmup=3)
    control, watched = Recorder(), []
    task = begin(tmp_path, examples, recipe, held=3)
    made = task.run(control, watch=lambda curve, mark: watched.append((curve, mark(np.zeros((40, 50, 3), np.uint8)))))
    losses = [look.loss for look in task.curve.looks]
    assert losses[0] > losses[1] > losses[2] and losses[2] < 0.5 * losses[0]
    assert control.reports == [("training", step, 36) for step in range(1, 37)]
    assert [curve.looks for curve, _ in watched] == [task.curve.looks[: i + 1] for i in range(3)]
    assert all(marks.shape == (40, 50) and marks.dtype == np.uint8 for _, marks in watched)
    right = []
    for example in examples[:3]:
        photo = np.asarray(Image.open(example.photo))
        right.append(training.probabilities(made, photo, 64).argmax(0) == example.stored().labels)
    assert np.mean(right) > 0.85
    assert not made.training and task.curve.best.fits > 0.7


@pytest.mark.parametrize("stops", [(3,), (4,), (2, 1, 2), (0, 5)])
def test_interrupted_and_resumed_is_as_if_it_never_had_been(examples, whole, tmp_path, stops):
    """In between looks, at one, more than once, and before the first."""
    for count in stops:
        with pytest.raises(Cancelled, match="same command continues"):
            begin(tmp_path, examples).run(after(count))
    task = begin(tmp_path, examples, start=1 if (tmp_path / STATE).is_file() else 0)
    assert task.step == sum(2 * (count // 2) for count in stops) == (task.curve.looks[-1].step if task.curve else 0)
    made = task.run(RunControl())
    assert task.curve == whole[1]
    assert same(made.state_dict(), whole[0])


def test_what_is_done_is_not_done_again(examples, whole, tmp_path):
    begin(tmp_path, examples).run(RunControl())
    control = Recorder()
    again = begin(tmp_path, examples, start=5)
    assert again.finished
    made = again.run(control)
    assert not control.reports and same(made.state_dict(), whole[0])


def test_other_seeds_learn_something_else(examples, whole, tmp_path):
    other = begin(tmp_path, examples, seed=5).run(RunControl())
    assert not same(other.state_dict(), whole[0])


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1000])


def without(part: str):
    def change(file: Path) -> None:
        tensors = load_file(file)
        curve = json.dumps([{"step": 2, "loss": 1.0}])
        save_file({n: v + 1 for n, v in tensors.items() if not n.startswith(part)}, file, {"curve": curve})

    return change


def silent(file: Path) -> None:
    save_file(load_file(file), file)


def curveless(file: Path) -> None:
    save_file(load_file(file), file, {"curve": "[]"})


def strange(file: Path) -> None:
    save_file(load_file(file), file, {"curve": '[{"stop": 3}]'})


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda file: file.write_bytes(b""),
        without("average.head"),
        without("network.decoder"),
        silent,
        curveless,
        strange,
    ],
    ids=["cut", "empty", "no head", "no decoder", "no curve", "empty curve", "another curve"],
)
def test_a_damaged_state_is_begun_anew(examples, tmp_path, damage, caplog):
    """And nothing of it is left in the network."""
    with pytest.raises(Cancelled):
        begin(tmp_path, examples).run(after(2))
    damage(tmp_path / STATE)
    with caplog.at_level(logging.WARNING):
        again = begin(tmp_path, examples)
    assert "it begins anew" in caplog.text
    assert (again.step, again.curve, again.finished) == (0, Curve(), False)
    fresh = begin(tmp_path / "fresh", examples)
    assert same(again.network.state_dict(), fresh.network.state_dict())
    assert same(again.average.state_dict(), fresh.average.state_dict())


def test_a_full_disk_is_an_error_of_the_system(examples, tmp_path, monkeypatch):
    """safetensors has an error of its own for it, which no one would expect."""
    task = begin(tmp_path, examples)

    def full(*_):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr(weights, "save_file", full)
        with pytest.raises(OSError, match="No space left"):
            task.run(RunControl())
    assert not (tmp_path / STATE).exists() and not (tmp_path / BEST).exists()


def test_enough_is_enough(examples, tmp_path):
    asked = []
    task = begin(tmp_path, examples)
    made = task.run(RunControl(), enough=lambda: not asked.append(task.step))
    assert task.step == 2 and asked == [2], "not before there is anything"
    assert same(made.state_dict(), load_file(tmp_path / BEST))


def test_it_stops_when_nothing_gets_better_and_keeps_the_best(examples, tmp_path, monkeypatch):
    said = iter([(0.5, 0.5), (0.7, 0.4), (0.6, 0.9), (0.1, 0.9), (0.7, 0.5), (0.0, 0.0), (1.0, 1.0)])
    monkeypatch.setattr(training, "evaluate", lambda *_: next(said))
    task = begin(tmp_path, examples, replace(TINY, steps=100, check=1, patience=3))
    kept = []
    made = task.run(RunControl(), watch=lambda *_: kept.append(copy.deepcopy(task.average.state_dict())))
    assert [look.step for look in task.curve.looks] == [1, 2, 3, 4, 5] and task.curve.best.step == 2
    assert same(made.state_dict(), kept[1]) and not same(kept[1], kept[4])


def test_nothing_that_is_sure(examples, tmp_path):
    """A batch without any label teaches nothing, and harms nothing."""
    for example in (faint := painted(tmp_path / "faint", 3)):
        told = example.stored()
        example.write(np.asarray(Image.open(example.photo)), Labelled(told.labels, told.confidence - 100))
    task = begin(tmp_path / "t", faint, replace(TINY, steps=2), held=1, thresholds=np.full(3, 230, np.uint8))
    made = task.run(RunControl())
    assert all(torch.isfinite(value).all() for value in made.state_dict().values())
    (look,) = task.curve.looks
    assert look.loss == 0 and look.fits is None and 0 <= look.agrees <= 1


def test_random_numbers_of_the_caller_stay(examples, tmp_path):
    task = begin(tmp_path, examples, replace(TINY, steps=2))
    torch.manual_seed(12345)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    task.run(RunControl())
    assert torch.equal(before[0], torch.get_rng_state()) and (before[1] == np.random.get_state()[1]).all()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_it(examples, tmp_path, value):
    task = begin(tmp_path, examples)
    with torch.no_grad():
        task.network.head.bias[1] = value
    with pytest.raises(OptionError, match=r"does not converge.*in step 0.*Lower the recipe's rate"):
        task.run(RunControl())
    assert not (tmp_path / STATE).exists()


@pytest.mark.parametrize("average", [0.0, 0.7, 0.99])
def test_running_mean_and_rates_against_loops(examples, tmp_path, average):
    recipe = replace(TINY, average=average, steps=5, check=5, warmup=3, rate=2e-3, encoder_rate=0.25)
    task = begin(tmp_path, examples, recipe, held=0)
    mean = {name: value.double() for name, value in task.network.state_dict().items()}
    rates = []

    def follow(what: str, step: int, of: int) -> None:
        inertia = min(average, step / (step + 9))
        for name, value in task.network.state_dict().items():
            mean[name] = inertia * mean[name] + (1 - inertia) * value.double() if value.is_floating_point() else value
        rates.append([group["lr"] for group in task.adam.param_groups])

    made = task.run(RunControl(follow))
    for name, value in made.state_dict().items():
        torch.testing.assert_close(value.double(), mean[name].double(), atol=1e-5, rtol=1e-4)
    plain = [2e-3 * min(1, (step + 1) / 3) * (1 - step / 5) ** 0.9 for step in range(5)]
    np.testing.assert_allclose(rates, [[0.25 * rate, rate] for rate in plain])
    assert (average == 0) == same(made.state_dict(), task.network.state_dict())


def test_every_parameter_is_learned_once(examples, tmp_path):
    task = begin(tmp_path, examples)
    encoder, rest = ({id(p) for p in group["params"]} for group in task.adam.param_groups)
    assert encoder == {id(p) for p in task.network.encoder.parameters()}
    assert rest == {id(p) for p in task.network.parameters()} - encoder and rest
    assert not any(p.requires_grad for p in task.average.parameters())


def test_the_loss_against_a_loop(examples, tmp_path):
    """Weighted cross-entropy of the pixels that are sure, over how many those are."""
    weights, thresholds = (0.5, 1.0, 3.0), np.array([0, 0, 255], np.uint8)
    for example in (faint := painted(tmp_path / "p", 4)):
        told, rng = example.stored(), np.random.default_rng(0)
        example.write(
            np.asarray(Image.open(example.photo)),
            Labelled(told.labels, rng.integers(254, 256, told.labels.shape).astype(np.uint8)),
        )
    task = begin(tmp_path / "t", faint, replace(TINY, steps=1, check=1), 0, thresholds=thresholds, weights=weights)
    for module in task.network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    photos, labels = task.crops.batch(0)
    with torch.no_grad():
        scores = copy.deepcopy(task.network)(photos).double().numpy()
    total, count = 0.0, 0
    for i, y, x in np.ndindex(labels.shape):
        label = int(labels[i, y, x])
        if label != IGNORED:
            total -= weights[label] * math.log(np.exp(scores[i, label, y, x]) / np.exp(scores[i, :, y, x]).sum())
            count += 1
    task.run(RunControl())
    assert 0 < count < labels.numel()
    assert task.curve.looks[0].loss == pytest.approx(total / count, abs=2e-4)


def test_weights_are_taken_off_again_outside_training(examples, tmp_path):
    task = begin(tmp_path / "weighed", examples, weights=(0.5, 2, 4))
    photos = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        for layer in task.network.modules():  # batch normalisation and dropout differ too: only the whole does here
            layer.eval()
        corrected = task.network(photos)
        task.network.training = True
        raw = task.network(photos)
    odds = raw.softmax(1) / torch.tensor([0.5, 2, 4]).view(1, 3, 1, 1)
    assert torch.allclose(corrected.softmax(1), odds / odds.sum(1, keepdim=True), atol=1e-5)
    assert not torch.allclose(corrected, raw, atol=0.1)
    assert torch.equal(task.average.log_weights, task.network.log_weights)
