"""Small text files that are there whole or not at all, whenever the program stops."""

from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """Write a text file (UTF-8) in place of the one there may be; raises OSError, and then the old one is still
    there.
    """
    partial = file.with_name(f"{file.name}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
