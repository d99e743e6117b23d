"""The actions of `archive` that make, show and share archives."""

import argparse
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from reco_core.archives import changes, hub_sync
from reco_core.archives.archive import Archive
from reco_core.archives.codecs import DENSE
from reco_core.archives.manifest import check, read_manifest, strays
from reco_core.archives.thumbnails import ROLES
from reco_core.archives.writer import Options, RemoteEmbedder
from reco_core.cli import archive_search
from reco_core.cli.options import Commands, add_command, add_machine, add_out, add_preset, find_archive, load_models
from reco_core.cli.progress_log import ProgressLog
from reco_core.errors import ArchiveError, OptionError
from reco_core.install import build_archive, learn_words
from reco_core.photo_sources.factory import open_source
from reco_core.photo_sources.fetch import CONNECTIONS, fetch_photos
from reco_core.photo_sources.titles import WAYS
from reco_core.presets import MINI
from reco_core.utils.paths import bundled_folder, cache_folder

log = logging.getLogger("reco_core")
SOURCES = (
    "a folder of photos; zip, tar or WebDataset shards; a CSV, TSV or Parquet table of paths or addresses; "
    "hf:OWNER/NAME of the Hugging Face Hub"
)
TITLES = "what photos without a stated title are called: " + ", ".join(f"{way} ({what})" for way, what in WAYS.items())


def add_commands(commands: Commands) -> None:
    """Add `archive` with all its actions."""
    group = commands.add_parser("archive", help="make, search, change and share archives")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    archive_search.add_actions(actions)
    build = add_command(actions, "build", _build)
    build.add_argument("photos", help=SOURCES)
    add_out(build, "folder of the archive")
    add_preset(build)
    build.add_argument("--dense", default=Options.dense, help=f"how dense features are stored: {', '.join(DENSE)}")
    pictured = "small pictures inside the archive, shared with it, of: none, open (openly licensed photos) or all"
    build.add_argument("--thumbnails", default=Options.thumbnails, help=f"{pictured} (default: none)")
    add = add_command(actions, "add", _add)
    add.add_argument("archive", type=Path)
    add.add_argument("photos", help=SOURCES)
    add.add_argument("--thumbnails", default="", help=f"{pictured} (default: open if the archive has any, else none)")
    for parser in (build, add):
        parser.add_argument("--open-only", action="store_true", help="only photos with an open licence")
        parser.add_argument("--titles", default="files", metavar="WAY", help=TITLES)
        parser.add_argument("--keep-duplicates", action="store_true", help="near-duplicates too")
        parser.add_argument("--ray", metavar="ADDRESS", help='embed on a Ray cluster ("local": start one here)')
        parser.add_argument("--workers", type=int, default=2, help="on the cluster")
        add_machine(parser)

    merge = add_command(actions, "merge", _merge)
    merge.add_argument("archives", type=find_archive, nargs="+")
    add_out(merge, "folder of the archive")
    merge.add_argument("--keep-duplicates", action="store_true", help="photos that several have, as often")
    add_machine(merge)

    fetch = add_command(actions, "fetch", _fetch)
    fetch.add_argument("--out", type=Path, help="folder (default: photos in the cache folder)")
    fetch.add_argument(
        "--archive", type=find_archive, default=bundled_folder() / MINI.archive, help="default: the bundled one"
    )
    fetch.add_argument("--open-only", action="store_true", help="only photos with an open licence")
    fetch.add_argument("--connections", type=int, default=CONNECTIONS, help="to one host at a time")

    info = add_command(actions, "info", _info)
    verify = add_command(actions, "verify", _verify)
    push = add_command(actions, "push", _push)
    for parser in (info, verify, push):
        parser.add_argument("archive", type=find_archive)
    push.add_argument("repository", help="OWNER/NAME")
    push.add_argument("--private", action="store_true")
    pull = add_command(actions, "pull", _pull)
    pull.add_argument("repository", help="OWNER/NAME")
    add_out(pull, "folder of the archive")
    pull.add_argument("--revision", default="main", help="branch, tag or commit")


