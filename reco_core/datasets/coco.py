"""COCO-Stuff (Caesar et al., CVPR 2018) on COCO's val2017: 80 things and 91 stuffs, in 27 super-categories."""

from pathlib import Path

from reco_core.datasets.dataset import Dataset, Item, require_path
from reco_core.datasets.files import first_existing, items, read_photo_list
from reco_core.errors import find
from reco_core.utils.names import category_words

PHOTOS_PAGE = "https://cocodataset.org/#download (2017 Val images)"
LABELS_PAGE = "https://github.com/nightrome/cocostuff#downloads (stuffthingmaps_trainval2017.zip)"
LIST_PAGE = "https://github.com/xu-ji/IIC/tree/master/datasets"
LIST = "curated/val2017/Coco164kFull_Stuff_Coarse_7.txt"
PHOTO_PLACES = ("val2017", "images/val2017")
LABEL_PLACES = ("stuffthingmaps_trainval2017/val2017", "annotations/val2017", "stuffthingmaps/val2017")
LAYOUT = "val2017/*.jpg and stuffthingmaps_trainval2017/val2017/*.png"
LIST_LAYOUT = f"{LAYOUT} and {LIST}"
SIDE = 320
UNLABELLED = 255

# The official hierarchy: super-category, then its categories with their official ids. Label maps hold id - 1.
# Ids 12, 26, 29, 30, 45, 66, 68, 69, 71, 83 and 91 were never annotated.
THINGS = {
    "electronic": "72 tv, 73 laptop, 74 mouse, 75 remote, 76 keyboard, 77 cell phone",
    "appliance": "78 microwave, 79 oven, 80 toaster, 81 sink, 82 refrigerator",
    "food-things": "52 banana, 53 apple, 54 sandwich, 55 orange, 56 broccoli, 57 carrot, 58 hot dog, 59 pizza, "
    "60 donut, 61 cake",
    "furniture-things": "62 chair, 63 couch, 64 potted plant, 65 bed, 67 dining table, 70 toilet",
    "indoor": "84 book, 85 clock, 86 vase, 87 scissors, 88 teddy bear, 89 hair drier, 90 toothbrush",
    "kitchen": "44 bottle, 46 wine glass, 47 cup, 48 fork, 49 knife, 50 spoon, 51 bowl",
    "accessory": "27 backpack, 28 umbrella, 31 handbag, 32 tie, 33 suitcase",
    "animal": "16 bird, 17 cat, 18 dog, 19 horse, 20 sheep, 21 cow, 22 elephant, 23 bear, 24 zebra, 25 giraffe",
    "outdoor": "10 traffic light, 11 fire hydrant, 13 stop sign, 14 parking meter, 15 bench",
    "person": "1 person",
    "sports": "34 frisbee, 35 skis, 36 snowboard, 37 sports ball, 38 kite, 39 baseball bat, 40 baseball glove, "
    "41 skateboard, 42 surfboard, 43 tennis racket",
    "vehicle": "2 bicycle, 3 car, 4 motorcycle, 5 airplane, 6 bus, 7 train, 8 truck, 9 boat",
}
STUFF = {
    "ceiling": "102 ceiling-other, 103 ceiling-tile",
    "floor": "101 carpet, 114 floor-marble, 115 floor-other, 116 floor-stone, 117 floor-tile, 118 floor-wood",
    "food-stuff": "121 food-other, 122 fruit, 153 salad, 170 vegetable",
    "furniture-stuff": "98 cabinet, 107 counter, 108 cupboard, 110 desk-stuff, 112 door-stuff, 123 furniture-other, "
    "130 light, 133 mirror-stuff, 156 shelf, 161 stairs, 165 table",
    "raw-material": "100 cardboard, 132 metal, 139 paper, 143 plastic",
    "textile": "92 banner, 93 blanket, 104 cloth, 105 clothes, 109 curtain, 131 mat, 137 napkin, 141 pillow, 152 rug, "
    "167 textile-other, 168 towel",
    "wall": "171 wall-brick, 172 wall-concrete, 173 wall-other, 174 wall-panel, 175 wall-stone, 176 wall-tile, "
    "177 wall-wood",
    "window": "180 window-blind, 181 window-other",
    "building": "95 bridge, 96 building-other, 128 house, 151 roof, 158 skyscraper, 166 tent",
    "ground": "111 dirt, 125 gravel, 126 ground-other, 136 mud, 140 pavement, 144 platform, 145 playingfield, "
    "147 railroad, 149 road, 154 sand, 159 snow",
    "plant": "94 branch, 97 bush, 119 flower, 124 grass, 129 leaves, 134 moss, 142 plant-other, 163 straw, 169 tree",
    "sky": "106 clouds, 157 sky-other",
    "solid": "127 hill, 135 mountain, 150 rock, 160 solid-other, 162 stone, 182 wood",
    "structural": "99 cage, 113 fence, 138 net, 146 railing, 164 structural-other",
    "water": "120 fog, 148 river, 155 sea, 178 water-other, 179 waterdrops",
}
TYPED = {  # where `category_words` does not give what a user would type
    "playingfield": "playing field",
    "waterdrops": "water drops",
    "window-blind": "window blind",
}
PROTOCOLS = {
    "coco_stuff27": "171 names mapped to 27 classes, 320 crop, the curated photos",
    "coco_stuff27_all": "171 names mapped to 27 classes, 320 crop, all photos",
    "coco_stuff171": "171 classes, whole photos",
    "coco_object": "80 classes and background, whole photos",
}


