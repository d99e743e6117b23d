"""The command line: parse, call, show."""

import argparse
import json
import logging
import sys
import time
from pathlib import Path

from reco_core import benchmarks
from reco_core.archive import Archive
from reco_core.archive_writer import list_photos, write_archive
from reco_core.encoders import load_encoder
from reco_core.errors import RecoError
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS, METHODS
from reco_core.names import parse_names
from reco_core.photos import read_photo
from reco_core.pipeline import ReCo
from reco_core.presets import PRESETS, find_preset
from reco_core.report import write_report

log = logging.getLogger("reco_core")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 on success, 2 on an error that the user can mend."""
    args = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        args.run(args)
    except RecoError as error:
        log.error("error: %s", error)
        return 2
    except OSError as error:
        log.error("error: a file could not be read or written: %s. Check path, permissions and free space.", error)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="reco_core", description="Segment photos by typing names.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    segment = commands.add_parser("segment", help="mark named things in a photo")
    segment.add_argument("photo", type=Path)
    segment.add_argument("names", help='for example "cat, wall"')
    segment.add_argument("--out", type=Path, required=True, help="folder for overlay.png, labels.png, result.json")
    segment.add_argument("--method", default="reco2", help=", ".join(METHODS))
    segment.add_argument("--exclude", default="", help="archive photos that must not be exemplars, with commas")
    _model_options(segment)
    segment.set_defaults(run=_segment)

    bench = commands.add_parser("bench", help="measure methods on labelled photos")
    bench.add_argument("folder", type=Path, help="images/*.jpg, labels/*.png, meta.json")
    bench.add_argument("--methods", default=",".join(benchmarks.ROWS))
    bench.add_argument("--protocol", choices=benchmarks.PROTOCOLS)
    bench.add_argument("--limit", type=int, help="only the first photos, by name")
    bench.add_argument("--json", type=Path, help="write the report here")
    _model_options(bench)
    bench.set_defaults(run=_bench)

    archive = commands.add_parser("archive", help="make archives").add_subparsers(required=True, metavar="ACTION")
    build = archive.add_parser("build", help="embed a folder of photos")
    build.add_argument("photos", type=Path)
    build.add_argument("--out", type=Path, required=True)
    build.add_argument("--open-only", action="store_true", help="only photos whose manifest row has an open licence")
    build.add_argument("--preset", default="mini", help=", ".join(PRESETS))
    build.add_argument("--weights", type=Path, help="other weights for the preset's network")
    build.add_argument("--device")
    build.set_defaults(run=_build)
    return top


def _model_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--preset", default="mini", help=", ".join(PRESETS))
    command.add_argument("--archive", type=Path, help="default: the preset's own")
    command.add_argument("--weights", type=Path, help="other weights for the preset's network")
    command.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    command.add_argument("-k", type=int, help="exemplars per concept (default: the preset's)")
    command.add_argument("--background", default=", ".join(BACKGROUND_WORDS), help="words that compete as background")
    command.add_argument("--context", default=", ".join(CONTEXT_WORDS), help="words for context elimination")


def _load(args: argparse.Namespace) -> ReCo:
    return ReCo.load(args.preset, archive=args.archive, device=args.device, weights=args.weights)


def _words(text: str) -> tuple[str, ...]:
    return parse_names(text) if text.strip() else ()


def _segment(args: argparse.Namespace) -> None:
    names, photo = parse_names(args.names), read_photo(args.photo)
    reco = _load(args)
    references = reco.prepare(
        names, k=args.k, method=args.method, background=_words(args.background), context=_words(args.context),
        exclude=frozenset(filter(None, (part.strip() for part in args.exclude.split(",")))),
    )  # fmt: skip
    result = reco.segment(photo, references, method=args.method)
    write_report(result, photo, args.out, {"photo": args.photo.name, "method": args.method, "preset": args.preset})
    for index, name in enumerate(result.names, 1):
        log.info(
            "%-20s %5.1f %% of the photo, presence %.2f", name, 100 * result.share(index), result.presence[index - 1]
        )
    for concept in references.concepts:
        if not concept.served:
            log.warning('the archive has no photos like "%s": its mask means little', concept.name)
    log.info("written to %s", args.out)


def _bench(args: argparse.Namespace) -> None:
    started = time.monotonic()

    def progress(done: int, of: int, what: str) -> None:
        if done % 10 == 0 or done == of:
            left = (time.monotonic() - started) / done * (of - done)
            log.info("%d of %d photos, %d s left", done, of, left)

    report = benchmarks.run(
        _load(args), benchmarks.LabelledFolder.open(args.folder), methods=tuple(args.methods.split(",")),
        protocol=args.protocol, k=args.k, background=_words(args.background), context=_words(args.context),
        limit=args.limit, progress=progress,
    )  # fmt: skip
    sys.stdout.write(benchmarks.table(report) + "\n")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _build(args: argparse.Namespace) -> None:
    records = list_photos(args.photos, args.open_only)
    encoder = load_encoder(find_preset(args.preset), args.device, args.weights)

    def progress(done: int, of: int) -> None:
        if done % 640 == 0 or done == of:
            log.info("%d of %d photos", done, of)

    write_archive(args.out, records, args.photos, encoder, progress)
    ReCo(encoder, Archive(args.out)).store((*CONTEXT_WORDS, *(w for w in BACKGROUND_WORDS if w not in CONTEXT_WORDS)))
    log.info("written to %s", args.out)
