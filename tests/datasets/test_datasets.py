"""Every data set of the catalogue, on tiny folders that are laid out as the official ones."""

import shutil

import numpy as np
import pytest
from PIL import Image
from support.official import COLOURS, HEIGHT, NAMED, WIDTH, opened, regions

from reco_core.datasets import coco
from reco_core.datasets.catalogue import DATASETS, find_dataset
from reco_core.datasets.cityscapes import NAMES as CITY_NAMES
from reco_core.datasets.kitti_step import SEQUENCES
from reco_core.errors import DatasetError, OptionError
from reco_core.evaluation.published import PUBLISHED

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
