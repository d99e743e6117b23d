"""A visitor's own photos and the names that they teach.

The truth of a session is its photos, kept small, and their names. Archives are derived from these, for the preset
that is asked for and when it is asked for: adding, removing, loading and switching the preset need no care.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from PIL import Image

from reco_app.events import shown_on
from reco_app.limits import Limits
from reco_app.session import private_folder
from reco_app.visitor.user_archive import UserArchive
from reco_core.errors import Cancelled, OptionError, PhotoError
from reco_core.photo_sources.source import Files
from reco_core.photo_sources.titles import file_title
from reco_core.types import LeftOut, PhotoRecord
from reco_core.utils.images import read_photo
from reco_core.utils.names import MAX_LENGTH, parse_names
from reco_core.utils.run_control import RunControl

if TYPE_CHECKING:
    from reco_core.models.encoders import Encoder
    from reco_core.pipeline import ReCo

SIDE = 448  # short side of a kept photo: models see no more
AUTHOR, LICENCE = "you", "yours, not published"


@dataclass(frozen=True)
class UserPhoto:
    """A kept photo. file: named by its bytes. name: what it teaches, or "". phash: its perceptual hash. title: what its
    file's name says, or "".
    """

    file: str
    name: str
    size: int
    phash: int
    title: str = ""


@dataclass(frozen=True)
class SmallPhoto:
    """A photo that may be kept: which it was, its small JPEG, what it teaches, what its file's name says."""

    label: str
    data: bytes
    name: str = ""
    title: str = ""


