"""COCO's JSON: every name's mask in every photo with its box, area and score, for pycocotools and what reads its files.

Masks are run lengths, written as pycocotools writes them (https://cocodataset.org/#format-results).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from reco_core.export.stored_result import StoredResult


def run_lengths(mask: np.ndarray) -> list[int]:
    """How long the runs of a mask (H, W) bool are, column by column, from one of pixels that are out; 0 if none is."""
    values = np.concatenate([[False], mask.ravel(order="F")])
    turns = np.flatnonzero(np.diff(values))
    return np.diff([0, *turns, mask.size]).tolist()


def pack(runs: Sequence[int]) -> str:
    """Run lengths as COCO's text: from the fourth on less the one before the last; five bits a sign, lowest first."""
    signs = []
    for i, run in enumerate(runs):
        value, more = run - runs[i - 2] if i > 2 else run, True
        while more:
            bits, value = value & 31, value >> 5
            more = value != (-1 if bits & 16 else 0)
            signs.append(chr(48 + bits + 32 * more))
    return "".join(signs)


def outlined(mask: np.ndarray) -> dict[str, Any] | None:
    """A mask (H, W) bool as COCO's segmentation, bbox (x, y, width, height) and area in pixels; None if it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    x, y = int(columns[0]), int(rows[0])
    return {
        "segmentation": {"size": list(mask.shape), "counts": pack(run_lengths(mask))},
        "bbox": [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1],
        "area": int(mask.sum()),
    }


def to_coco(results: Iterable[StoredResult], names: Sequence[str]) -> dict[str, Any]:
    """All results as one COCO data set, with an annotation for each name that has pixels.

    names: the categories, in the order of their ids, from 1; those of every result are among them. score: presence.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    ids = {name: i for i, name in enumerate(names, 1)}
    for image, result in enumerate(results, 1):
        labels = result.labels()
        height, width = labels.shape
        images.append({"id": image, "file_name": result.photo, "width": width, "height": height})
        for concept in result.concepts:
            found = outlined(labels == concept.label)
            if found is None:
                continue
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": ids[concept.name],
                    **found,
                    "iscrowd": 0,
                    "score": concept.presence,
                }
            )
    categories = [{"id": i, "name": name, "supercategory": ""} for name, i in ids.items()]
    return {
        "info": {"description": "ReCo's segmentations"},
        "licenses": [],
        "images": images,
        "categories": categories,
        "annotations": annotations,
    }
