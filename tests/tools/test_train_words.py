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
    """Two photos of which all is listed, one in four of the titled ones, and one without words."""
    data = drawing.Words.__new__(drawing.Words)
    data.targets = torch.tensor([[1.0, 0.0], [0.5, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    data.weights = torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, 0.2], [0.2, 1.0], [0.0, 0.0]])
    data.groups = [np.array(rows) for rows in ([0, 1], [], [2, 3], [4])]
    data.chances = [np.array(chances) for chances in ([0.5, 0.5], [], [0.25, 0.75], [1.0])]
    data.shares = (0.6, 0.0, 0.3, 0.1)
    said, counted = 0.3 * 1.5 + 0.3 * 0.25, 0.6 + 0.3 * (0.25 + 0.75 * 0.2)
    other, others = 0.3 * 0.75, 0.6 + 0.3 * (0.25 * 0.2 + 0.75)
    expected = [math.log(x / (1 - x)) for x in (said / counted, other / others)]
    assert data.prior().tolist() == pytest.approx(expected, abs=1e-5)
    drawn = data.draw(400, np.random.default_rng(0))
    assert np.bincount(drawn) / 400 == pytest.approx([0.3, 0.3, 0.075, 0.225, 0.1], abs=0.08)


def test_what_a_scene_lists_is_there_and_nothing_else(drawing, tool, nouns):
    """Words that are often listed; one that is not: there, it is not known that it is missing."""
    scene = tool("scenes").Scene
    data = drawing.Words.__new__(drawing.Words)
    data.words = ["dog", "grass", "animal", "person", "shirt"]
    data.column = {word: i for i, word in enumerate(data.words)}
    often = dict.fromkeys(range(1, 11), scene(("dog", "grass", "person"), ()))
    data.scenes = {0: scene(("dog", "unheard of"), ("grass",)), **often, 11: scene(("grass",), ())}
    data.targets, data.weights = torch.zeros(12, 5), torch.full((12, 5), drawing.SILENT)
    data.targets[0, 3], data.weights[0, 4] = 0.4, 1.0  # captions mention a person, and no shirt
    data._add_scenes(nouns)
    unsure, silent = drawing.UNSURE, drawing.SILENT
    assert data.targets[0].tolist() == pytest.approx([1, 0.5, 1, 0.4, 0])
    assert data.weights[0].tolist() == pytest.approx([1, unsure, 1, unsure, 1])
    assert data.targets[11].tolist() == [0, 1, 0, 0, 0]
    assert data.weights[11].tolist() == pytest.approx([1, 1, silent, 1, silent])


