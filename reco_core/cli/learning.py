"""What commands that learn names share: their options, and the learning."""

import argparse
import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from reco_core.cli import options
from reco_core.errors import OptionError
from reco_core.install import teach_from
from reco_core.pipeline import ReCo
from reco_core.types import References

log = logging.getLogger("reco_core")


class Learned(NamedTuple):
    """reco: it knows the photos that taught names, too. remarks: what of the typed names was not understood."""

    reco: ReCo
    references: References
    remarks: tuple[str, ...]


def add_names(command: options.Parser) -> None:
    """Add what `learn` reads besides the names, and what says how they are learned."""
    alone = "learn a name from these photos alone (a folder, zip, ...), whatever it means"
    command.add_argument("--teach", metavar="NAME=PHOTOS", action="append", default=[], help=alone)
    command.add_argument(
        "--exclude", default="", help="files of archive photos that must not be exemplars, with commas"
    )
    options.add_learning(command)


def tell_remarks(references: References, remarks: Iterable[str]) -> None:
    """Say what was not understood, and which names the archive does not show."""
    for remark in remarks:
        log.warning("%s", remark)
    for concept in references.concepts:
        if not concept.in_archive:
            log.warning(
                'not in this archive: "%s". Its mask means little; add photos of it with `archive add`, or --teach it',
                concept.name,
            )


def learn(reco: ReCo, method: str, args: argparse.Namespace) -> Learned:
    """What the names of the arguments look like. Raises NamesError, OptionError."""
    names, remarks = reco.understand(args.names, [text.partition("=")[0].strip() for text in args.teach])
    background, context = options.parse_words(args.background), options.parse_words(args.context)
    with tempfile.TemporaryDirectory() as scratch:
        taught = []
        for i, text in enumerate(args.teach):
            name, equals, source = text.partition("=")
            if not equals or name.strip().casefold() not in map(str.casefold, names):
                raise OptionError(
                    "--teach is not understood", given=text, expected="NAME=PHOTOS, with one of the names"
                )
            reco, concept = teach_from(reco, name, source, Path(scratch) / str(i), method=method, context=context)
            taught.append(concept)
        references = reco.prepare(
            names,
            k=args.k,
            method=method,
            background=background,
            context=context,
            exclude=_excluded(args.exclude, reco),
            taught=taught,
        )
    return Learned(reco, references, tuple(remarks))


def _excluded(text: str, reco: ReCo) -> frozenset[str]:
    """The files that --exclude names."""
    if not text.strip():
        return frozenset()
    known = {record.file for record in reco.archive.records}
    files = options.split_files(text, known)
    for file in sorted(files - known):
        log.warning("--exclude: the archive has no photo %s", file)
    return files
