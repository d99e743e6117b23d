"""Every data set of the catalogue, on tiny folders that are laid out as the official ones."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from reco_core.datasets import coco
from reco_core.datasets.catalogue import DATASETS, find_dataset
from reco_core.datasets.cityscapes import NAMES as CITY_NAMES
from reco_core.datasets.dataset import Dataset
from reco_core.datasets.files import read_photo_list
from reco_core.datasets.kitti_step import SEQUENCES
from reco_core.errors import DatasetError, OptionError
from reco_core.evaluation.published import PUBLISHED

HEIGHT, WIDTH, TOP, LEFT = 40, 60, 10, 24
COLOURS = np.array([[220, 20, 20], [20, 20, 220], [20, 220, 20]], np.uint8)  # left, right, top
NAMED = {  # data set: folder of the fixture, classes, words, background first, short side
    "coco_stuff27": ("coco", 27, 171, False, 320),
    "coco_stuff27_all": ("coco", 27, 171, False, 320),
    "coco_stuff171": ("coco", 171, 171, False, 0),
    "coco_object": ("coco", 81, 80, True, 0),
    "cityscapes27": ("cityscapes", 27, 27, False, 320),
    "cityscapes27_full": ("cityscapes", 27, 27, False, 0),
    "cityscapes19": ("cityscapes", 19, 19, False, 0),
    "kitti_step19": ("kitti", 19, 19, False, 0),
    "pascal_context59": ("pascal", 59, 59, False, 320),
    "pascal_context59_full": ("pascal", 59, 59, False, 0),
    "pascal_context60": ("pascal", 60, 59, True, 0),
    "voc21": ("pascal", 21, 20, True, 0),
    "voc20": ("pascal", 20, 20, False, 0),
    "ade20k150": ("ade", 150, 150, False, 0),
    "folder": ("folder", 3, 2, True, 0),
}
# What the fixture's left, right and top regions, and its second photo, are: the class or None if not scored.
TRUTHS = {
    "coco_stuff27": ("animal", "wall", None, "water"),
    "coco_stuff27_all": ("animal", "wall", None, "water"),
    "coco_stuff171": ("cat", "wall-brick", None, "waterdrops"),
    "coco_object": ("cat", "background", "background", "background"),
    "cityscapes27": ("car", "parking", None, "bicycle"),
    "cityscapes27_full": ("car", "parking", None, "bicycle"),
    "cityscapes19": ("car", None, None, "bicycle"),
    "kitti_step19": ("car", "vegetation", None, "road"),
    "pascal_context59": ("aeroplane", "wood", None, "cat"),
    "pascal_context59_full": ("aeroplane", "wood", None, "cat"),
    "pascal_context60": ("aeroplane", "wood", "background", "cat"),
    "voc21": ("aeroplane", "tvmonitor", None, "background"),
    "voc20": ("aeroplane", "tvmonitor", None, None),
    "ade20k150": ("wall", "flag", None, "animal"),
    "folder": ("cat", "mat", None, "background"),
}


def regions(left: int, right: int, top: int) -> np.ndarray:
    """A label map of three regions, nowhere symmetric."""
    values = np.full((HEIGHT, WIDTH), right, np.uint8)
    values[:, :LEFT], values[:TOP] = left, top
    return values


def write(photo: Path, truth: Path, values: np.ndarray, palette: bool = False, real: bool = False) -> None:
    """A photo, coloured by region or real, and its label map."""
    for file in (photo, truth):
        file.parent.mkdir(parents=True, exist_ok=True)
    pixels = skimage.data.chelsea() if real else COLOURS[regions(0, 1, 2)]
    Image.fromarray(pixels).resize((WIDTH, HEIGHT)).save(photo, **({"quality": 95} if photo.suffix == ".jpg" else {}))
    labels = Image.fromarray(values)
    if palette:
        labels.putpalette([(7 * i + 90) % 256 for i in range(768)])  # no colour is its own index
    labels.save(truth)


def two(photo: str, truth: str, keys: tuple[str, str], values: tuple[int, int, int, int], **options) -> None:
    """The coloured photo and a real one of one label, by patterns with a place for the key."""
    for key, labels in zip(keys, (regions(*values[:3]), np.full((HEIGHT, WIDTH), values[3], np.uint8)), strict=True):
        write(Path(photo.format(key)), Path(truth.format(key)), labels, real=key == keys[1], **options)


@pytest.fixture(scope="module")
def official(tmp_path_factory) -> Path:
    """A folder for each of the data sets."""
    root = tmp_path_factory.mktemp("official")
    keys = ("000000000139", "000000000285")
    at = f"{root}/coco/"
    two(at + "val2017/{}.jpg", at + "stuffthingmaps_trainval2017/val2017/{}.png", keys, (16, 170, 255, 178))
    (root / "coco" / coco.LIST).parent.mkdir(parents=True)
    (root / "coco" / coco.LIST).write_text(f"{keys[0]}\n")
    at = f"{root}/cityscapes/"
    two(
        at + "leftImg8bit/val/lindau/{}_leftImg8bit.png",
        at + "gtFine/val/lindau/{}_gtFine_labelIds.png",
        ("lindau_000000_000019", "lindau_000001_000019"),
        (26, 9, 3, 33),
    )
    shutil.copytree(root / "cityscapes/leftImg8bit/val", root / "cityscapes/leftImg8bit/train")
    for i, sequence in enumerate((*SEQUENCES, "0000")):
        part = "train" if sequence == "0000" else "val"
        red = regions(13, 8, 255) if i == 0 else np.zeros((HEIGHT, WIDTH), np.uint8)
        instances = np.full_like(red, 5)  # of green and blue, which say nothing of the class
        values = np.dstack([red, instances, instances + 4])
        truth = root / f"kitti/panoptic_maps/{part}/{sequence}/000000.png"
        write(root / f"kitti/training/image_02/{sequence}/000000.png", truth, values)
    at = f"{root}/pascal/VOCdevkit/"
    keys = ("2007_000033", "2008_000002")
    two(at + "VOC2010/JPEGImages/{}.jpg", at + "VOC2010/SegmentationClassContext/{}.png", keys, (1, 59, 0, 15))
    two(at + "VOC2012/JPEGImages/{}.jpg", at + "VOC2012/SegmentationClass/{}.png", keys, (1, 20, 255, 0), palette=True)
    for place in ("VOC2010/ImageSets/SegmentationContext", "VOC2012/ImageSets/Segmentation"):
        (Path(at) / place).mkdir(parents=True)
        (Path(at) / place / "val.txt").write_text("\n".join(keys) + "\n")
    at = f"{root}/ade/ADEChallengeData2016/"
    two(
        at + "images/validation/{}.jpg",
        at + "annotations/validation/{}.png",
        ("ADE_val_00000001", "ADE_val_00000002"),
        (1, 150, 0, 127),
    )
    two(f"{root}/folder/images/{{}}.jpg", f"{root}/folder/labels/{{}}.png", ("a", "b"), (1, 2, 9, 0))
    meta = {"classes": {"0": "other things", "1": "cat", "2": "mat"}, "background": 0, "ignore": 9}
    (root / "folder/meta.json").write_text(json.dumps(meta))
    return root


def opened(official: Path, name: str) -> Dataset:
    return DATASETS[name].open(official / NAMED[name][0])


def test_every_data_set_is_tested():
    assert list(DATASETS) == list(NAMED) and set(TRUTHS) == set(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_what_is_scored_and_asked_for(official, name):
    adapter, data = find_dataset(name), opened(official, name)
    _, classes, words, background, side = NAMED[name]
    assert (len(data.classes), len(data.words), data.background, data.side) == (classes, words, background, side)
    assert (data.classes[0] == "background") == background
    assert adapter.name == data.name == name and (data.protocol == adapter.protocol or name == "folder")
    assert adapter.published in ("", *PUBLISHED) and (adapter.where.startswith("https://") or name == "folder")
    assert set(data.word_rows) == set(range(background, classes)), "each class has a word"
    assert len({item.key for item in data.items}) == len(data.items)


def test_published_figures_are_of_the_same_protocol():
    assert {a.published for a in DATASETS.values()} - {""} == set(PUBLISHED)
    assert all(a.published in ("", a.name) for a in DATASETS.values())


@pytest.mark.parametrize("name", NAMED)
def test_labels_become_classes_and_stay_on_their_pixels(official, name):
    data = opened(official, name)
    photo, truth = data.load(data.items[0])
    size = (320, 320) if data.side else (HEIGHT, WIDTH)
    assert photo.shape == (*size, 3) and photo.dtype == np.uint8 and truth.shape == size
    rows = np.array([-1 if c is None else data.classes.index(c) for c in TRUTHS[name]])
    seen = np.abs(photo[:, :, None].astype(int) - COLOURS).sum(-1).argmin(-1)  # left, right or top, by its colour
    assert set(np.unique(seen)) == {0, 1, 2}
    assert (rows[seen] == truth).mean() > 0.97
    if not data.side:
        assert (truth == rows[regions(0, 1, 2)]).all()
    if len(data.items) > 1:
        assert (data.load(data.items[1])[1] == rows[3]).all()


@pytest.mark.parametrize("name", ["coco_stuff27_all", "cityscapes27", "pascal_context59"])
def test_crops_are_the_centre(official, name):
    data = opened(official, name)
    _, truth = data.load(data.items[0])
    whole = data.rows_of(data.read(data.items[0].truth))
    ratio, margin = 320 / HEIGHT, (WIDTH - HEIGHT) // 2
    places = ((np.arange(320) + 0.5) / ratio).astype(int)
    assert (truth == whole[places][:, margin + places]).all()


def test_coco_hierarchy():
    things, stuff = coco.categories(coco.THINGS), coco.categories(coco.STUFF)
    both = coco.categories(coco.THINGS | coco.STUFF)
    assert (len(things), len(stuff), len(both), len({*coco.THINGS, *coco.STUFF})) == (80, 91, 171, 27)
    assert (len(coco.THINGS), len(coco.STUFF)) == (12, 15)
    assert max(things) == 89 and set(stuff) == set(range(91, 182))
    assert set(range(90)) - set(things) == {11, 25, 28, 29, 44, 65, 67, 68, 70, 82}  # and 90: never annotated
    assert [name for name, _ in stuff.values()] == sorted(name for name, _ in stuff.values())
    known = {
        0: ("person", "person"),
        9: ("traffic light", "outdoor"),
        63: ("potted plant", "furniture-things"),
        80: ("sink", "appliance"),
        83: ("book", "indoor"),
        94: ("bridge", "building"),
        100: ("carpet", "floor"),
        119: ("fog", "water"),
        129: ("light", "furniture-stuff"),
        131: ("metal", "raw-material"),
        137: ("net", "structural"),
        151: ("rug", "textile"),
        158: ("snow", "ground"),
        162: ("straw", "plant"),
        165: ("tent", "building"),
        152: ("salad", "food-stuff"),
        105: ("clouds", "sky"),
        181: ("wood", "solid"),
        179: ("window-blind", "window"),
        102: ("ceiling-tile", "ceiling"),
        60: ("cake", "food-things"),
    }
    assert {value: both[value] for value in known} == known


def test_coco_words_belong_to_their_super_category(official):
    data = opened(official, "coco_stuff27")
    found = {word: data.classes[row] for word, row in zip(data.words, data.word_rows, strict=True)}
    wanted = {
        "brick wall": "wall",
        "wall": "wall",
        "window blind": "window",
        "door": "furniture-stuff",
        "orange": "food-things",
        "playing field": "ground",
        "tie": "accessory",
        "roof": "building",
    }
    assert {word: found[word] for word in wanted} == wanted
    object_words = opened(official, "coco_object").words
    assert object_words[0] == "person" and object_words[-1] == "toothbrush"


def test_coco_object_background_is_everything_else(official):
    data = opened(official, "coco_object")
    rows = data.rows_of(np.arange(256)[None])[0]
    assert rows[0] == 1 and rows[89] == 80 and rows[[11, 90, 91, 181, 200, 255]].tolist() == [0] * 6
    assert (rows >= 0).all() and (rows > 0).sum() == 80


def test_coco_lists(official, tmp_path):
    assert [item.key for item in opened(official, "coco_stuff27").items] == ["000000000139"]
    assert len(opened(official, "coco_stuff27_all").items) == 2
    (tmp_path / "list.txt").write_text("val2017/000000000285.jpg\n\n000000000139 \n000000000285\n")
    assert read_photo_list(tmp_path / "list.txt") == ("000000000285", "000000000139")
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match=r"list\.txt"):
        read_photo_list(tmp_path / "list.txt")


def test_cityscapes_classes_are_label_ids(official):
    data = opened(official, "cityscapes27_full")
    assert data.label_rows == {row + 7: row for row in range(27)} and data.classes == CITY_NAMES
    official_19 = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
    assert tuple(opened(official, "cityscapes19").label_rows) == official_19
    assert [item.key for item in data.items] == ["lindau/lindau_000000_000019", "lindau/lindau_000001_000019"]
    assert data.words[CITY_NAMES.index("polegroup")] == "pole group" and "vegetation" in data.words


def test_kitti_step_reads_red_and_only_validation_sequences(official):
    data = opened(official, "kitti_step19")
    assert [item.key for item in data.items] == [f"{sequence}/000000" for sequence in SEQUENCES]
    assert np.array_equal(data.read(data.items[0].truth), regions(13, 8, 255))


def test_words_as_users_type_them(official):
    assert {"dining table", "potted plant", "tv monitor"} <= set(opened(official, "voc21").words)
    assert {"chest of drawers", "sidewalk", "windowpane"} <= set(opened(official, "ade20k150").words)


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("voc20", "VOCdevkit"),
        ("voc21", "VOCdevkit/VOC2012"),
        ("pascal_context60", "VOCdevkit"),
        ("pascal_context59", "VOCdevkit/VOC2010"),
        ("ade20k150", "ADEChallengeData2016"),
    ],
)
def test_roots_may_lie_deeper(official, name, inside):
    deeper = DATASETS[name].open(official / NAMED[name][0] / inside)
    assert deeper == opened(official, name)


def test_other_usual_places(official, tmp_path):
    shutil.copytree(official / "coco/val2017", tmp_path / "coco/images/val2017")
    shutil.copytree(official / "coco/stuffthingmaps_trainval2017/val2017", tmp_path / "coco/annotations/val2017")
    assert len(DATASETS["coco_stuff171"].open(tmp_path / "coco").items) == 2
    shutil.copytree(official / "kitti/training", tmp_path / "kitti/training")
    shutil.copytree(official / "kitti/panoptic_maps", tmp_path / "kitti/kitti-step/panoptic_maps")
    assert len(DATASETS["kitti_step19"].open(tmp_path / "kitti").items) == 9


@pytest.mark.parametrize(
    ("name", "gone", "told"),
    [
        ("coco_stuff27", coco.LIST, "github.com/xu-ji/IIC"),
        ("coco_stuff27", "val2017/000000000139.jpg", "cocodataset.org"),
        ("coco_stuff171", "val2017", "cocodataset.org"),
        ("coco_object", "stuffthingmaps_trainval2017", "nightrome/cocostuff"),
        ("coco_stuff27_all", "stuffthingmaps_trainval2017/val2017/000000000285.png", "https://"),
        ("cityscapes27", "leftImg8bit/val", "cityscapes-dataset.com"),
        ("cityscapes19", "gtFine", "gtFine_trainvaltest.zip"),
        ("cityscapes27", "gtFine/val/lindau/lindau_000001_000019_gtFine_labelIds.png", "cityscapes-dataset.com"),
        ("kitti_step19", "training/image_02/0018/000000.png", "cvlibs.net"),
        ("kitti_step19", "panoptic_maps/val/0006", "cvlibs.net"),
        ("kitti_step19", "training", "cvlibs.net"),
        ("kitti_step19", "panoptic_maps", "cvlibs.net"),
        ("pascal_context59", "VOCdevkit/VOC2010/SegmentationClassContext", "mmsegmentation"),
        ("pascal_context60", "VOCdevkit/VOC2010/ImageSets/SegmentationContext/val.txt", "pascal-context"),
        ("voc21", "VOCdevkit/VOC2012/JPEGImages", "voc2012"),
        ("voc20", "VOCdevkit/VOC2012/SegmentationClass/2008_000002.png", "voc2012"),
        ("ade20k150", "ADEChallengeData2016/annotations", "CSAILVision"),
        ("ade20k150", "ADEChallengeData2016", "CSAILVision"),
    ],
)
def test_missing_files_are_named(official, tmp_path, name, gone, told):
    root = tmp_path / "copy"
    shutil.copytree(official / NAMED[name][0], root)
    assert DATASETS[name].open(root)
    place = root / gone
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    with pytest.raises(DatasetError) as caught:
        DATASETS[name].open(root)
    assert str(root / gone) in str(caught.value) and told in str(caught.value) and "https://" in str(caught.value)


@pytest.mark.parametrize("name", [name for name in NAMED if name not in ("folder", "kitti_step19")])
def test_a_folder_without_photos(official, tmp_path, name):
    root = tmp_path / "copy"
    shutil.copytree(official / NAMED[name][0], root)
    for file in root.rglob("*"):
        if file.is_file():
            file.write_text("") if file.suffix == ".txt" else file.unlink()
    with pytest.raises(DatasetError, match=r"no photos.*https://"):
        DATASETS[name].open(root)


def test_label_maps_that_do_not_fit(official, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(official / "ade", root)
    data = DATASETS["ade20k150"].open(root)
    truth = data.items[0].truth
    Image.fromarray(regions(1, 2, 3).T).save(truth)
    with pytest.raises(DatasetError, match=r"does not fit its photo.*ADE_val_00000001.*60, 40"):
        data.load(data.items[0])
    Image.fromarray(np.dstack([regions(1, 2, 3)] * 3)).save(truth)
    with pytest.raises(DatasetError, match="colours in place of label values"):
        data.load(data.items[0])
    truth.write_bytes(truth.read_bytes()[:60])
    with pytest.raises(DatasetError, match="cannot be read"):
        data.load(data.items[0])


def test_panoptic_maps_that_do_not_fit(official, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(official / "kitti", root)
    data = DATASETS["kitti_step19"].open(root)
    truth = data.items[0].truth
    Image.fromarray(regions(1, 2, 3)).save(truth)
    with pytest.raises(DatasetError, match="three channels"):
        data.load(data.items[0])
    truth.write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"panoptic map cannot be read.*000000\.png"):
        data.load(data.items[0])
    Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(truth)
    with pytest.raises(DatasetError, match="does not fit its photo"):
        data.load(data.items[0])


def test_unknown_data_sets():
    with pytest.raises(OptionError, match='Did you mean "cityscapes27"'):
        find_dataset("citycapes27")
