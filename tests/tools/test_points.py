"""Photos marked by eye at points."""

import zlib

import numpy as np
import pytest


@pytest.fixture
def points(tool):
    return tool("points")


@pytest.mark.parametrize(("height", "width", "across"), [(90, 120, 8), (120, 90, 6), (100, 100, 8)])
def test_points_lie_row_by_row_in_the_middle_of_equal_cells(points, height, width, across):
    found = points.positions(height, width)
    assert found.shape == (48, 2)
    assert found[0] == pytest.approx((0.5 / across, 0.5 / (48 // across)))
    assert found[1] - found[0] == pytest.approx((1 / across, 0))
    assert found[across] - found[0] == pytest.approx((0, across / 48))
    assert found[-1] == pytest.approx(1 - found[0])


def test_every_photo_has_all_its_points_and_none_trains(points):
    marks = points.read_marks()
    assert sum(map(len, marks.values())) == 136
    assert {len(labels) for kind in marks.values() for labels in kind.values()} == {48}
    named = [label for kind in marks.values() for labels in kind.values() for label in labels]
    assert sum(label not in points.UNCOUNTED for label in named) > 4000
    files = {file: 4 if file[0].isdigit() else 20 for kind in marks.values() for file in kind}  # titled, captioned
    assert all(zlib.crc32(file.encode()) % one_in == 0 for file, one_in in files.items())


def test_drawn_points_lie_where_they_are_counted(points):
    photo = np.zeros((90, 120, 3), np.uint8)
    drawn = np.asarray(points.draw(points.Marked("streets", "a.jpg", photo, ("sky",) * 48)))
    assert drawn.shape == (750, 1000, 3)
    for x, y in points.positions(90, 120):
        assert drawn[int(y * 750), int(x * 1000), 0] > 200
