"""Segmenting many photos: one after the other, whatever is wrong with some, and on where it was stopped."""

import hashlib
import logging
from collections.abc import Callable, Sequence

import numpy as np

from reco_core.cli.photo_list import Given
from reco_core.cli.progress_log import ProgressLog
from reco_core.errors import PhotoError
from reco_core.export.file_names import readable
from reco_core.export.results_folder import ResultsFolder
from reco_core.types import Segmentation
from reco_core.utils.images import read_photo

log = logging.getLogger("reco_core")


def segment_all(
    photos: Sequence[Given],
    segment: Callable[[np.ndarray], Segmentation],
    results: ResultsFolder,
    settings: dict[str, object],
) -> None:
    """Segment photos into a folder; those that have a result of the same settings are not done again.

    A photo that cannot be read is told of, counted, and named in table.csv.

    settings: told in each result; "settings" among them, a digest, is compared.

    Raises:
        PhotoError: no photo could be read. OSError: results cannot be written.
    """
    control, problems, done = ProgressLog("segmenting"), list[tuple[str, str]](), 0
    for i, given in enumerate(photos):
        control.report("photos", i, len(photos))
        try:
            data = given.read()
            sha256 = hashlib.sha256(data).hexdigest()
            key, stored = results.place(given.photo, sha256)
            if stored and stored.settings == settings["settings"] and stored.labels_file.is_file():
                done += 1
                continue
            photo = read_photo(data)
            result = segment(photo)
        except PhotoError as error:
            problems.append((given.photo, str(error)))
            log.warning("left out: %s: %s", readable(given.photo), error)
            continue
        about = {"photo": readable(given.photo), "sha256": sha256, **settings}
        results.write(key, result, photo, about, prefix=f"{key}.")
    control.report("photos", len(photos), len(photos))
    if len(problems) == len(photos):
        raise PhotoError("no photo could be read", given=f"{len(photos)}, the first: {': '.join(problems[0])}")
    results.summarise(problems)
    told = len(photos) - len(problems) - done, done, len(problems), results.folder
    log.info("%d photos segmented, %d were done before, %d could not be read; written to %s, with table.csv", *told)