def _remote_embedder(args: argparse.Namespace, preset: str) -> RemoteEmbedder | None:
    if not args.ray:
        return None
    from reco_core.archives.cluster import on_ray  # an optional library

    return on_ray(
        args.ray,
        args.photos,
        preset,
        workers=args.workers,
        open_only=args.open_only,
        titles=args.titles,
        weights=args.weights,
        precision=args.precision,
    )


def _build(args: argparse.Namespace) -> None:
    """Embed photos.

    Example: PHOTOS --out my_archive --open-only
    """
    control = ProgressLog()
    with open_source(args.photos, open_only=args.open_only, titles=args.titles, control=control) as source:
        build_archive(
            load_models(args, args.preset),
            source,
            args.out,
            Options(args.dense, args.keep_duplicates, args.thumbnails),
            control=control,
            remote=_remote_embedder(args, args.preset),
        )
    _show(Archive(args.out))


def _add(args: argparse.Namespace) -> None:
    """Embed more photos into an archive.

    Example: my_archive MORE_PHOTOS
    """
    control, preset = ProgressLog(), read_manifest(args.archive).preset
    encoder = load_models(args, preset)
    with open_source(args.photos, open_only=args.open_only, titles=args.titles, control=control) as source:
        part = changes.add_photos(
            args.archive,
            source,
            encoder,
            duplicates=args.keep_duplicates,
            thumbnails=args.thumbnails,
            control=control,
            remote=_remote_embedder(args, preset),
        )
    learn_words(encoder, args.archive)
    log.info("%d photos added; left out: %s", part.photos, _listed(part.left_out) or "none")


def _merge(args: argparse.Namespace) -> None:
    """Bring archives of one preset together.

    Example: a b --out both
    """
    changes.merge_archives(args.archives, args.out, duplicates=args.keep_duplicates)
    learn_words(load_models(args, read_manifest(args.out).preset), args.out)
    _show(Archive(args.out))


def _fetch(args: argparse.Namespace) -> None:
    """Bring an archive's photos from where they were published.

    Example: --out PHOTOS
    """
    if args.connections < 1:
        raise OptionError("--connections must be at least 1", given=args.connections)
    records, folder = list(Archive(args.archive).records), args.out or cache_folder() / "photos"
    options = {"open_only": args.open_only, "connections": args.connections}
    got = fetch_photos(records, folder, **options, control=ProgressLog())
    log.info("%d fetched, %d were there, %d could not be had; in %s", got.fetched, got.present, len(got.failed), folder)


def _info(args: argparse.Namespace) -> None:
    """Say what an archive holds.

    Example: archives/mini
    """
    _show(Archive(args.archive))


def _verify(args: argparse.Namespace) -> None:
    """Read every byte and compare it with the manifest.

    Example: my_archive
    """
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


def _push(args: argparse.Namespace) -> None:
    """Upload an archive to the Hugging Face Hub, with a card of sources and licences.

    Example: my_archive OWNER/NAME --private
    """
    address = hub_sync.push(args.archive, args.repository, private=args.private, control=ProgressLog())
    log.info("uploaded to %s", address)


def _pull(args: argparse.Namespace) -> None:
    """Download an archive from the Hugging Face Hub.

    Example: OWNER/NAME --out theirs
    """
    hub_sync.pull(args.repository, args.out, revision=args.revision, control=ProgressLog())
    _show(Archive(args.out))


def _show(archive: Archive) -> None:
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
        left_out = f"; left out: {_listed(part.left_out)}" if part.left_out else ""
        lines.append(f"part of {part.photos:,} photos: {part.codec}, {index}{left_out}")
    if pictured := archive.thumbnails:
        size = sum(
            manifest.files[part.files[role]].bytes for part in manifest.parts for role in ROLES if role in part.files
        )
        lines.append(f"thumbnails of {pictured:,} photos, {size / 1e6:,.1f} MB")
    lines += [f"{count:7,}  {licence}" for licence, count in manifest.licences.items()]
    sys.stdout.write("\n".join(lines) + "\n")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items())
