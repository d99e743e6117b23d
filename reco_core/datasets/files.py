"""Finding what a data set's official layout promises."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from reco_core.datasets.dataset import Item, require_path
from reco_core.errors import DatasetError


def first_existing(root: Path, places: Sequence[str], what: str, where: str) -> Path:
    """The first of several places below the root that exists.

    Raises:
        DatasetError: none does; names the first, and where to get it.
    """
    found = next((root / place for place in places if (root / place).exists()), root / places[0])
    return require_path(found, what, where)


def read_photo_list(file: Path) -> tuple[str, ...]:
    """The photos that a list names, one a line: names without folder and suffix, each once, in order.

    Raises:
        DatasetError: the list cannot be read.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            "a list of photos cannot be read",
            given=f"{file}: {error}",
            expected="a name a line",
            remedy="Get the file again",
        ) from error
    return tuple(dict.fromkeys(Path(line.strip()).stem for line in lines if line.strip()))


def items(rows: Iterable[tuple[str, Path, Path]], folder: Path, where: str) -> tuple[Item, ...]:
    """Items of (key, photo, label map), if every file is there.

    folder: where they were looked for, for the error. where: the page the data set comes from.

    Raises:
        DatasetError: there are no photos, or some file is missing; names the first.
    """
    found = tuple(Item(key, photo, truth) for key, photo, truth in rows)
    if not found:
        raise DatasetError(
            "the data set has no photos",
            given=folder,
            expected="the data set's official layout",
            remedy=f"Get it from {where}",
        )
    for item in found:
        require_path(item.photo, "a photo", where)
        require_path(item.truth, "a label map", where)
    return found
