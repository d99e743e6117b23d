"""The commands `segment` and `predict`: named things in photos, by ReCo or by a specialist."""

import argparse
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from reco_core import __version__
from reco_core.adaptation.specialist import Specialist
from reco_core.cli import options
from reco_core.cli.learning import add_names, learn, tell_remarks
from reco_core.cli.many_photos import segment_all
from reco_core.cli.photo_list import Given, is_many, list_given
from reco_core.errors import NamesError, OptionError, PhotoError
from reco_core.export import Answer, answer, write_report
from reco_core.export.file_names import photo_key, readable
from reco_core.export.results_folder import ALL, FORMATS, ResultsFolder, parse_formats
from reco_core.export.stored_result import REPORT, read_result
from reco_core.methods import METHODS
from reco_core.photo_kind import of_one_kind, sample
from reco_core.photo_sources.source import is_file
from reco_core.pipeline import ReCo
from reco_core.presets import usual_method
from reco_core.types import References, Segmentation
from reco_core.utils.hashing import digest, sha256
from reco_core.utils.images import read_photo, read_with_remarks
from reco_core.utils.names import EXAMPLE, parse_names
from reco_core.utils.photo_files import PHOTO_SUFFIXES

log = logging.getLogger("reco_core")
SAID: dict[Answer, str] = {"found": "", "maybe": ": maybe there", "absent": ": not found"}


def add_commands(commands: options.Commands) -> None:
    """Add `segment` and `predict`."""
    command = options.add_command(commands, "segment", segment)
    command.add_argument("photo", type=Path, nargs="+", help="photos; or folders, zip or tar files of photos")
    command.add_argument("names", help='for example "cat, wall"')
    options.add_out(command, "folder for the results")
    listed = "; ".join(f"{name}: {what}" for name, what in FORMATS.items())
    command.add_argument("--also", default="", help=f"write besides, with commas, or {ALL}: {listed}")
    command.add_argument(
        "--one-kind",
        action="store_true",
        help="the photos are of one kind, such as streets from a car: what all of them have in common counts less",
    )
    command.add_argument("--method", help=f"{', '.join(METHODS)} (default: the preset's; reco2_crf for reco2)")
    add_names(command)

    command = options.add_command(commands, "predict", predict)
    command.add_argument("specialist", type=Path, help="folder that `adapt` made")
    command.add_argument("photo", type=Path)
    options.add_out(command)
    options.add_device(command)


def segment(args: argparse.Namespace) -> None:
    """Mark named things in photos.

    One photo becomes overlay.png, labels.png and result.json in the folder --out. Of several, or of a folder, each has
    files called after it, and table.csv sums them up; the same command goes on where it was stopped.

    Commas, semicolons, bars, dots and line ends stand between names; a name in double quotes is taken as it is.
    Colours, places and numbers ("red car") are not understood: the thing is looked for, and a remark says so.

    Example: photo.jpg "cat, wall" --out out
    """
    if is_file(Path(args.names)) and Path(args.names).suffix.lower() in PHOTO_SUFFIXES:
        raise NamesError("the names are missing", given=args.names, remedy=f"They come after the photos. {EXAMPLE}")
    parse_names(args.names)  # what is wrong with them, before models are loaded
    formats = parse_formats(options.split_commas(args.also))
    one, seen = (None, ()) if is_many(args.photo) else read_with_remarks(args.photo[0])
    given = list_given(args.photo, args.out) if one is None else []
    if args.one_kind and len(given) < 2:
        raise OptionError("one photo alone is of no kind", given="--one-kind", remedy="Give several, or leave it out")
    reco = options.load(args)
    method = args.method or usual_method(reco.encoder.preset)
    reco, references, remarks = learn(reco, method, args)
    settings: dict[str, object] = {"method": method, "preset": args.preset, "remarks": (*remarks, *seen)}
    results = ResultsFolder(args.out, formats)
    if one is None:
        if args.one_kind:
            references = of_one_kind(reco, references, _readable(sample(given)))
            settings["one_kind"] = True
        settings["settings"] = _fingerprint(reco, references, method, formats)
        segment_all(given, lambda photo: reco.segment(photo, references, method=method), results, settings)
    else:
        _write_one(reco.segment(one, references, method=method), one, args.photo[0], results, settings)
    tell_remarks(references, remarks)


def predict(args: argparse.Namespace) -> None:
    """Mark what a specialist knows in a photo, without ReCo.

    Example: street photo.jpg --out out
    """
    (photo, remarks), specialist = read_with_remarks(args.photo), Specialist(args.specialist, args.device)
    result, about = specialist.segment(photo), {"photo": readable(args.photo.name), "specialist": args.specialist.name}
    write_report(result, photo, args.out, {**about, "remarks": remarks})
    _tell(result, args.out)


def _fingerprint(reco: ReCo, references: References, method: str, formats: tuple[str, ...]) -> str:
    """A digest of all that a photo's result depends on besides the photo."""
    learned = [
        (concept.name, [(e.record.file, e.record.sha256, e.why) for e in concept.exemplars])
        for concept in (*references.concepts, *references.background)
    ]
    kind = None if references.favoured is None else np.round(references.favoured.numpy(), 3).tolist()
    side = reco.encoder.preset.photo_side
    return digest(repr((__version__, reco.encoder.hash, side, method, formats, learned, kind)), 16)


def _readable(photos: Sequence[Given]) -> Iterator[np.ndarray]:
    for photo in photos:
        with suppress(PhotoError):  # told when its turn comes
            yield read_photo(photo.read())


def _write_one(
    result: Segmentation, photo: np.ndarray, file: Path, results: ResultsFolder, settings: dict[str, object]
) -> None:
    """A single photo's files, and its figures in the log."""
    before, known = read_result(results.folder / REPORT, results.folder), sha256(file)
    if before and before.sha256 != known:
        log.warning("the result of another photo, %s, is replaced", before.photo)
    about = {"photo": readable(file.name), "sha256": known, **settings}
    results.write(photo_key(file.name), result, photo, about, prefix="")
    results.summarise(table=False)
    _tell(result, results.folder)


def _tell(result: Segmentation, out: Path) -> None:
    for index, name in enumerate(result.names, 1):
        share, presence = result.share(index), result.presence[index - 1]
        said = SAID[answer(presence, share)]
        log.info("%-20s %5.1f %% of the photo, presence %.2f%s", name, 100 * share, presence, said)
    log.info("written to %s", out)
