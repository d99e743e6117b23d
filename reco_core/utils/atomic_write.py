"""Files that are there complete or not at all, whenever the program stops."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_path(file: Path, *, shared: bool = False) -> Iterator[Path]:
    """A path beside `file` to write to; at the end of the block, what is there takes the file's place in one step.

    If the block fails, the file is as it was, and what was written beside it is deleted.

    shared: others may write the same file at the same time; otherwise what a killed program left is written over.
    """
    part = file.with_name(f"{file.name}.{uuid.uuid4().hex}.part" if shared else f"{file.name}.part")
    try:
        yield part
        part.replace(file)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def atomic_write(file: Path, content: str | bytes, *, shared: bool = False) -> None:
    """Write text (as UTF-8) or bytes in place of the file there may be; raises OSError, and then it is as it was."""
    with atomic_path(file, shared=shared) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
