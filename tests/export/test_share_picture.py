"""The picture for a chat."""

import numpy as np
import pytest
from support.results import made_of

from reco_core.export.picture_legend import PANEL, QUIET, Legend, Marked
from reco_core.export.share_picture import SIDE, share_picture, told_of
from reco_core.utils.visualize import colour

GREY = 120
SIZES = [(60, 90), (90, 60), (30, 200), (200, 30), (64, 64), (7, 5), (1500, 2000)]


def stripes(height: int, width: int, count: int) -> np.ndarray:
    """Labels 1 to `count` from left to right."""
    return np.broadcast_to((np.arange(width) * count // width + 1).astype(np.uint8), (height, width)).copy()


def picture(size: tuple[int, int], count: int, name: str = "thing") -> np.ndarray:
    photo, labels = np.full((*size, 3), GREY, np.uint8), stripes(*size, max(1, count))
    marked = [Marked(f"{name} {i}", i, float((labels == i).mean())) for i in range(1, count + 1)]
    return share_picture(photo, labels, marked, ["giraffe"])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [0, 1, 12])
def test_it_is_as_long_as_chats_like_whatever_the_photo(size, count):
    made = picture(size, count)
    assert made.dtype == np.uint8 and max(made.shape[:2]) == SIDE
    assert (made[-1, -1] == 255).all()  # paper


def test_masks_are_in_their_colours_and_the_rest_is_the_photo():
    labels = np.zeros((60, 90), np.uint8)
    labels[:, :45] = 2
    made = share_picture(np.full((60, 90, 3), GREY, np.uint8), labels, [Marked("cup", 2, 0.5)]).astype(int)
    inside, outside = made[300, 300], made[300, 1100]
    np.testing.assert_allclose(inside, 0.55 * GREY + 0.45 * np.array(colour(1)), atol=2)
    assert np.ptp(outside) == 0 and abs(outside[0] - GREY) < 20
    np.testing.assert_allclose(made[300, 598], colour(1), atol=40)  # the outline
    unmarked = share_picture(np.full((60, 90, 3), GREY, np.uint8), labels, [])
    assert np.ptp(unmarked[300, 300]) == 0


def test_every_name_has_its_colour_below_or_beside():
    made = picture((60, 90), 6)
    swatches = {i for i in range(6) if (made == np.array(colour(i))).all(-1).sum() > 400}
    assert swatches == set(range(6))


def test_names_go_where_the_photo_stays_largest():
    few, many = picture((90, 60), 1), picture((60, 50), 12, name="a rather long name of thing")
    assert few.shape[0] == SIDE and few.shape[1] < 850  # below
    assert many.shape[1] == SIDE and (many[:, -30:] == 255).all()  # beside


def test_long_and_foreign_names_and_too_many():
    long = [Marked("a name that goes on and on and on and on " * 3, 1, 0.3), Marked("猫", 7, 0.004)]
    legend = Legend.of(long, [], PANEL)
    assert max(entry.width for entry in legend.entries) <= PANEL - 72
    assert legend.entries[0].name.endswith("…") and legend.entries[0].share == "30 %"
    assert legend.entries[1][:2] == ("7", "under 1 %")
    crowd = Legend.of([Marked(f"x{i}", i, 0.1) for i in range(1, 16)], [], SIDE)
    assert [entry.name for entry in crowd.entries[-2:]] == ["x12", "and 3 more"]
    assert Legend.of([], ["giraffe", "猫"], SIDE).entries[0].name == "not found: giraffe"
    assert Legend.of([], [], SIDE).entries[0].name == "nothing found"


def test_what_was_found_is_told():
    labels = np.zeros((10, 10), np.uint8)
    labels[:3], labels[3:5] = 1, 2
    found, missing = told_of(made_of(labels, {"cat": 0.9, "dog": 0.3, "cow": 0.8}))
    assert found == [Marked("cat", 1, 0.3)]
    assert missing == ["dog", "cow"]


def test_quiet_letters_can_be_read():
    """WCAG AA on white: 4.5 to 1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(QUIET) / 255]
    assert 1.05 / (np.dot(linear, [0.2126, 0.7152, 0.0722]) + 0.05) > 4.5
