"""The bytes of a table as text: the encodings and separators that spreadsheets write."""

import codecs
import io
import logging
import re
from typing import BinaryIO, TextIO

log = logging.getLogger(__name__)
CHUNK = 1 << 20
SEPARATOR = re.compile(r'"?sep=([^\r\n])"?\s*', re.IGNORECASE)  # a first line for Excel
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def open_text(raw: BinaryIO, name: str, separators: str) -> tuple[TextIO, str]:
    """A table's text from its header on, and which of the separators is between its cells.

    raw: can be sought. name: for the log. separators: those that may be; what a first line "sep=;" says goes before.
    Decoding raises UnicodeDecodeError for what is neither UTF-8, UTF-16 nor Windows-1252.
    """
    stream = io.TextIOWrapper(raw, encoding=encoding(raw, name), newline="")
    first = stream.readline(100_000)
    if stated := SEPARATOR.fullmatch(first):
        return stream, stated[1]
    stream.seek(0)
    return stream, max(separators, key=first.count)


def encoding(raw: BinaryIO, name: str) -> str:
    """The encoding of a text: by its mark; else UTF-16 if every other byte is 0, UTF-8, or Windows-1252."""
    head = raw.read(4096)
    raw.seek(0)
    for mark, kind in MARKS.items():
        if head.startswith(mark):
            return kind
    for kind, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if 2 * zeros.count(0) > len(zeros) > 0:
            return kind
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := raw.read(CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        log.warning("%s is not UTF-8: it is read as Windows-1252; save it as UTF-8 if names come out wrong", name)
        return "cp1252"
    finally:
        raw.seek(0)
    return "utf-8"
