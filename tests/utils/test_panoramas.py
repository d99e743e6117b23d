"""Sizes at which long photos are looked at."""

import pytest

from reco_core.utils.panoramas import LEAST_SIDE, MOST_PIXELS, is_long, windowed_size, working_side


@pytest.mark.parametrize("size", [(480, 640), (640, 480, 3), (100, 300), (300, 100), (16, 16)])
def test_photos_of_up_to_three_to_one_are_as_ever(size):
    assert not is_long(size)
    assert working_side(size, 640) == 640


@pytest.mark.parametrize(("size", "side"), [((100, 400), 853), ((800, 100), 1707), ((100, 900), 1920)])
def test_up_to_nine_to_one_the_short_side_keeps_its_size(size, side):
    assert is_long(size)
    assert working_side(size, 640) == side
    assert side * min(size) / max(size) == pytest.approx(640 / 3, abs=1)


@pytest.mark.parametrize("ratio", [9, 20, 100, 5000])
def test_from_there_on_the_area_stays(ratio):
    side = working_side((10, 10 * ratio), 640)
    assert side * side / ratio == pytest.approx(640 * 640, rel=0.01)


@pytest.mark.parametrize(
    ("size", "step", "seen"),
    [
        ((100, 400), 16, (336, 1344)),
        ((800, 100), 16, (2688, 336)),
        ((100, 800), 112, (336, 2688)),
        ((100, 1600), 16, (256, 3968)),
    ],
)
def test_models_see_multiples_of_their_patches(size, step, seen):
    assert windowed_size(size, 336, step) == seen


@pytest.mark.parametrize("side", [64, 336, 1344])
@pytest.mark.parametrize("step", [16, 32, 112])
@pytest.mark.parametrize("ratio", [3.01, 8, 50, 700, 200_000])
def test_memory_is_bounded_whatever_the_shape(side, step, ratio):
    height, width = windowed_size((16, round(16 * ratio)), side, step)
    assert height % step == 0 and width % step == 0
    assert LEAST_SIDE <= height <= width
    assert height * width <= 1.2 * max(MOST_PIXELS, height * height)
    assert windowed_size((round(16 * ratio), 16), side, step) == (width, height)
