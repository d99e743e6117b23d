"""A session's photos as one zip, to take home and to bring back.

It is an archive like any other (`--archive FOLDER --photos FOLDER/photos`), with its photos and photos.json, their
names, beside it. What is brought back is verified as a whole, but only photos and names are taken from it: the archive
is derived from them anew, byte for byte the same, so that nobody's embeddings or codecs need to be trusted.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from reco_app.limits import Limits
from reco_app.visitor.user_photos import SIDE, SmallPhoto, UserPhotos, one_name, printable
from reco_app.visitor.zips import ZIP_ERRORS, open_zip
from reco_core.archives.manifest import MANIFEST, PLAIN, check, read_manifest
from reco_core.errors import ArchiveError, OptionError, RecoError, shorten
from reco_core.utils.images import read_photo

if TYPE_CHECKING:
    from reco_core.models.encoders import Encoder

LIST, PHOTOS = "photos.json", "photos"
FILE = re.compile(r"[0-9a-f]{32}\.jpg")  # as `UserPhotos` names photos


class Altered(Exception):
    """A zip is not as it was saved; its words are a visitor's to read."""


def write_bundle(user_photos: UserPhotos, encoder: Encoder, target: Path) -> None:
    """Write what a session has.

    Raises:
        OptionError: it has nothing, or is being changed.
    """
    with user_photos.changing(), zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        if not user_photos.photos:
            raise OptionError("there is nothing to save yet", remedy="Add photos first")
        archive = user_photos.archive(encoder)
        for name in (MANIFEST, *sorted(read_manifest(archive).named)):
            out.write(archive / name, name)
        for photo in user_photos.photos:
            out.write(user_photos.path(photo), f"{PHOTOS}/{photo.file}", zipfile.ZIP_STORED)
        listed = [{"file": p.file, "name": p.name, "title": p.title} for p in user_photos.photos]
        out.writestr(LIST, json.dumps(listed, indent=1, ensure_ascii=False))


def read_bundle(file: Path, encoder: Encoder, limits: Limits = Limits()) -> list[SmallPhoto]:
    """The photos that were saved, verified.

    Raises:
        ArchiveError: it is no such zip, damaged, changed, or of another preset.
    """
    with open_zip(file, limits) as opened, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        try:
            _unpack(opened, folder)
            manifest = read_manifest(folder)
            for name, problem in check(folder, manifest, every_byte=True):
                raise Altered(f"{name}: {problem}")
            models = f"{manifest.preset}"[:80], f"{manifest.weights}"[:12]  # whatever the file says that they are
            if manifest.preset == encoder.preset.name and manifest.weights == encoder.hash:
                return _photos(folder, manifest.photos, limits)
        except (*ZIP_ERRORS, Altered, KeyError, TypeError, AttributeError, RecoError) as error:
            raise ArchiveError(
                f"{file.name} is not what was saved here, or it is damaged",
                given=_reason(error, folder),
                expected="a zip made by Save",
                remedy="Take the zip as it was saved",
            ) from error
    raise ArchiveError(
        f"{file.name} was saved with other models",
        given="preset {}, weights {}".format(*models),
        expected=f"preset {encoder.preset.name}, weights {encoder.hash[:12]}",
        remedy="Choose that preset in the Find tab under Options, or add the photos themselves: they lie in the zip",
    )


def _reason(error: Exception, folder: Path) -> str:
    """What is wrong, if it was said in words of ours; without the server's folders."""
    if isinstance(error, Altered | RecoError):
        return str(error).partition(". ")[0].replace(f"{folder}", "").removeprefix("/")
    return "it cannot be read"


def _unpack(opened: zipfile.ZipFile, folder: Path) -> None:
    """Only names that `write_bundle` gives; so none leaves the folder."""
    (folder / PHOTOS).mkdir()
    for entry in opened.infolist():
        name = entry.filename
        ours = PLAIN.fullmatch(name) or (name.startswith(f"{PHOTOS}/") and FILE.fullmatch(name[len(PHOTOS) + 1 :]))
        if not ours or (folder / name).exists():
            raise Altered(f"an unexpected file, {shorten(name, 80)!r}")
        (folder / name).write_bytes(opened.read(entry))


def _photos(folder: Path, count: int, limits: Limits) -> list[SmallPhoto]:
    found = []
    listed = json.loads((folder / LIST).read_text(encoding="utf-8"))
    if not isinstance(listed, list) or len(listed) != count or count > limits.user_photos:
        raise Altered(f"{LIST} does not list the archive's photos")
    for entry in listed:
        name, text, title = said = entry["file"], entry["name"], entry.get("title", "")  # older ones have no titles
        if not all(isinstance(one, str) for one in said):
            raise Altered(f"{LIST} has something else where words should stand")
        data = (folder / PHOTOS / name).read_bytes() if FILE.fullmatch(name) else b""
        if not name.startswith(hashlib.sha256(data).hexdigest()[:32]):
            raise Altered(f"photo {shorten(name, 80)!r} was changed")
        if min(read_photo(data).shape[:2]) > SIDE:
            raise Altered(f"photo {name} is larger than any that is kept")
        found.append(SmallPhoto(name, data, one_name(text) if text else "", printable(title)))
    return found