class UserPhotos:
    """A visitor's photos. Everything on disk goes with the object at the latest."""

    def __init__(self, limits: Limits = Limits()) -> None:
        self.limits = limits
        self.photos: tuple[UserPhoto, ...] = ()
        self._changing, self._deriving = threading.Lock(), threading.Lock()
        self._stop = threading.Event()
        self._derived: tuple[ReCo, tuple[UserPhoto, ...], UserArchive] | None = None

    @cached_property
    def folder(self) -> Path:
        """Where no one else looks."""
        return private_folder(self, prefix="reco-user-photos-")

    def close(self) -> None:
        """Delete everything."""
        self.photos, self._derived = (), None
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def names(self) -> dict[str, int]:
        """What the photos teach, in the order it was first given: how many photos of each."""
        return dict(Counter(photo.name for photo in self.photos if photo.name))

    def path(self, photo: UserPhoto) -> Path:
        return self.folder / "photos" / photo.file

    def cancel(self) -> None:
        """Stop what is being added, or waits for its turn to be."""
        self._stop.set()

    def resume(self) -> None:
        """What is asked for from now on was not cancelled."""
        self._stop.clear()

    def add(
        self, given: Iterable[SmallPhoto | LeftOut], name: str = "", learn: Callable[[], object] = lambda: None
    ) -> tuple[int, list[LeftOut]]:
        """Keep photos: all that are readable and new, or none if that is too many, or it is cancelled.

        name: what they teach; "" for what each says itself. learn: done at the end; if it fails, nothing is kept
        either.
        Returns how many photos are new or have got a name, and those left out.

        Raises:
            NamesError, OptionError, Cancelled: what is wrong; and what `learn` raises.
        """
        name = one_name(name) if name.strip() else ""
        with self.changing():
            before, kept = self.photos, {photo.file: photo for photo in self.photos}
            left_out: list[LeftOut] = []
            try:
                for small in given:
                    self._check_cancelled()
                    if isinstance(small, LeftOut):
                        left_out.append(small)
                    elif reason := self._keep(small, self._spelling(name or small.name), kept):
                        left_out.append(LeftOut(small.label, reason))
                self.photos = tuple(kept.values())
                if self.photos != before:
                    learn()
            except BaseException:
                self.photos = before
                raise
            finally:
                self._sweep()
            return len(set(self.photos) - set(before)), left_out

    def remove(self, unwanted: Callable[[UserPhoto], bool]) -> int:
        """Forget some photos; returns how many."""
        with self.changing():
            before = self.photos
            self.photos = tuple(photo for photo in before if not unwanted(photo))
            self._sweep()
            with self._deriving:  # what archives know of them goes too
                self._derived = None
                shutil.rmtree(self.folder / "archives", ignore_errors=True)
            return len(before) - len(self.photos)

    def beside(self, reco: ReCo, control: RunControl) -> UserArchive:
        """Models, their archive, and these photos behind it; the same until models or photos change.

        Raises:
            ArchiveError: what is wrong. Cancelled: `cancel` was called.
        """
        from reco_core.archives.archive import Archive

        with self._deriving:
            photos = self.photos
            if not photos:
                return UserArchive(reco)
            if self._derived is None or self._derived[0] is not reco or self._derived[1] != photos:
                archive = Archive(self._archive(reco.encoder, photos, control))
                names = {photo.file: photo.name for photo in photos}
                self._derived = reco, photos, UserArchive(reco, archive, self.folder / "photos", names)
            return self._derived[2]

    def archive(self, encoder: Encoder) -> Path:
        """The folder of these photos' archive for a preset; made now if it has to be."""
        with self._deriving:
            return self._archive(encoder, self.photos, RunControl())

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else adds or removes meanwhile.

        Raises:
            OptionError: someone does already.
        """
        if not self._changing.acquire(blocking=False):
            raise OptionError("your photos are being changed already", remedy="Wait for it, or cancel it")
        try:
            yield
        finally:
            self._stop.clear()
            self._changing.release()

    def _archive(self, encoder: Encoder, photos: tuple[UserPhoto, ...], control: RunControl) -> Path:
        from reco_core.archives.writer import Options, write_archive

        digest = hashlib.sha256(repr((encoder.hash, photos)).encode()).hexdigest()[:16]
        folder = self.folder / "archives" / encoder.preset.name / digest

        def embedded(stage: str, done: int, total: int) -> None:
            self._check_cancelled()
            control.report(stage, done, total)

        if not folder.exists():
            shutil.rmtree(folder.parent, ignore_errors=True)  # of the photos before
            embedded("", 0, len(photos))
            credit = ("", "", "", LICENCE, "photo", AUTHOR)
            records = [PhotoRecord(p.file, 0, 0, *credit, p.name or p.title) for p in photos]
            source = Files(self.folder, [(r, self.path(p)) for r, p in zip(records, photos, strict=True)])
            # Near-duplicates are out already.
            write_archive(folder, source, encoder, Options(duplicates=True), control=RunControl(embedded))
        return folder

    def _keep(self, small: SmallPhoto, name: str, kept: dict[str, UserPhoto]) -> str:
        """Put a photo among those kept; or say why not."""
        from reco_core.archives.near_duplicates import BITS, perceptual_hash

        try:
            phash = perceptual_hash(read_photo(small.data))
        except PhotoError as error:
            return str(error)
        twin = next((photo for photo in kept.values() if (photo.phash ^ phash).bit_count() <= BITS), None)
        if twin and name and not twin.name:
            kept[twin.file] = replace(twin, name=name)
            return ""
        if twin:
            return "looks the same as another of your photos"
        file = f"{hashlib.sha256(small.data).hexdigest()[:32]}.jpg"
        photo = UserPhoto(file, name, len(small.data), phash, small.title)
        most, size = self.limits.user_photos, self.limits.user_bytes
        if len(kept) >= most or sum(p.size for p in kept.values()) + photo.size > size:
            raise OptionError(
                "these are too many photos",
                given=f"{len(self.photos)} that you have, and more than fit beside them",
                expected=f"at most {most} photos and {size // 1_000_000} MB in all",
                remedy="Nothing was added. Give fewer, or remove some",
            )
        self.path(photo).parent.mkdir(exist_ok=True)
        self.path(photo).write_bytes(small.data)
        kept[photo.file] = photo
        return ""

    def _spelling(self, name: str) -> str:
        """A name as it was first written, whatever its case."""
        return next((known for known in self.names if known.casefold() == name.casefold()), name)

    def _check_cancelled(self) -> None:
        if self._stop.is_set():
            raise Cancelled("adding was cancelled", remedy="Your photos are as they were before")

    def _sweep(self) -> None:
        """Delete the files of photos that are not kept."""
        known = {photo.file for photo in self.photos}
        for file in (self.folder / "photos").glob("*"):
            if file.name not in known:
                file.unlink()


def with_user_photos(reco: ReCo, photos: UserPhotos | None, progress: gr.Progress = gr.Progress()) -> UserArchive:
    """Models with a visitor's photos, or without."""
    return photos.beside(reco, shown_on(progress, "photos", "Reading your photos")) if photos else UserArchive(reco)


def one_name(text: str) -> str:
    """What photos teach: one name, as people type it.

    Raises:
        NamesError, OptionError: none, more than one, or too long.
    """
    names = parse_names(text)
    if len(names) > 1:
        raise OptionError("these are several names", given=", ".join(names), expected="one name at a time")
    return names[0]


def shrink(label: str, data: bytes) -> SmallPhoto:
    """A photo as it is kept.

    Raises:
        PhotoError: it cannot be read.
    """
    photo = Image.fromarray(read_photo(data))
    ratio = SIDE / min(photo.size)
    if ratio < 1:
        size = (round(photo.width * ratio), round(photo.height * ratio))
        photo = photo.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    packed = io.BytesIO()
    photo.save(packed, "JPEG", quality=88)
    return SmallPhoto(label, packed.getvalue(), title=printable(file_title(label)))


def printable(title: str) -> str:
    """A title on one line, no longer than a name may be."""
    return " ".join("".join(c if c.isprintable() else " " for c in title).split())[:MAX_LENGTH]
