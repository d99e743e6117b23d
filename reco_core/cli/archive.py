"""The commands of `python -m reco_core archive`: parse, call, show."""

import argparse
import csv
import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reco_core.archives import changes, hub_sync
from reco_core.archives.archive import Archive
from reco_core.archives.codecs import DENSE
from reco_core.archives.manifest import check, read_manifest, strays
from reco_core.archives.writer import Options, RemoteEmbedder
from reco_core.cli.progress_log import ProgressLog
from reco_core.errors import ArchiveError, OptionError
from reco_core.install import build_archive, learn_words
from reco_core.models.encoders import Encoder, load_encoder
from reco_core.photo_sources.factory import open_source
from reco_core.photo_sources.fetch import CONNECTIONS, fetch_photos
from reco_core.presets import MINI, PRESETS, find_preset
from reco_core.types import PhotoRecord
from reco_core.utils.images import read_photo
from reco_core.utils.names import clean_names
from reco_core.utils.paths import bundled_folder, cache_folder

log = logging.getLogger("reco_core")
COLUMNS = ("similarity", "file", "licence", "author", "title", "landing_url", "source_url", "sha256")
SOURCES = (
    "a folder of photos; zip, tar or WebDataset shards; a CSV, TSV or Parquet table of paths or addresses; "
    "hf:OWNER/NAME of the Hugging Face Hub"
)


def add_parser(commands: Any) -> None:
    """Add the command to a parser's commands."""
    actions = commands.add_parser("archive", help="make, search, change and share archives")
    actions = actions.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, run: Callable, text: str, *folders: str) -> argparse.ArgumentParser:
        parser = actions.add_parser(name, help=text, description=text)
        for folder in folders:
            parser.add_argument(folder, type=Path)
        parser.set_defaults(run=run)
        return parser

    build = action("build", _build, "embed photos")
    build.add_argument("photos", help=SOURCES)
    build.add_argument("--out", type=Path, required=True, help="folder of the archive")
    build.add_argument("--preset", default="mini", help=", ".join(PRESETS))
    build.add_argument("--dense", default=Options.dense, help=f"how dense features are stored: {', '.join(DENSE)}")
    add = action("add", _add, "embed more photos into an archive", "archive")
    add.add_argument("photos", help=SOURCES)
    for parser in (build, add):
        parser.add_argument("--open-only", action="store_true", help="only photos with an open licence")
        parser.add_argument("--keep-duplicates", action="store_true", help="near-duplicates too")
        parser.add_argument("--ray", metavar="ADDRESS", help='embed on a Ray cluster ("local": start one here)')
        parser.add_argument("--workers", type=int, default=2, help="on the cluster")
        _machine(parser)

    _search_parsers(action)
    _share_parsers(action)


def _search_parsers(action: Callable) -> None:
    remove = action("remove", _remove, "take photos out, whatever they are meant by", "archive")
    remove.add_argument("ids", nargs="*", help="photos' files, as `search` prints them, or SHA-256")
    remove.add_argument(
        "--where",
        metavar="COLUMN=TEXT",
        action="append",
        default=[],
        help="all photos whose author, licence, title, source_url ... contains a text",
    )
    remove.add_argument("--query", help="the photos that `search` finds for words, --above a similarity")
    remove.add_argument("--above", type=float, help="least similarity for --query")
    remove.add_argument("--yes", action="store_true", help="do it; otherwise they are only listed")
    _machine(remove)

    search = action("search", _search, "find photos by words, by a photo, or by both", "archive")
    search.add_argument("words", nargs="?", default="")
    search.add_argument("--image", type=Path, help="a photo to compare with")
    search.add_argument("-k", type=int, default=20, help="how many")
    search.add_argument("--json", action="store_true", help="JSON rather than a table")
    _machine(search)

    action("verify", _verify, "read every byte and compare it with the manifest", "archive")
    action("info", _info, "what an archive holds", "archive")


