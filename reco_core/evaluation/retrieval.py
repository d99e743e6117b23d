"""How well words find photos: purity of what is retrieved for each class, without any segmentation."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
from torch import Tensor

from reco_core.datasets.imagenet import ClassedPhotos
from reco_core.errors import DatasetError, OptionError, PhotoError
from reco_core.models.encoders import Encoder
from reco_core.utils.hashing import digest
from reco_core.utils.images import read_small
from reco_core.utils.prefetch import prefetch
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)
STOPPED = "the measurement was stopped"
KS = (10, 20, 50)
DECODERS = 2  # threads
WORDS = 64  # that are compared with all photos at a time
NAMED = 20  # unreadable photos that a report names


def purity(similarities: np.ndarray, classes: np.ndarray, of: np.ndarray, k: int) -> np.ndarray:
    """Per query, the share of its k most similar photos that are of its class: (queries,), 0..1.

    As in the ReCo paper it is a plain share of k: a class with fewer photos than k cannot reach 1. Of
    equally similar photos the first counts as nearer.

    Args:
        similarities: (queries, photos). classes: (photos,), the class of each. of: (queries,), what is sought.

    Raises:
        OptionError: shapes do not fit, or k is not in 1..photos.
    """
    if similarities.shape != (len(of), len(classes)):
        expected = f"({len(of)}, {len(classes)}), queries by photos"
        raise OptionError("similarities have the wrong shape", given=similarities.shape, expected=expected)
    if not 1 <= k <= len(classes):
        raise OptionError("k does not fit the number of photos", given=k, expected=f"1..{len(classes)}")
    nearest = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    return (classes[nearest] == of[:, None]).mean(1)


def run(
    encoder: Encoder, data: ClassedPhotos, *, ks: Sequence[int] = KS, batch: int = 32, control: RunControl | None = None
) -> dict:
    """Ask for every class by its words, among all photos.

    Photos are embedded as an archive's are (224 pixels or the model's own size, centre crop), and are searched by
    what archives are searched by. Only the embeddings stay in memory. Photos that cannot be read are
    left out, counted and named.

    Args:
        ks: how many photos are retrieved; those above the number of photos are left out of the report.
        control: told of photos that are read and classes that are scored; asked meanwhile.

    Returns:
        the report: "purity" (k -> mean over classes, 0..1), "per_class" (in the order of `data.words`: words,
        how many photos, purity by k), "photos", "classes", "unreadable" (count and the first files), "settings".

    Raises:
        OptionError: no k fits. DatasetError: no photo can be read. Cancelled: `control` was cancelled.
    """
    control = control or RunControl()
    rows: np.ndarray | None = None
    kept: list[int] = []
    unreadable: list[str] = []
    for crops, indices, failed in _batches(encoder, data.photos, batch):
        control.raise_if_cancelled(STOPPED)
        unreadable += failed
        if crops:
            encoded = encoder.encode_crops(crops)
            found = (encoded.embedding if encoded.retrieval is None else encoded.retrieval).float().cpu().numpy()
            rows = np.empty((len(data.photos), found.shape[1]), np.float32) if rows is None else rows
            rows[len(kept) : len(kept) + len(found)] = found
            kept += indices
        control.report("photos", len(kept) + len(unreadable), len(data.photos))
    if rows is None:
        raise DatasetError("no photo can be read", given=f"{data.name}, {len(unreadable)} photos")
    fitting = sorted({k for k in ks if 1 <= k <= len(kept)})
    if not fitting:
        raise OptionError("no k fits the number of photos", given=", ".join(map(str, ks)), expected=f"1..{len(kept)}")
    if unreadable:
        log.warning("%s photos cannot be read, the first is %s", len(unreadable), unreadable[0])
    classes = np.array(kept)
    scores = _scores(encoder, data.words, rows[: len(kept)], classes, fitting, control)
    counts = np.bincount(classes, minlength=len(data.words))
    return {
        "purity": {k: round(float(scores[k].mean()), 4) for k in fitting},
        "per_class": [
            {"words": word, "photos": int(counts[i]), "purity": {k: round(float(scores[k][i]), 4) for k in fitting}}
            for i, word in enumerate(data.words)
        ],
        "photos": len(kept),
        "classes": len(data.words),
        "unreadable": {"count": len(unreadable), "files": unreadable[:NAMED]},
        "settings": {
            "data": data.name,
            "photos": digest("\n".join(f"{file.parent.name}/{file.name}" for file, _ in data.photos), 16),
            "preset": encoder.preset.name,
            "weights": encoder.hash,
            "device": encoder.device,
            "ks": fitting,
        },
    }


def _scores(
    encoder: Encoder, words: tuple[str, ...], rows: np.ndarray, classes: np.ndarray, ks: list[int], control: RunControl
) -> dict[int, np.ndarray]:
    """Purity of every class by k; a few words at a time, so that similarities stay small."""
    parts: dict[int, list[np.ndarray]] = {k: [] for k in ks}
    for start in range(0, len(words), WORDS):
        control.raise_if_cancelled(STOPPED)
        asked = words[start : start + WORDS]
        similarities = encoder.embed_queries(asked).float().cpu().numpy() @ rows.T
        of = np.arange(start, start + len(asked))
        for k in ks:
            parts[k].append(purity(similarities, classes, of, k))
        control.report("classes", start + len(asked), len(words))
    return {k: np.concatenate(part) for k, part in parts.items()}


def _batches(
    encoder: Encoder, photos: tuple[tuple[Path, int], ...], size: int
) -> Iterator[tuple[list[tuple[Tensor, ...]], list[int], list[str]]]:
    """Batches of crops, their classes, and files that cannot be read; the next is decoded while one is used."""
    with closing(prefetch(lambda photo: _read(encoder, photo[0]), photos, DECODERS, 2 * size)) as decoded:
        for start in range(0, len(photos), size):
            batch = photos[start : start + size]
            read = [(crops, *photo) for crops, photo in zip(islice(decoded, size), batch, strict=True)]
            yield (
                [crops for crops, _, _ in read if crops is not None],
                [index for crops, _, index in read if crops is not None],
                [str(file) for crops, file, _ in read if crops is None],
            )


def _read(encoder: Encoder, file: Path) -> tuple[Tensor, ...] | None:
    """A photo's crops, or None if it cannot be read."""
    try:
        return encoder.crops(read_small(file, encoder.archive_side)[0])
    except PhotoError:
        return None
