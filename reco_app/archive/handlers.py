"""What the tab Teach's controls call."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import gradio as gr
import numpy as np
from gradio import Progress
from markupsafe import Markup

from reco_app.components.archive_photos import ArchivePhotos
from reco_app.context import AppContext
from reco_app.formats import photo_url
from reco_app.messages import or_refused, user_errors
from reco_app.templates import render
from reco_app.temporary import new_folder
from reco_app.visitor.bundle import read_bundle, write_bundle
from reco_app.visitor.uploads import Uploads
from reco_app.visitor.user_photos import SmallPhoto, UserPhoto, UserPhotos, one_name, with_user_photos
from reco_core.errors import OptionError, PhotoError
from reco_core.types import LeftOut
from reco_core.utils.images import read_photo

RESULTS, USER_TILE_SIDE = 20, 120  # of a search at first; pixels of a visitor's photo
CREDITS = ("file", "title", "author", "licence", "licence_scope", "source_url", "landing_url")  # of a PhotoRecord
TOO_LARGE = "This zip is larger than 30 MB, so it cannot be loaded here again as a whole. The photos in it can."
Kept = UserPhotos | None  # None: no longer kept
Seeds = dict[str, tuple[float, float]]  # by file, the point (y, x), each 0..1, that its name was learned from
Shown = tuple  # the visitor's photos, their list, what was done, the line beside the names, what that field knows


class ArchiveHandlers:
    """Holds only what all users share."""

    def __init__(self, context: AppContext) -> None:
        self.context, self.presets, self.limits = context, context.presets, context.limits
        self.archive_photos = ArchivePhotos(context.presets, context.photos)

    def begin(self) -> UserPhotos:
        """A new visitor's photos: none."""
        return UserPhotos(self.limits)

    def show_search(
        self, words: str, photo: str | None, k: int, preset: str, user_photos: Kept, progress: Progress = Progress()
    ) -> tuple[str, Kept]:
        """Find photos in the archive and among the visitor's own, by words, by a photo, or by both."""

        def found() -> Markup:
            query = self._query(words, photo, k)
            archive = with_user_photos(self.presets.get(preset), user_photos, progress)
            tile = partial(self.archive_photos.tile, preset, user_rows=archive.user_rows)
            tiles, of = list(map(tile, archive.search(*query, int(k)))), len(archive.reco.archive)
            return render("archive/search_results.html", tiles=tiles, of=of)

        return or_refused(found, lambda reason: reason), user_photos

    def add(
        self, files: list[str] | None, name: str, preset: str, user_photos: Kept, progress: Progress = Progress()
    ) -> tuple:
        """Keep photos and learn from them. The files that were dropped go as all uploads do: others may have given
        the same.
        """
        kept = user_photos or self.begin()

        def added() -> tuple:
            if not files:
                raise OptionError("there are no photos", remedy="Drop some first, or a zip of them")
            self.presets.get(preset)  # rather than fail when all photos are read
            wanted = one_name(name) if name and name.strip() else ""
            given = progress.tqdm(Uploads(files, self.limits), desc="Looking at photos", unit="photos")
            return None, "", *self._add(kept, given, wanted, preset, progress)

        return or_refused(added, lambda reason: (gr.skip(), gr.skip(), *_unchanged(kept, reason)))

    def cancel(self, user_photos: Kept) -> None:
        """Stop what is being added, or waits for its turn."""
        if user_photos:
            user_photos.cancel()

    def begin_adding(self, user_photos: Kept) -> dict:
        """Show the button Cancel, which stops nothing that was asked for before."""
        if user_photos:
            user_photos.resume()
        return gr.update(visible=True)

    def end_adding(self, user_photos: Kept) -> dict:
        """Hide it; it stops nothing that is asked for from now on."""
        if user_photos:
            user_photos.resume()
        return gr.update(visible=False)

    def remove(self, user_photos: Kept, event: gr.EventData) -> Shown:
        """Remove a photo, a name with its photos, or everything."""
        with user_errors():
            kept, what = user_photos or self.begin(), str(event.what)
            kind, _, name = what.partition(":")
            count = kept.remove(lambda photo: what in ("all", photo.file) or (kind == "name" and photo.name == name))
            return self._shown(kept, None, render("archive/removed.html", count=count))

    def learned(self, user_photos: Kept, preset: str) -> str:
        """The list of the visitor's photos with what was learned from each."""
        with user_errors():
            return self._list(user_photos or self.begin(), preset)

    def save(self, user_photos: Kept, preset: str) -> str:
        """The zip to download."""
        with user_errors():
            with new_folder(self.context.cache) as folder:
                target = folder / "my-archive.zip"
                write_bundle(user_photos or self.begin(), self.presets.get(preset).encoder, target)
            if target.stat().st_size > self.limits.upload_bytes:
                gr.Warning(TOO_LARGE)
            return str(target)

    def load(self, file: str | None, preset: str, user_photos: Kept, progress: Progress = Progress()) -> Shown:
        """Photos and names of a saved zip join those that are there."""
        kept = user_photos or self.begin()

        def loaded() -> Shown:
            if not file:
                raise OptionError("there is no zip", remedy="Choose one that you saved here")
            photos = read_bundle(Path(file), self.presets.get(preset).encoder, self.limits)
            return self._add(kept, photos, "", preset, progress)

        return or_refused(loaded, lambda reason: _unchanged(kept, reason))

    def query(self, words: str, photo: np.ndarray | None, k: int) -> tuple[str, np.ndarray | None]:
        """What to search for, checked. Raises OptionError: k is out of range."""
        if not 1 <= int(k) <= self.limits.search_results:
            raise OptionError("k is out of range", given=k, expected=f"1 to {self.limits.search_results}")
        return " ".join((words or "").split())[:1000], photo

    def _query(self, words: str, photo: str | None, k: int) -> tuple[str, np.ndarray | None]:
        if photo and not Path(photo).is_file():  # uploads are deleted after a while
            raise PhotoError("the photo is no longer kept", remedy="Upload it again")
        return self.query(words, read_photo(photo) if photo else None, k)

    def _add(
        self, kept: UserPhotos, photos: Iterable[SmallPhoto | LeftOut], name: str, preset: str, progress: Progress
    ) -> Shown:
        count, left_out = kept.add(photos, name, learn=lambda: self._seeds(kept, preset, progress))
        report = render("archive/added.html", count=count, name=name, left_out=left_out)
        return self._shown(kept, preset, report)

    def _shown(self, kept: UserPhotos, preset: str | None, report: Markup) -> Shown:
        taught = render("components/taught_names.html", names=kept.names)
        return kept, self._list(kept, preset), report, taught, gr.update(taught=list(kept.names))

    def _list(self, kept: UserPhotos, preset: str | None) -> Markup:
        """preset: for which seeds are shown; None shows none, and is quick."""
        seeds = {} if preset is None else self._seeds(kept, preset)
        return photo_list(kept.photos, seeds, lambda photo: photo_url(kept.path(photo), USER_TILE_SIDE))

    def _seeds(self, kept: UserPhotos, preset: str, progress: Progress = Progress()) -> Seeds:
        """Where in each photo its name was found; learned now if it has to be."""
        concepts = with_user_photos(self.presets.get(preset), kept, progress).concepts(tuple(kept.names))
        return {exemplar.record.file: exemplar.seed for concept in concepts.values() for exemplar in concept.exemplars}


def _unchanged(kept: UserPhotos, reason: Markup) -> Shown:
    return kept, gr.skip(), reason, gr.skip(), gr.skip()


def photo_list(photos: Sequence[UserPhoto], seeds: Seeds, picture: Callable[[UserPhoto], str]) -> Markup:
    """What the visitor has: names with their photos, then photos without a name. picture: a photo's address."""
    groups: dict[str, list[UserPhoto]] = {}
    for photo in sorted(photos, key=lambda photo: not photo.name):  # stable: those without a name come last
        groups.setdefault(photo.name, []).append(photo)
    return render("archive/photos.html", count=len(photos), groups=groups, seeds=seeds, picture=picture)
