"""The actions of `archive` that find photos, and take them out."""

import argparse
import csv
import json
import logging
import re
import sys
from pathlib import Path

from reco_core.archives import changes
from reco_core.archives.archive import Archive
from reco_core.archives.exemplar_search import NamedPhotos
from reco_core.archives.manifest import read_manifest
from reco_core.cli.options import Commands, add_command, add_machine, find_archive, load_models
from reco_core.errors import ArchiveError, OptionError
from reco_core.install import learn_words
from reco_core.types import PhotoRecord
from reco_core.utils.images import read_photo
from reco_core.utils.names import clean_names
from reco_core.utils.photo_files import spelled, writable

log = logging.getLogger("reco_core")
COLUMNS = ("file", "licence", "author", "title", "landing_url", "source_url", "sha256")  # that tables show of a photo


def add_actions(actions: Commands) -> None:
    """Add the actions to those of `archive`."""
    search = add_command(actions, "search", _search)
    search.add_argument("archive", type=find_archive)
    search.add_argument("words", nargs="?", default="")
    search.add_argument("--image", type=Path, help="a photo to compare with")
    search.add_argument("-k", type=int, default=20, help="how many")
    search.add_argument("--titles", action="store_true", help="photos too whose titles have the words in them")
    search.add_argument("--json", action="store_true", help="JSON rather than a table")
    add_machine(search)

    remove = add_command(actions, "remove", _remove)
    remove.add_argument("archive", type=Path)
    remove.add_argument("ids", nargs="*", help="photos' files, as `search` prints them, or SHA-256")
    where = "all photos whose author, licence, title, source_url ... contains a text"
    remove.add_argument("--where", metavar="COLUMN=TEXT", action="append", default=[], help=where)
    remove.add_argument("--query", help="the photos that `search` finds for words, --above a similarity")
    remove.add_argument("--above", type=float, help="least similarity for --query")
    remove.add_argument("--yes", action="store_true", help="do it; otherwise they are only listed")
    add_machine(remove)


def _search(args: argparse.Namespace) -> None:
    """Find photos by words, by a photo, or by both.

    Example: my_archive "red bicycle" -k 5
    """
    archive = Archive(args.archive)
    if args.k < 1:
        raise OptionError("-k must be at least 1", given=args.k)
    if not args.words and not args.image:
        raise OptionError("nothing to search for", expected="words, --image PHOTO, or both")
    if args.titles and (args.image or not args.words):
        raise OptionError("--titles needs words alone", remedy="Leave out --image, or --titles")
    encoder = load_models(args, archive.preset)
    photo = read_photo(args.image) if args.image else None
    query = encoder.query(args.words, photo)
    if args.titles:
        found = NamedPhotos.find(archive, args.words, query, args.k, encoder.preset.in_archive_from).fused(args.k)
    else:
        found = archive.search(query, args.k)
    rows = zip(found.rows, found.similarity, strict=True)
    _show([{"similarity": round(float(s), 3), **_described(archive.records[row])} for row, s in rows], args.json)


def _remove(args: argparse.Namespace) -> None:
    """Take photos out, whatever they are meant by.

    Example: my_archive --where "author=Jane Doe" --yes
    """
    archive = Archive(args.archive)
    ids, wheres = set(map(writable, args.ids)), [_parse_where(text) for text in args.where]
    if args.query:
        if args.above is None:
            raise OptionError("--query needs --above", expected="a similarity", remedy="Look at `archive search` first")
        query = load_models(args, archive.preset).embed_queries(clean_names([args.query]))[0]
        found = archive.search(query, len(archive))
        ids |= {spelled(archive.records[row].file) for row in found.rows[found.similarity >= args.above]}

    def unwanted(record: PhotoRecord) -> bool:
        return bool(ids & {spelled(record.file), record.sha256}) or any(
            spelled(text).casefold() in spelled(getattr(record, column)).casefold() for column, text in wheres
        )

    meant = [record for record in archive.records if unwanted(record)]
    unknown = ids - {name for record in meant for name in (spelled(record.file), record.sha256)}
    if unknown or not meant:
        raise ArchiveError(
            "there are no such photos",
            given=", ".join(sorted(unknown)) or args.where or "nothing",
            expected="files or SHA-256 as `archive search` prints them; nothing was removed",
        )
    _show([_described(record) for record in meant], False)
    if not args.yes:
        log.info("%d photos are meant; nothing was removed. Say --yes to remove them", len(meant))
        return
    gone = changes.remove_photos(args.archive, unwanted)
    log.info("%d photos removed, %d stay", len(gone), read_manifest(args.archive).photos)
    learn_words(load_models(args, archive.preset), args.archive)


def _parse_where(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    known = [name for name in PhotoRecord.__slots__ if name not in ("width", "height")]
    if column not in known or not equals or not value.strip():
        raise OptionError("--where is not understood", given=text, expected=f"COLUMN=TEXT, of {', '.join(known)}")
    return column, value


def _described(record: PhotoRecord) -> dict[str, object]:
    return {column: getattr(record, column) for column in COLUMNS}


def _show(rows: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        return
    out = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, escapechar="\\")
    out.writerow(rows[0])
    out.writerows([re.sub(r"\s+", " ", str(value)) for value in row.values()] for row in rows)
