"""YOLO's segmentation labels: a text file a photo, a line a region, corners as shares of width and height.

SciPy and scikit-image take a second to import: what works with them does it.
"""

import json
from collections.abc import Sequence

import numpy as np

from reco_core.export.stored_result import StoredResult

TOLERANCE = 0.35  # pixels that a corner may be off
LEAST_PIXELS = 9  # of a region; less is a speck


def polygons(mask: np.ndarray) -> list[np.ndarray]:
    """The regions of a mask (H, W) bool as outlines (n, 2) of (x, y) in pixels from the upper left corner.

    A hole, which the format does not know, is joined to the outline by a cut of no width. Specks are left out.
    """
    from scipy.ndimage import find_objects, label
    from skimage.measure import find_contours

    regions, _ = label(mask)
    found = []
    for i, place in enumerate(find_objects(regions), 1):
        region = regions[place] == i
        if region.sum() < LEAST_PIXELS:
            continue
        rings = sorted(find_contours(np.pad(region, 1).astype(float), 0.5), key=lambda ring: -_box(ring))
        outline = _simple(rings[0])
        for hole in rings[1:]:
            if _box(hole) >= LEAST_PIXELS:
                outline = _joined(outline, _simple(hole))
        found.append(outline[:, ::-1] - 0.5 + (place[1].start, place[0].start))
    return found


def _box(ring: np.ndarray) -> float:
    return float(np.ptp(ring, axis=0).prod())


def _simple(ring: np.ndarray) -> np.ndarray:
    """A closed ring with fewer corners, the first not repeated."""
    from skimage.measure import approximate_polygon

    fewer = approximate_polygon(ring, TOLERANCE)
    return fewer[:-1] if len(fewer) > 3 else ring[:-1]


def _joined(outline: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """An outline (n, 2) that goes to the nearest corner of a hole (m, 2), around it, and back."""
    from scipy.spatial import cKDTree

    apart, nearest = cKDTree(outline).query(hole)
    j = int(apart.argmin())
    i = int(nearest[j])
    return np.concatenate([outline[: i + 1], hole[j:], hole[: j + 1], outline[i:]])


def to_lines(result: StoredResult, names: Sequence[str]) -> str:
    """The label file of a photo: "class x y x y ..." for each region of each name that was found.

    names: the classes, from 0; those of the result are among them.
    """
    labels = result.labels()
    lines = []
    for concept in result.concepts:
        for outline in polygons(labels == concept.label) if concept.found else ():
            corners = np.clip(outline / labels.shape[::-1], 0, 1).ravel()
            lines.append(" ".join([str(names.index(concept.name)), *(f"{share:.6f}" for share in corners)]))
    return "".join(f"{line}\n" for line in lines)


def to_yaml(names: Sequence[str]) -> str:
    """data.yaml: where photos are expected, and what the classes are called."""
    listed = "".join(f"  {i}: {json.dumps(name, ensure_ascii=False)}\n" for i, name in enumerate(names))
    return f"path: .\ntrain: images\nval: images\nnames:\n{listed}"
