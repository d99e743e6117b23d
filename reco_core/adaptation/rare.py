"""Photos for a specialist of rare things, from the archive itself: those nearest to the names, and others to tell
them from.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reco_core.errors import ArchiveError, OptionError
from reco_core.photo_sources.fetch import fetch_photos
from reco_core.photo_sources.source import Files, is_file, path_inside
from reco_core.pipeline import ReCo
from reco_core.utils.paths import cache_folder
from reco_core.utils.run_control import RunControl

ARCHIVE = "archive"  # in place of photos on the command line
MOST = 500  # photos of a name
OTHERS = 2  # times as many more, of anything: what the thing is not


def archive_photos(
    reco: ReCo,
    names: Sequence[str],
    count: int,
    folder: Path | None,
    *,
    seed: int = 0,
    control: RunControl | None = None,
) -> Files:
    """The archive's photos nearest to each of the names, and twice as many others, drawn by a seed.

    Args:
        count: photos of each name.
        folder: with the archive's photos; what it lacks is left out. None: they are fetched from where they were
        published.

    Raises:
        OptionError: the count is out of range. ArchiveError: none of the photos is at hand.
        DownloadError: no network. Cancelled: `control` was cancelled.
    """
    if not 1 <= count <= MOST:
        raise OptionError("so many photos of a name cannot be taken", given=count, expected=f"1 to {MOST}")
    queries = reco.encoder.embed_queries(tuple(names))
    near = dict.fromkeys(int(row) for query in queries for row in reco.archive.search(query, count).rows)
    # Others must not show the things: nothing that is near to a name at all.
    spared = {int(row) for query in queries for row in reco.archive.search(query, 5 * count).rows}
    rest = np.array([row for row in range(len(reco.archive)) if row not in spared])
    drawn = np.random.default_rng(seed).permutation(rest)[: OTHERS * len(near)].tolist()
    records = [reco.archive.records[row] for row in (*near, *drawn)]
    if folder is None:
        folder = cache_folder() / "photos"
        fetch_photos(records, folder, control=control)
    found = [(record, path_inside(folder, record.file)) for record in records]
    found = [(record, path) for record, path in found if is_file(path)]
    if not found:
        raise ArchiveError(
            "none of the archive's photos is here",
            given=folder,
            remedy="Say where they are with --photos FOLDER, or fetch them: reco archive fetch",
        )
    return Files(folder, found)