def test_words_keep_their_rows_when_others_come(tool, tmp_path):
    words = tool("word_network")
    torch.manual_seed(0)
    network = MiniNetwork(words=2)
    torch.nn.init.normal_(network.patch_words.bias)
    network.word_prior.copy_(torch.tensor([-1.0, -2.0]))
    words.save_weights(network, tmp_path / "mini.safetensors")
    (tmp_path / "words.txt").write_text("dog, domestic dog\ncat\n")
    found = words.load_student(tmp_path / "mini.safetensors", ["bear", "cat", "dog"])
    kept = [1, 0]
    for rows in ("photo_words", "patch_words"):
        own, old = getattr(found, rows), getattr(network, rows)
        torch.testing.assert_close(own.weight[1:], old.weight[kept], atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(own.bias[1:], old.bias[kept], atol=1e-3, rtol=1e-3)
        assert own.bias[0] == words.FIRST_BIAS and not own.weight[0].any()
    assert found.word_prior.tolist() == [0.0, -2.0, -1.0]
    (tmp_path / "words.txt").unlink()
    (tmp_path / "names.txt").write_text("a name\n" * 1000 + "dog\ncat\n")
    assert words.words_of(tmp_path / "mini.safetensors") == ["dog", "cat"]


def test_halfway_is_the_mean_of_both_but_for_new_words(tool):
    torch.manual_seed(0)
    start, trained = MiniNetwork(words=2), MiniNetwork(words=2)
    start.word_prior.copy_(torch.tensor([1.0, 0.0]))
    trained.word_prior.copy_(torch.tensor([3.0, -5.0]))
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    tool("word_network").halfway(start, trained, torch.tensor([False, True]))
    assert trained.word_prior.tolist() == [2.0, -5.0]
    weight = trained.patch_words.weight
    torch.testing.assert_close(weight[0], (before["patch_words.weight"][0] + start.patch_words.weight[0]) / 2)
    assert torch.equal(weight[1], before["patch_words.weight"][1])
    block = "vit.blocks.5.mlp.fc1.weight"
    torch.testing.assert_close(trained.state_dict()[block], (before[block] + start.state_dict()[block]) / 2)


def test_a_pixel_has_the_word_that_is_ahead_of_all_others(tool):
    marking = tool("make_masks")
    scores = torch.tensor([[[3.0, 1.0, 0.0]], [[0.0, 1.1, 0.0]], [[0.0, 0.0, 2.0]]])
    yes, no, unsure = marking.YES, marking.NO, marking.OPEN
    found = marking.decide(scores, ~torch.eye(3).bool(), sure=2)
    assert found[0, 0].tolist() == [yes, unsure, no]
    assert found[1, 0].tolist() == [no, unsure, no]
    assert found[2, 0].tolist() == [unsure, unsure, yes]  # it may be there, or something else
    pool_and_water = torch.tensor([[0, 0, 1], [0, 0, 1], [1, 1, 0]]).bool()
    assert marking.decide(scores, pool_and_water, sure=3)[1, 0].tolist() == [unsure, yes, no]
    assert (marking.decide(scores[:1], torch.zeros(1, 1).bool(), sure=1) == unsure).all()


def test_words_are_raised_until_their_order_of_size_is_kept(tool):
    marking = tool("make_masks")
    random = torch.Generator().manual_seed(0)
    scores = torch.randn(4, 12, 12, generator=random)
    scores[0] -= 3  # listed first, and nowhere
    scores[3] += 1  # not sure: its size says nothing
    raised = marking.raise_small(scores, sure=3)
    shares = (raised / marking.SHARP).softmax(0).mean((1, 2))
    assert (scores / marking.SHARP).softmax(0).mean((1, 2))[0] < marking.LEAST
    assert shares[0] >= marking.ORDER * shares[1:3].max() and (shares[:3] >= marking.LEAST).all()
    assert torch.equal(raised[3], scores[3])
    assert torch.equal(marking.raise_small(scores[1:2], sure=1), scores[1:2])


def test_photos_are_marked_by_what_is_listed_of_them(tool):
    """A sky above a bear; animals stand above bears, hats have no pixels of their own, and clouds are not known."""
    marking, scene = tool("make_masks"), tool("scenes").Scene
    data = tool("word_photos").Words.__new__(tool("word_photos").Words)
    data.words = ["sky", "bear", "animal", "hat", "wall"]
    data.column = {word: i for i, word in enumerate(data.words)}
    marker = marking.Marker.__new__(marking.Marker)
    marker.data, marker.covers = data, [{0}, {1, 2}, {2}, {3}, {4}]
    maps = torch.full((5, 8, 8), -4.0)
    maps[0, :4] = maps[1, 4:] = 4
    maps[4] = 9  # a wall is seen everywhere, but it is not listed
    keys = torch.zeros(8, 8, 2)
    keys[:4, :, 0] = keys[4:, :, 1] = 1
    columns, marks = marker.mark(maps, keys, scene(("sky", "bear", "hat", "cloud"), ()))
    assert columns.tolist() == [0, 1, 2] and marks.shape == (3, 16, 16)
    yes, no = marking.YES, marking.NO
    assert (marks[0, :7] == yes).all() and (marks[0, 9:] == no).all()
    assert (marks[1, :7] == no).all() and (marks[1, 9:] == yes).all()
    assert (marks[2, :7] == no).all() and (marks[2, 9:] == yes).all()
    columns, marks = marker.mark(maps, keys, scene(("sky",), ()))
    assert not len(columns) and not marks.size  # with nothing beside it, it is not known where it is
    columns, marks = marker.mark(maps, keys, scene(("bear", "plain"), ()))
    assert columns.tolist() == [1, 2] and (marks[0, :7] == no).all() and (marks[0, 9:] == yes).all()


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
            halfway=False,
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
