"""ADE20K's scene parsing benchmark (Zhou et al., CVPR 2017): 150 classes, the 2,000 photos of its validation set."""

from pathlib import Path

from reco_core.datasets.dataset import Dataset, names_in, require_path
from reco_core.datasets.files import first_existing, items

NAME = "ade20k150"
PROTOCOL = "150 classes, whole photos"
WHERE = "https://github.com/CSAILVision/sceneparsing"
LAYOUT = "ADEChallengeData2016/images/validation and ADEChallengeData2016/annotations/validation"

# Label values 1 to 150: the first synonym of each line of the official objectInfo150.
NAMES = names_in(
    """
    wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk, person, earth,
    door, table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug,
    field, armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column,
    signboard, chest of drawers, counter, sand, sink, skyscraper, fireplace, refrigerator, grandstand, path,
    stairs, runway, case, pool table, pillow, screen door, stairway, river, bridge, bookcase, blind, coffee table,
    toilet, flower, book, hill, bench, countertop, stove, palm, kitchen island, computer, swivel chair, boat, bar,
    arcade machine, hovel, bus, towel, light, truck, tower, chandelier, awning, streetlight, booth, television,
    airplane, dirt track, apparel, pole, land, bannister, escalator, ottoman, bottle, buffet, poster, stage, van,
    ship, fountain, conveyer belt, canopy, washer, plaything, swimming pool, stool, barrel, basket, waterfall,
    tent, bag, minibike, cradle, oven, ball, food, step, tank, trade name, microwave, pot, animal, bicycle, lake,
    dishwasher, screen, blanket, sculpture, hood, sconce, vase, traffic light, tray, ashcan, fan, pier, crt
    screen, plate, monitor, bulletin board, shower, radiator, glass, clock, flag
    """
)


def open_ade20k(root: Path) -> Dataset:
    """The validation set below a folder with ADEChallengeData2016, or below that folder itself.

    Pixels of value 0 belong to none of the 150 classes and are not scored.

    Raises:
        DatasetError: says which file is missing, and where to get it.
    """
    photos = first_existing(root, ("ADEChallengeData2016/images/validation", "images/validation"), "ADE20K", WHERE)
    truths = require_path(photos.parent.parent / "annotations" / "validation", "the labels of ADE20K", WHERE)
    rows = ((photo.stem, photo, truths / f"{photo.stem}.png") for photo in sorted(photos.glob("*.jpg")))
    classes = tuple(range(len(NAMES)))
    return Dataset(NAME, PROTOCOL, NAMES, NAMES, classes, {row + 1: row for row in classes}, items(rows, photos, WHERE))