def _share_parsers(action: Callable) -> None:
    merge = action("merge", _merge, "bring archives of one preset together")
    merge.add_argument("archives", type=Path, nargs="+")
    merge.add_argument("--out", type=Path, required=True)
    merge.add_argument("--keep-duplicates", action="store_true", help="photos that several have, as often")
    _machine(merge)

    push = action(
        "push", _push, "upload an archive to the Hugging Face Hub, with a card of sources and licences", "archive"
    )
    push.add_argument("repository", help="OWNER/NAME")
    push.add_argument("--private", action="store_true")
    pull = action("pull", _pull, "download an archive from the Hugging Face Hub")
    pull.add_argument("repository", help="OWNER/NAME")
    pull.add_argument("--out", type=Path, required=True)
    pull.add_argument("--revision", default="main", help="branch, tag or commit")

    fetch = action("fetch", _fetch, "bring an archive's photos from where they were published")
    fetch.add_argument("--out", type=Path, help="folder (default: photos in the cache folder)")
    fetch.add_argument("--archive", type=Path, default=bundled_folder() / MINI.archive, help="default: the bundled one")
    fetch.add_argument("--open-only", action="store_true", help="only photos with an open licence")
    fetch.add_argument("--connections", type=int, default=CONNECTIONS, help="to one host at a time")


def _machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--weights", type=Path, help="folder where weights are looked for first")
    parser.add_argument("--precision", help="float32, bfloat16 or float16")


def _encoder(args: argparse.Namespace, preset: str) -> Encoder:
    return load_encoder(
        find_preset(preset), args.device, args.weights, precision=args.precision, control=ProgressLog("fetching")
    )


def _remote(args: argparse.Namespace, preset: str) -> RemoteEmbedder | None:
    if not args.ray:
        return None
    from reco_core.archives.cluster import on_ray  # an optional library

    return on_ray(
        args.ray,
        args.photos,
        preset,
        workers=args.workers,
        open_only=args.open_only,
        weights=args.weights,
        precision=args.precision,
    )


def _build(args: argparse.Namespace) -> None:
    control = ProgressLog()
    with open_source(args.photos, open_only=args.open_only, control=control) as source:
        build_archive(
            _encoder(args, args.preset),
            source,
            args.out,
            Options(args.dense, args.keep_duplicates),
            control=control,
            remote=_remote(args, args.preset),
        )
    _say(Archive(args.out))


def _add(args: argparse.Namespace) -> None:
    control, preset = ProgressLog(), read_manifest(args.archive).preset
    encoder = _encoder(args, preset)
    with open_source(args.photos, open_only=args.open_only, control=control) as source:
        part = changes.add_photos(
            args.archive,
            source,
            encoder,
            duplicates=args.keep_duplicates,
            control=control,
            remote=_remote(args, preset),
        )
    learn_words(encoder, args.archive)
    log.info("%d photos added; left out: %s", part.photos, _counts(part.left_out) or "none")


def _remove(args: argparse.Namespace) -> None:
    archive = Archive(args.archive)
    ids, wheres = set(args.ids), [_where(text) for text in args.where]
    if args.query:
        if args.above is None:
            raise OptionError("--query needs --above", expected="a similarity", remedy="Look at `archive search` first")
        found = archive.search(_words(args, archive), len(archive))
        ids |= {archive.records[row].file for row in found.rows[found.similarity >= args.above]}

    def unwanted(record: PhotoRecord) -> bool:
        return bool(ids & {record.file, record.sha256}) or any(
            text.casefold() in getattr(record, column).casefold() for column, text in wheres
        )

    meant = [record for record in archive.records if unwanted(record)]
    unknown = ids - {name for record in meant for name in (record.file, record.sha256)}
    if unknown or not meant:
        raise ArchiveError(
            "there are no such photos",
            given=", ".join(sorted(unknown)) or args.where or "nothing",
            expected="files or SHA-256 as `archive search` prints them; nothing was removed",
        )
    _table([{"file": record.file, **_row(record)} for record in meant], False)
    if not args.yes:
        log.info("%d photos are meant; nothing was removed. Say --yes to remove them", len(meant))
        return
    gone = changes.remove_photos(args.archive, unwanted)
    log.info("%d photos removed, %d stay", len(gone), read_manifest(args.archive).photos)
    learn_words(_encoder(args, archive.preset), args.archive)


