"""Learning words from captions: pooling by photo, masks, and a run on a handful of photos that is killed."""

import argparse
import csv
import io
import json
import math
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from reco_core.models.mini_vit import MiniNetwork


@pytest.fixture
def words(tool):
    return tool("train_words")


@pytest.fixture
def drawing(tool):
    return tool("word_photos")


def test_pooling_lies_between_mean_and_maximum(words):
    logits = torch.tensor([[0.0], [1.0], [4.0]])
    by_hand = math.log(sum(math.exp(2 * value) for value in (0, 1, 4)) / 3) / 2
    assert words.pooled(logits).item() == pytest.approx(by_hand, abs=1e-6)
    assert 5 / 3 < by_hand < 4


@pytest.mark.parametrize("layout", [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_collages_are_taken_apart_as_they_were_put_together(words, drawing, layout):
    """A photo in which every pixel is its number: its part of the picture's patches is its own."""
    count = 3 * layout[0] * layout[1]
    photos = torch.arange(count).float().view(-1, 1, 1, 1).expand(-1, 2, 4, 6)
    pictures = drawing.tile(photos, layout)
    assert pictures.shape == (3, 2, 4 * layout[0], 6 * layout[1])
    found = words.parts(pictures.permute(0, 2, 3, 1), layout)
    assert torch.equal(found, torch.arange(count).float().view(-1, 1, 1).expand(-1, 24, 2))


def test_masks_teach_what_is_known_and_what_it_excludes(words):
    """Two words that exclude each other and one that shares; one patch is all of the first, another is unknown."""
    excludes = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]])
    yes = torch.zeros(1, 3, 1, 2)
    known = torch.zeros(1, 3, 1, 2)
    yes[0, 0, 0, 0] = known[0, 0, 0, 0] = 1
    maps = torch.zeros(1, 1, 2, 3, requires_grad=True)
    loss = words.mask_loss(maps, yes, known, excludes)
    loss.backward()
    slope = maps.grad[0, 0]
    assert slope[0, 0] < 0 < slope[0, 1]  # the first word shall rise there, the one it excludes fall
    assert slope[0, 2] == 0 and torch.equal(slope[1], torch.zeros(3))
    expected = math.log(2) * (1 + words.RULED_OUT) / 2 / words.PER_PATCH
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_what_the_teacher_sees_counts_as_said(drawing):
    silent = drawing.SILENT
    data = drawing.Words.__new__(drawing.Words)
    data.targets = torch.tensor([[0.2, 0.0], [0.0, 0.0]])
    data.weights = torch.full((2, 2), silent)
    names = torch.tensor([[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]])
    data.add_names(names, torch.tensor([[True, True, False], [False, False, False]]))
    assert data.targets.numpy() == pytest.approx(np.array([[0.8, 0.0], [0.0, 0.0]]))
    # seen; of no class; surely something else; of no class
    assert data.weights.flatten().tolist() == pytest.approx([1, silent, 2 * silent, silent])


def test_the_prior_is_how_often_drawn_photos_have_a_word(drawing):
    """Two well described photos, one with a title that is drawn one time in four, one without words."""
    data = drawing.Words.__new__(drawing.Words)
    data.targets = torch.tensor([[1.0, 0.0], [0.5, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    data.weights = torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, 0.2], [0.2, 1.0], [0.0, 0.0]])
    data.complete, data.titled, data.archive = np.array([0, 1]), np.array([2, 3]), np.array([4])
    data.chance = np.array([0.25, 0.75])
    said, counted = 0.3 * 1.5 + 0.3 * 0.25, 0.6 + 0.3 * (0.25 + 0.75 * 0.2)
    other, others = 0.3 * 0.75, 0.6 + 0.3 * (0.25 * 0.2 + 0.75)
    expected = [math.log(x / (1 - x)) for x in (said / counted, other / others)]
    assert data.prior().tolist() == pytest.approx(expected, abs=1e-5)


def test_a_pixel_has_the_word_that_is_ahead_of_all_that_it_excludes(tool):
    marking = tool("make_masks")
    shares = torch.tensor([[[0.9, 0.5, 0.1]], [[0.05, 0.45, 0.2]], [[0.05, 0.05, 0.7]]])  # dog, cat; animal
    excludes = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 0]]).bool()
    yes, no, unsure = marking.YES, marking.NO, marking.OPEN
    found = marking.decide(shares, excludes, told=3)
    assert found[0, 0].tolist() == [yes, unsure, unsure]
    assert found[1, 0].tolist() == [no, unsure, yes]
    assert found[2, 0].tolist() == [unsure, unsure, unsure]  # nothing excludes it
    not_told = marking.decide(shares, excludes, told=1)
    assert not_told[1, 0].tolist() == [no, unsure, unsure]  # elsewhere the animal is first


def test_what_nothing_excludes_has_the_marks_of_its_kinds(tool):
    marking = tool("make_masks")
    yes, no, unsure = marking.YES, marking.NO, marking.OPEN
    marks = torch.tensor([[[yes, no, unsure]], [[no, no, yes]], [[unsure] * 3], [[unsure] * 3]], dtype=torch.uint8)
    covers = np.zeros((4, 4), bool)
    covers[0, 2] = covers[1, 2] = True
    took = marking.add_kinds(marks, covers, np.array([True, True, False, False]))
    assert took.tolist() == [False, False, True, False]
    assert marks[2, 0].tolist() == [yes, no, yes]
    assert marks[3, 0].tolist() == [unsure] * 3


