"""What a result says of a photo, and that as files: overlay, label map, JSON."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from reco_core.export.answers import answer, found_labels, is_found
from reco_core.types import Discovery, Segmentation
from reco_core.utils.atomic_write import atomic_path, atomic_write
from reco_core.utils.visualize import colour, overlay, palette, tag

CREDITS = ("author", "licence", "licence_scope", "source_url", "landing_url")  # what is told of an exemplar


def describe(result: Segmentation) -> dict:
    """What a segmentation says, as plain data: per concept colour, share, presence, answer, and exemplars."""
    concepts = []
    for index, concept in enumerate(result.references.concepts):
        share, presence = result.share(index + 1), result.presence[index]
        exemplars = [
            {
                "file": e.record.file,
                "similarity": round(e.similarity, 4),
                "support": round(e.support, 4),
                "seed": [round(c, 4) for c in e.seed],
                "why": e.why,
                **{key: getattr(e.record, key) for key in CREDITS},
            }
            for e in concept.exemplars
        ]
        concepts.append(
            {
                "name": concept.name,
                "label": index + 1,
                "colour": "#{:02x}{:02x}{:02x}".format(*colour(index)),
                "share": round(share, 5),
                "presence": round(presence, 4),
                "answer": answer(presence, share),
                "found": is_found(presence, share),
                "in_archive": concept.in_archive,
                "exemplars": exemplars,
            }
        )
    return {
        "size": [result.labels.shape[1], result.labels.shape[0]],
        "concepts": concepts,
        "background_words": [concept.name for concept in result.references.background],
        "background_share": round(result.share(0), 5),
        "seconds": {stage: round(seconds, 4) for stage, seconds in result.timings.items()},
    }


def label_image(result: Segmentation | Discovery) -> Image.Image:
    """Labels as a palette PNG: pixel values are labels, colours those of the overlay."""
    image = Image.fromarray(result.labels, "P")
    image.putpalette(palette(len(result.names)).tobytes())
    return image


def write_report(result: Segmentation, photo: np.ndarray, folder: Path, settings: dict, prefix: str = "") -> None:
    """Write overlay.png, labels.png and result.json, the last last; raises OSError if they cannot be written.

    The overlay shows what is found, as the answers say; labels.png has every pixel's best name.

    prefix: what the files' names begin with, such as "beach." or "2024/beach.".
    """
    picture = overlay(photo, found_labels(result), len(result.names))
    _write(result, picture, folder, {**settings, **describe(result)}, prefix)


def save_png(image: Image.Image, file: Path) -> None:
    """Write an image, complete or not at all; its folder is made. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(file) as part:
        image.save(part, "PNG")


def save_jpeg(image: Image.Image, file: Path) -> None:
    """Likewise, as a JPEG that looks the same as the image."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(file) as part:
        image.save(part, "JPEG", quality=90, optimize=True)


def _write(
    result: Segmentation | Discovery, picture: np.ndarray, folder: Path, description: dict, prefix: str = ""
) -> None:
    save_png(Image.fromarray(picture), folder / f"{prefix}overlay.png")
    save_png(label_image(result), folder / f"{prefix}labels.png")
    text = json.dumps(description, indent=1, ensure_ascii=False)
    atomic_write(folder / f"{prefix}result.json", text + "\n")


def describe_discovery(result: Discovery) -> dict:
    """The result as plain data: per segment its name, colour, share of the photo, confidence, and what else it may
    be.
    """
    return {
        "size": [result.labels.shape[1], result.labels.shape[0]],
        "segments": [
            {
                "label": index,
                "name": segment.name,
                "colour": "#{:02x}{:02x}{:02x}".format(*colour(index - 1)),
                "share": round(result.share(index), 5),
                "confidence": round(segment.confidence, 4),
                "others": [{"name": name, "confidence": round(sure, 4)} for name, sure in segment.others],
            }
            for index, segment in enumerate(result.segments, 1)
        ],
        "seconds": {stage: round(seconds, 4) for stage, seconds in result.timings.items()},
    }


def write_discovery(result: Discovery, photo: np.ndarray, folder: Path, settings: dict) -> None:
    """Write overlay.png with names, labels.png and result.json; raises OSError if they cannot be written."""
    picture = tag(overlay(photo, result.labels, len(result.names)), result.labels, result.names)
    _write(result, picture, folder, {**settings, **describe_discovery(result)})