def _where(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    known = [name for name in PhotoRecord.__slots__ if name not in ("width", "height")]
    if column not in known or not equals or not value.strip():
        raise OptionError("--where is not understood", given=text, expected=f"COLUMN=TEXT, of {', '.join(known)}")
    return column, value


def _words(args: argparse.Namespace, archive: Archive) -> torch.Tensor:
    (words,) = clean_names([args.query])
    return _encoder(args, archive.preset).embed_queries((words,))[0]


def _search(args: argparse.Namespace) -> None:
    archive = Archive(args.archive)
    if args.k < 1:
        raise OptionError("-k must be at least 1", given=args.k)
    if not args.words and not args.image:
        raise OptionError("nothing to search for", expected="words, --image PHOTO, or both")
    encoder = _encoder(args, archive.preset)
    photo = read_photo(args.image) if args.image else None
    found = archive.search(encoder.query(args.words, photo), args.k)
    _table(
        [
            {"similarity": round(float(similarity), 3), "file": archive.records[row].file, **_row(archive.records[row])}
            for row, similarity in zip(found.rows, found.similarity, strict=True)
        ],
        args.json,
    )


def _row(record: PhotoRecord) -> dict[str, object]:
    return {column: getattr(record, column) for column in COLUMNS[2:]}


def _table(rows: list[dict], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        return
    out = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, escapechar="\\")
    out.writerow(rows[0])
    out.writerows([re.sub(r"\s+", " ", str(value)) for value in row.values()] for row in rows)


def _verify(args: argparse.Namespace) -> None:
    manifest = read_manifest(args.archive)
    problems = list(check(args.archive, manifest, every_byte=True))
    for name, problem in problems:
        log.error("%s: %s", name, problem)
    if problems:
        raise ArchiveError(
            "the archive is damaged",
            given=f"{len(problems)} of {len(manifest.named)} files",
            remedy="Rebuild it, or pull or copy it again",
        )
    Archive(args.archive)
    for name in sorted(strays(args.archive, manifest)):
        log.warning("%s lies there too, and is not part of the archive", name)
    log.info("all %d files are as the manifest says", len(manifest.named))


def _info(args: argparse.Namespace) -> None:
    _say(Archive(args.archive))


def _say(archive: Archive) -> None:
    manifest = archive.manifest
    size = sum(manifest.files[name].bytes for name in manifest.named)
    dense = sum(int(np.prod(codes.shape[1:])) for codes in archive.parts[0].codes.values())
    lines = [
        f"{manifest.photos:,} photos in {len(manifest.parts)} parts, preset {manifest.preset}, weights "
        f"{manifest.weights[:12]}",
        f"{size / 1e6:,.1f} MB, {size / manifest.photos:,.0f} bytes a photo; dense features: {dense:,} bytes a photo",
    ]
    for part in manifest.parts:
        index = "exact search" if part.recall is None else f"approximate search, recall@50 {part.recall:.3f}"
        left_out = f"; left out: {_counts(part.left_out)}" if part.left_out else ""
        lines.append(f"part of {part.photos:,} photos: {part.codec}, {index}{left_out}")
    lines += [f"{count:7,}  {licence}" for licence, count in manifest.licences.items()]
    sys.stdout.write("\n".join(lines) + "\n")


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counted.items())


def _merge(args: argparse.Namespace) -> None:
    changes.merge_archives(args.archives, args.out, duplicates=args.keep_duplicates)
    learn_words(_encoder(args, read_manifest(args.out).preset), args.out)
    _say(Archive(args.out))


def _push(args: argparse.Namespace) -> None:
    address = hub_sync.push(args.archive, args.repository, private=args.private, control=ProgressLog())
    log.info("uploaded to %s", address)


def _pull(args: argparse.Namespace) -> None:
    hub_sync.pull(args.repository, args.out, revision=args.revision, control=ProgressLog())
    _say(Archive(args.out))


def _fetch(args: argparse.Namespace) -> None:
    if args.connections < 1:
        raise OptionError("--connections must be at least 1", given=args.connections)
    folder = args.out or cache_folder() / "photos"
    got = fetch_photos(
        list(Archive(args.archive).records),
        folder,
        open_only=args.open_only,
        connections=args.connections,
        control=ProgressLog(),
    )
    log.info("%d fetched, %d were there, %d could not be had; in %s", got.fetched, got.present, len(got.failed), folder)