def categories(groups: dict[str, str]) -> dict[int, tuple[str, str]]:
    """Label value (id - 1) -> category and super-category, by value."""
    entries = [(*entry.split(" ", 1), group) for group, members in groups.items() for entry in members.split(", ")]
    return {int(number) - 1: (name, group) for number, name, group in sorted(entries, key=lambda e: int(e[0]))}


def words_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """What is asked for: "wall-other" is "wall", "wall-brick" is "brick wall"."""
    return tuple(TYPED.get(name) or category_words(name) for name in names)


def open_coco(root: Path, variant: str = "coco_stuff27") -> Dataset:
    """COCO's val2017 with the label maps of COCO-Stuff, both below a folder.

    variant: a key of PROTOCOLS.
    "coco_stuff27": the photos of `LIST`, those that IIC chose for being mostly stuff and that PiCIE,
    STEGO and ReCo measure 27 classes on. All 171 names are asked for; what is found becomes its
    super-category. No two of the 171 names are the same word.
    "coco_stuff27_all": the same on every photo. "coco_stuff171": the 171 categories by themselves.
    "coco_object": 80 things; stuff and unlabelled pixels are the background. COCO-Stuff's maps give each
    pixel one label: where annotated instances overlap, and at crowds, label maps that others draw from
    instances_val2017.json may say another thing.

    Raises:
        DatasetError: says which file is missing, and where to get it. OptionError: unknown variant.
    """
    protocol = find(variant, PROTOCOLS, "kind of COCO")
    known = categories(THINGS | STUFF)
    names = tuple(name for name, _ in known.values())
    found = _items(root, variant == "coco_stuff27")
    if variant == "coco_object":
        things = tuple(categories(THINGS))
        values = dict.fromkeys(range(UNLABELLED + 1), 0) | {value: row for row, value in enumerate(things, 1)}
        names = names[: len(things)]
        rows = tuple(range(1, len(things) + 1))
        return Dataset(variant, protocol, ("background", *names), words_of(names), rows, values, found, background=True)
    if variant == "coco_stuff171":
        values = {value: row for row, value in enumerate(known)}
        return Dataset(variant, protocol, names, words_of(names), tuple(range(len(names))), values, found)
    classes = (*THINGS, *STUFF)
    values = {value: classes.index(group) for value, (_, group) in known.items()}
    return Dataset(variant, protocol, classes, words_of(names), tuple(values.values()), values, found, side=SIDE)


def _items(root: Path, curated: bool) -> tuple[Item, ...]:
    """Every photo of val2017, or those of the list."""
    photos = first_existing(root, PHOTO_PLACES, "the photos of COCO's val2017", PHOTOS_PAGE)
    truths = first_existing(root, LABEL_PLACES, "the label maps of COCO-Stuff", LABELS_PAGE)
    names = (
        read_photo_list(require_path(root / LIST, "the list of photos that 27 classes are measured on", LIST_PAGE))
        if curated
        else tuple(photo.stem for photo in sorted(photos.glob("*.jpg")))
    )
    rows = ((name, photos / f"{name}.jpg", truths / f"{name}.png") for name in names)
    return items(rows, photos, PHOTOS_PAGE)
