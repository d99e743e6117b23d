"""Many photos and the same names: a grid of results, and all of them as one zip."""

import hashlib
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gradio import Progress
from markupsafe import Markup

from reco_app.components.downloads.downloads import address
from reco_app.formats import SHOWN_SIDE, picture_url
from reco_app.messages import reason_card, sentence
from reco_app.request_control import RequestControl
from reco_app.segment import view
from reco_app.segment.answering import Asked, settings
from reco_app.segment.changes import Kept, Own
from reco_app.segment.handlers import SegmentHandlers
from reco_app.segment.request import SegmentRequest
from reco_app.segment.session import FindSession
from reco_app.templates import render
from reco_app.visitor.uploads import Uploads
from reco_core.errors import OptionError, PhotoError
from reco_core.export.answers import found_in
from reco_core.export.file_names import readable
from reco_core.export.results_folder import ALL, ResultsFolder, parse_formats
from reco_core.types import LeftOut, Segmentation
from reco_core.utils.disk_space import is_full
from reco_core.utils.images import limit_size, read_photo

PICTURE_SIDE, MOST = 320, 60  # pixels of a picture in the grid; photos at once


class Entry(NamedTuple):
    """A photo in the grid. found: names that are there. problem: why there is no result."""

    file: str
    picture: str = ""
    found: tuple[str, ...] = ()
    problem: str = ""


class SeveralHandlers:
    """Holds only what all users share."""

    def __init__(self, handlers: SegmentHandlers) -> None:
        self.handlers, self.context = handlers, handlers.context

    def run(
        self,
        files: list[str] | None,
        one_kind: bool,
        session: Kept,
        user_photos: Own,
        progress: Progress = Progress(),
        **asked: Any,
    ) -> Iterator[tuple[Kept, Markup]]:
        """Look for the names in every photo, which may be `of_one_kind`; the grid fills as they are done."""
        session, request = session or self.handlers.begin(), SegmentRequest(**{"photo": None, **asked})
        try:
            yield from self._run(files, bool(one_kind), session, user_photos, progress, request)
        except Exception as error:
            yield session, render("segment/several.html", entries=[], problem=sentence(error), zip="", of=0)

    @staticmethod
    def stop(session: Kept) -> Kept:
        """Begin no other photo; those that are done are kept."""
        if session:
            session.control.cancel()
        return session

    def _run(
        self,
        files: list[str] | None,
        one_kind: bool,
        session: FindSession,
        user_photos: Own,
        progress: Progress,
        asked: SegmentRequest,
    ) -> Iterator[tuple[Kept, Markup]]:
        control = RequestControl(self.context.limits.photos_seconds, session.start())
        entries = list[Entry]()
        session.forget_several()
        given = Uploads(files or [], self.context.limits)
        if not len(given):
            raise OptionError("there are no photos", remedy="Drop some, or a zip of them")
        if len(given) > MOST:
            raise OptionError("these are too many photos", given=len(given), expected=f"at most {MOST}")
        learned = self.handlers.answering.learn(asked, user_photos, progress, control)
        if one_kind and len(given) > 1:
            progress(None, desc="Looking at what the photos have in common")
            learned = self.handlers.answering.of_one_kind(_small(given, control), asked, learned)
        folder = session.several = session.new_folder()
        results = ResultsFolder(folder / "results", parse_formats([ALL]))
        try:
            for photo in given.originals():
                if control.cancelled:  # what is done is kept
                    break
                if isinstance(photo, LeftOut):
                    entries.append(Entry(photo.file, problem=photo.reason))
                else:
                    entries.append(self._mark(*photo, asked, learned, results))
                yield session, self._grid(entries, len(given))
            if not entries:
                control.raise_if_cancelled("it was stopped")
            if all(entry.problem for entry in entries):
                first = f"{readable(entries[0].file)}: {entries[0].problem}"
                raise PhotoError("no photo could be read", given=f"{len(entries)}, the first: {first}")
            results.summarise([(entry.file, entry.problem) for entry in entries if entry.problem])
            yield session, self._grid(entries, len(given), _zipped(folder))
        except Exception:
            session.forget_several()
            raise
        finally:  # also of a run that went wrong
            shutil.rmtree(folder / "results", ignore_errors=True)

    def _mark(self, file: str, data: bytes, asked: SegmentRequest, learned: Asked, results: ResultsFolder) -> Entry:
        """One photo; what goes wrong with it is said in its place, and the others go on."""
        try:
            photo = read_photo(data, file)
            found = self.handlers.answering.mark(photo, asked, learned)
            sha256 = hashlib.sha256(data).hexdigest()
            key, _ = results.place(file, sha256)
            said = {**settings(asked, learned), "photo": readable(file), "sha256": sha256}
            results.write(key, found, photo, said, f"{key}.")
            return Entry(file, _picture(photo, found, asked.found_from), _found(found, asked.found_from))
        except Exception as error:
            if is_full(error):  # nor would the others fit
                raise
            return Entry(file, problem=sentence(error))

    def _grid(self, entries: list[Entry], of: int, zipped: Path | None = None) -> Markup:
        if zipped is None:
            return render("segment/several.html", entries=entries, problem="", zip="", of=of)
        done, rest = sum(not entry.problem for entry in entries), _rest(entries, of)
        grid = render("segment/several.html", entries=entries, problem="", zip=address(zipped), of=done)
        return reason_card(rest) + grid if rest else grid


def _small(given: Uploads, control: RequestControl) -> list[np.ndarray]:
    """The photos that can be read, made small."""
    photos = []
    for one in given.originals():
        control.raise_if_cancelled("it was stopped")
        with suppress(PhotoError):  # told when its turn comes
            if not isinstance(one, LeftOut):
                photos.append(limit_size(read_photo(one[1], one[0]), SHOWN_SIDE))
    return photos


def _rest(entries: list[Entry], of: int) -> str:
    """What there is no result of, and why."""
    failed, left = sum(bool(entry.problem) for entry in entries), of - len(entries)
    said = [f"{failed} of {of} could not be read."] if failed else []
    return " ".join([*said, *([f"It was stopped before the last {left}."] if left else [])])


def _picture(photo: np.ndarray, found: Segmentation, found_from: float) -> str:
    return picture_url(view.painted(limit_size(photo, PICTURE_SIDE), found, found_from), PICTURE_SIDE)


def _found(found: Segmentation, found_from: float) -> tuple[str, ...]:
    return tuple(found.names[label - 1] for label in found_in(found, found_from))


def _zipped(folder: Path) -> Path:
    target = folder / "results.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted((folder / "results").rglob("*")):
            if file.is_file():
                out.write(file, file.relative_to(folder))
    return target