def test_marks_flow_to_what_has_the_same_colour(tool):
    marking = tool("make_masks")
    image = torch.zeros(1, 3, 16, 16)
    image[..., 8:] = 1
    maps = torch.zeros(1, 1, 16, 16)
    maps[..., :4] = 1
    flowed = marking.propagate(maps, image)[0, 0]
    assert flowed[:, 4:8].mean() > 5 * flowed[:, 8:].mean()


CAPTIONS = {
    "cat": "a cat with whiskers",
    "coffee": "a cup of coffee on a table",
    "rocket": "a rocket in the sky",
    "astronaut": "a woman in a suit",
}


def packed(tar: Path, photos: dict[str, np.ndarray]) -> None:
    with tarfile.open(tar, "w") as out:
        for name, photo in photos.items():
            data = io.BytesIO()
            Image.fromarray(photo).save(data, "JPEG")
            member = tarfile.TarInfo(name)
            member.size = data.tell()
            data.seek(0)
            out.addfile(member, data)


def table(file: Path, rows: list[dict]) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]), delimiter="\t", quoting=csv.QUOTE_NONE)
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def data(real_photos, tmp_path_factory) -> Path:
    """The folders of the training data, with few photos; five sentences to each, which is well described."""
    root = tmp_path_factory.mktemp("data")
    for name in ("archive", "captions", "train"):
        (root / name).mkdir()
    photos = {name: photo[::2, ::2] for name, photo in real_photos.items()}
    for name, photo in photos.items():
        Image.fromarray(photo).save(root / "archive" / f"{name}.jpg")
    table(root / "archive/manifest.tsv", [{"file": f"{name}.jpg"} for name in photos])
    many = {f"{name}{i}.jpg": photos[name][i:] for name in CAPTIONS if name in photos for i in range(12)}
    packed(root / "captions/all.tar", many)
    described = [
        {
            "file": file,
            "tar": "all.tar",
            "title": "",
            "caption": " | ".join([CAPTIONS[file.rstrip("0123456789.jpg")]] * 5),
        }
        for file in many
    ]
    table(root / "captions/manifest.tsv", described)
    packed(root / "train/web_photos.tar", {f"t{i}.jpg": photos["cat"][i:] for i in range(12)})
    table(
        root / "train/manifest.tsv", [{"file": f"t{i}.jpg", "tar": "web_photos.tar", "title": "cat"} for i in range(12)]
    )
    return root


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wordnet")
    names = ["cat", "whisker", "cup", "coffee", "table", "rocket", "sky", "woman", "suit"]
    nouns = "".join(f"{i:08d} 06 n 01 {name} 0 000 | a thing\n" for i, name in enumerate(names, 1))
    index = "".join(f"{name} n 1 0 1 0 {i:08d}\n" for i, name in enumerate(names, 1))
    for name, text in {"data.noun": nouns, "index.noun": index, "noun.exc": "", "cntlist.rev": ""}.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.slow
def test_a_killed_run_ends_as_a_straight_one(words, drawing, data, wordnet, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "SIZES", ((32, 32),) * 5)
    for name, value in {"KEEP_EVERY": 0, "LOG_EVERY": 2, "MEASURE_EVERY": 99}.items():
        monkeypatch.setattr(words, name, value)
    monkeypatch.setattr(words, "measure", lambda *_: {})
    monkeypatch.setattr(words, "covered_classes", lambda names, _: np.zeros((len(names), 1000), bool))
    torch.manual_seed(0)
    vit = MiniNetwork().vit.state_dict()
    save_file({key: value.clone() for key, value in vit.items()}, tmp_path / "mini.safetensors")

    def arguments(out: str) -> argparse.Namespace:
        (tmp_path / out).mkdir(exist_ok=True)
        return argparse.Namespace(
            data=data,
            wordnet=wordnet,
            teacher=tmp_path / "mini.safetensors",
            network=tmp_path / "mini.safetensors",
            out=tmp_path / out,
            photos=None,
            masks=None,
            samples=12,
            batch=2,
            rate=1e-4,
            seed=0,
            device="cpu",
        )

    words.Trainer(arguments("straight")).run()
    learn = words.Trainer._learn

    def die_at_three(self, steps):
        if self.step == 3:
            raise KeyboardInterrupt
        return learn(self, steps)

    monkeypatch.setattr(words.Trainer, "_learn", die_at_three)
    with pytest.raises(KeyboardInterrupt):
        words.Trainer(arguments("killed")).run()
    monkeypatch.setattr(words.Trainer, "_learn", learn)
    words.Trainer(arguments("killed")).run()
    straight, killed = (load_file(tmp_path / run / "mini.safetensors") for run in ("straight", "killed"))
    assert "photo_words.weight" in straight
    for name, weights in straight.items():
        torch.testing.assert_close(weights, killed[name], atol=2e-3, rtol=1e-2)
    rows = [json.loads(line) for line in (tmp_path / "killed/log.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 6
    named = [line.split(", ")[0] for line in (tmp_path / "killed/words.txt").read_text().splitlines()]
    assert {"cat", "coffee", "table", "woman"} <= set(named)
