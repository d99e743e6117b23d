"""The commands `segment` and `predict`: named things in a photo, by ReCo or by a specialist."""

import argparse
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from reco_core.adaptation.specialist import Specialist
from reco_core.cli import options
from reco_core.errors import OptionError
from reco_core.export import is_found, write_report
from reco_core.install import teach_from
from reco_core.methods import METHODS
from reco_core.pipeline import usual_method
from reco_core.types import Segmentation
from reco_core.utils.images import read_with_remarks
from reco_core.utils.names import parse_names

log = logging.getLogger("reco_core")


def add_commands(commands: options.Commands) -> None:
    """Add `segment` and `predict`."""
    command = options.add_command(commands, "segment", segment)
    command.add_argument("photo", type=Path)
    command.add_argument("names", help='for example "cat, wall"')
    options.add_out(command)
    command.add_argument("--method", help=f"{', '.join(METHODS)} (default: the preset's; reco2 with its fast CRF)")
    alone = "learn a name from these photos alone (a folder, zip, ...), whatever it means"
    command.add_argument("--teach", metavar="NAME=PHOTOS", action="append", default=[], help=alone)
    command.add_argument("--exclude", default="", help="archive photos that must not be exemplars, with commas")
    options.add_learning(command)

    command = options.add_command(commands, "predict", predict)
    command.add_argument("specialist", type=Path, help="folder that `adapt` made")
    command.add_argument("photo", type=Path)
    options.add_out(command)
    options.add_device(command)


def segment(args: argparse.Namespace) -> None:
    """Mark named things in a photo.

    Example: photo.jpg "cat, wall" --out out
    """
    names, (photo, remarks) = parse_names(args.names), read_with_remarks(args.photo)
    reco = options.load(args)
    method = args.method or usual_method(reco.encoder.preset)
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
            exclude=frozenset(options.split_commas(args.exclude)),
            taught=taught,
        )
    result = reco.segment(photo, references, method=method)
    _write(result, photo, args, {"method": method, "preset": args.preset, "remarks": remarks})
    for concept in references.concepts:
        if not concept.in_archive:
            log.warning(
                'not in this archive: "%s". Its mask means little; add photos of it with `archive add`, or --teach it',
                concept.name,
            )


def predict(args: argparse.Namespace) -> None:
    """Mark what a specialist knows in a photo, without ReCo.

    Example: street photo.jpg --out out
    """
    (photo, remarks), specialist = read_with_remarks(args.photo), Specialist(args.specialist, args.device)
    _write(specialist.segment(photo), photo, args, {"specialist": args.specialist.name, "remarks": remarks})


def _write(result: Segmentation, photo: np.ndarray, args: argparse.Namespace, settings: dict[str, Any]) -> None:
    """The result as files, and its figures in the log."""
    write_report(result, photo, args.out, {"photo": args.photo.name, **settings})
    for index, name in enumerate(result.names, 1):
        share, presence = result.share(index), result.presence[index - 1]
        found = "" if is_found(presence, share) else ": not found"
        log.info("%-20s %5.1f %% of the photo, presence %.2f%s", name, 100 * share, presence, found)
    log.info("written to %s", args.out)
