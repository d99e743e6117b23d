"""Full disks, told before or after they are full."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reco_core.errors import NoSpaceError


def is_full(error: BaseException) -> bool:
    """Whether an error is that of a full disk, or of a quota that is used up."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def full_disk_told(target: Path) -> Iterator[None]:
    """Raise NoSpaceError in place of a full disk's OSError; other errors stay what they are."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise NoSpaceError(
            "the disk is full", given=target, remedy="Free some space and try again: what came so far is kept"
        ) from error


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise NoSpaceError unless so many bytes are free on the disk of a folder; what: what they are for."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise NoSpaceError(
            f"there is not enough space for {what}",
            given=f"{free / 1e6:.0f} MB free in {folder}",
            expected=f"{needed / 1e6:.0f} MB",
            remedy="Free some space and try again",
        )
