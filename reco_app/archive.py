"""The Archive tab: searching, and photos of one's own. Its controls and what they call."""

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from reco_app import tiles
from reco_app.gallery import data_url
from reco_app.joined import exemplars
from reco_app.own import Own, Photo, join, one_name
from reco_app.photo import PhotoInput
from reco_app.pictures import Pictures
from reco_app.preset_pool import Pool
from reco_app.saved import load, save
from reco_app.told import or_why, told
from reco_app.uploads import Uploads
from reco_core.errors import OptionError, PhotoError, RecoError
from reco_core.utils.images import read_photo

MOST_FOUND = 60
FOUND = 20
MOST_LOADED = 30_000_000  # bytes of an upload, as in app.launch
Shown = tuple[Own, str, str, str]  # own photos, their list, what was done, the line beside the names box


class Archiving:
    """What the tab's controls call. Holds only what all users share."""

    def __init__(self, pool: Pool, photos: Path | None, cache: str) -> None:
        """photos: folder with archive photos. cache: folder for what is downloaded."""
        self.pool, self.cache = pool, cache
        self.pictures = Pictures(pool, photos)

    def begin(self) -> Own:
        """A new visitor's photos: none."""
        return Own()

    def search(self, words: str = "", photo: str | None = None, k: int = FOUND, preset: str = "") -> list[dict]:
        """Find photos in the archive by words, by a photo, or by both.

        Args:
            words: what to look for, such as "red car"; "" if a photo says it.
            photo: a JPEG, PNG, WebP, BMP, GIF or TIFF file of at most 50 megapixels, or nothing.
            k: how many photos to return, 1 to 60.
            preset: which models, and with them which archive: mini, or another one that this server has;
                "" for its first.

        Returns:
            The nearest photos, best first: similarity (cosine), title, author, licence and its scope, addresses of
            the photo and of the page that shows it.
        """
        with told():
            reco = self.pool.get(preset)
            query = reco.encoder.query(*_asked(words, photo, k))
            return [
                {
                    "similarity": round(hit.similarity, 4),
                    "file": hit.record.file,
                    "title": hit.record.title,
                    "author": hit.record.author,
                    "licence": hit.record.licence,
                    "licence_scope": hit.record.licence_scope,
                    "source_url": hit.record.source_url,
                    "landing_url": hit.record.landing_url,
                }
                for hit in exemplars(reco.archive, reco.archive.search(query, int(k)))
            ]

    def look(
        self, words: str, photo: str | None, k: int, preset: str, own: Own | None, progress=gr.Progress()
    ) -> tuple[str, Own | None]:
        """The same with the visitor's own photos, as tiles."""

        def found() -> str:
            asked = _asked(words, photo, k)
            used = join(self.pool.get(preset), own, progress)
            pictures = partial(self.pictures, preset, shelf=used.shelf)
            return tiles.results(used.search(*asked, int(k)), pictures, used.shelf.has, len(used.reco.archive))

        return or_why(found, tiles.problem), own

    def add(self, files: list[str] | None, name: str, preset: str, own: Own | None, progress=gr.Progress()) -> tuple:
        """Keep photos and learn from them. The files that were dropped go as all uploads do: others may have given
        the same.
        """
        mine = own or Own()

        def added() -> tuple:
            if not files:
                raise OptionError("there are no photos", remedy="Drop some first, or a zip of them")
            self.pool.get(preset)  # rather than fail when all photos are read
            wanted = one_name(name) if name and name.strip() else ""
            uploads = Uploads(files)
            count, left_out = mine.add(
                uploads,
                wanted,
                learn=lambda: self._seeds(mine, preset, progress),
                progress=lambda done: progress((done, len(uploads)), desc="Looking at photos", unit="photos"),
            )
            return None, "", *self._shown(mine, preset, tiles.added(count, wanted, left_out))

        return or_why(added, lambda why: (gr.skip(), gr.skip(), *_unchanged(mine, why)))

    def cancel(self, own: Own | None) -> None:
        if own:
            own.cancel()

    def remove(self, own: Own | None, event: gr.EventData) -> Shown:
        """Remove a photo, a name with its photos, or everything."""
        with told():
            own, what = own or Own(), str(event.what)
            kind, _, name = what.partition(":")
            count = own.remove(lambda photo: what in ("all", photo.file) or (kind == "name" and photo.name == name))
            return self._shown(own, None, tiles.told(f"Removed {tiles.many(count)}." if count else ""))

    def learned(self, own: Own | None, preset: str) -> str:
        """The list of own photos with what was learned from each."""
        with told():
            return self._list(own or Own(), preset)

    def save(self, own: Own | None, preset: str) -> str:
        """The zip to download."""
        with told():
            folder = Path(tempfile.mkdtemp(dir=self.cache))
            try:
                target = folder / "my-archive.zip"
                save(own or Own(), self.pool.get(preset).encoder, target)
            except RecoError:
                shutil.rmtree(folder)
                raise
            if target.stat().st_size > MOST_LOADED:
                gr.Warning(
                    "This zip is larger than 30 MB, so it cannot be loaded here again as a whole. The photos in it can."
                )
            return str(target)

    def load(self, file: str | None, preset: str, own: Own | None, progress=gr.Progress()) -> Shown:
        """Photos and names of a saved zip join those that are there."""
        mine = own or Own()

        def loaded() -> Shown:
            if not file:
                raise OptionError("there is no zip", remedy="Choose one that you saved here")
            photos = load(Path(file), self.pool.get(preset).encoder)
            count, left_out = mine.add(photos, learn=lambda: self._seeds(mine, preset, progress))
            return self._shown(mine, preset, tiles.added(count, "", left_out))

        return or_why(loaded, lambda why: _unchanged(mine, why))

    def _shown(self, own: Own, preset: str | None, said: str) -> Shown:
        return own, self._list(own, preset), said, tiles.taught(own.names)

    def _list(self, own: Own, preset: str | None) -> str:
        """preset: for which seeds are shown; None shows none, and is quick."""

        def picture(photo: Photo) -> str:
            try:
                return data_url(read_photo(own.path(photo)), tiles.OWN_SIDE)
            except PhotoError:  # removed in this moment
                return ""

        return tiles.belongings(own.photos, {} if preset is None else self._seeds(own, preset), picture)

    def _seeds(self, own: Own, preset: str, progress: gr.Progress | None = None) -> dict[str, tuple[float, float]]:
        """Where in each own photo its name was found; learned now if it has to be."""
        concepts = join(self.pool.get(preset), own, progress).taught(tuple(own.names))
        return {exemplar.record.file: exemplar.seed for concept in concepts.values() for exemplar in concept.exemplars}


def _unchanged(own: Own, why: str) -> tuple:
    return own, gr.skip(), tiles.problem(why), gr.skip()


def _asked(words: str, photo: str | None, k: int) -> tuple[str, Any]:
    """What to search for, checked."""
    if not 1 <= int(k) <= MOST_FOUND:
        raise OptionError("k is out of range", given=k, expected=f"1 to {MOST_FOUND}")
    if photo and not Path(photo).is_file():  # uploads are deleted after a while
        raise PhotoError("the photo is no longer kept", remedy="Upload it again")
    words = " ".join((words or "").split())[:1000]
    return words, read_photo(photo) if photo else None


class ArchiveTab:
    """The tab's controls: search on one side, own photos on the other."""

    def __init__(self, do: Archiving, keep: float) -> None:
        """keep: seconds until own photos that nobody used are deleted."""
        self.do = do
        with gr.Tab("Archive", id="archive"), gr.Row(elem_id="archive"):
            self.own = gr.State(time_to_live=keep, delete_callback=lambda own: own and own.close())
            with gr.Column(min_width=320, scale=2):
                gr.HTML(tiles.OWN_INTRO, apply_default_css=False)
                self.files = gr.File(
                    file_count="multiple",
                    file_types=["image", ".zip"],
                    label="Photos, or a zip of them",
                    height=150,
                    elem_id="drop",
                )
                self.name = gr.Textbox(
                    label="What is it? (optional)",
                    placeholder="a name of your choice",
                    lines=1,
                    max_lines=1,
                    elem_id="what",
                )
                with gr.Row():
                    self.add = gr.Button("Add", variant="primary", min_width=100, elem_id="add")
                    self.cancel = gr.Button("Cancel", visible=False, min_width=100, elem_id="cancel-add")
                self.report = gr.HTML(elem_id="report", apply_default_css=False)
                self.list = gr.HTML(tiles.NOTHING, js_on_load=tiles.ON_LOAD, elem_id="own", apply_default_css=False)
                with gr.Row():
                    self.save = gr.Button("Save as zip", size="sm", min_width=100, elem_id="save")
                    self.load = gr.UploadButton(
                        "Load a saved zip", file_types=[".zip"], size="sm", min_width=100, elem_id="load"
                    )
                self.saved = gr.DownloadButton("Download", visible="hidden", elem_id="saved")
            with gr.Column(min_width=320, scale=3):
                gr.HTML(tiles.INTRO, apply_default_css=False)
                with gr.Row():
                    with gr.Column(min_width=200):
                        self.words = gr.Textbox(
                            label="Words", placeholder="red car", lines=1, max_lines=1, elem_id="words"
                        )
                        self.k = gr.Slider(1, MOST_FOUND, FOUND, step=1, label="How many photos", elem_id="many")
                        self.search = gr.Button("Search", variant="primary", elem_id="search")
                    self.photo = PhotoInput(
                        type="filepath",
                        sources=["upload", "clipboard"],
                        label="Photo (optional)",
                        height=200,
                        min_width=200,
                        elem_id="like",
                    )
                self.found = gr.HTML(elem_id="found", apply_default_css=False)

    def connect(self, app: gr.Blocks, preset: gr.Dropdown, taught: gr.HTML) -> None:
        """Make the controls work. preset: what is chosen for segmenting. taught: the line beside the names box."""
        do, own = self.do, self.own
        shown = [own, self.list, self.report, taught]
        quiet: dict[str, Any] = {"api_visibility": "private"}
        heavy: dict[str, Any] = {
            **quiet,
            "concurrency_id": "photos",
            "concurrency_limit": 2,
        }  # so that others' photos are segmented meanwhile
        light: dict[str, Any] = {**quiet, "concurrency_id": "light", "concurrency_limit": 4, "show_progress": "hidden"}
        app.load(do.begin, None, own, **light)

        asked = [self.words, self.photo, self.k, preset]
        gr.on(
            [self.search.click, self.words.submit],
            do.look,
            [*asked, own],
            [self.found, own],
            show_progress_on=self.found,
            **{**quiet, "concurrency_id": "model"},
        )
        gr.Button(visible=False).click(
            do.search, asked, gr.JSON(visible=False, label="photos"), api_name="search", concurrency_id="model"
        )

        self._cancellable(
            self.add.click, do.add, [self.files, self.name, preset, own], [self.files, self.name, *shown], heavy
        )
        self._cancellable(self.load.upload, do.load, [self.load, preset, own], shown, heavy)
        self.cancel.click(do.cancel, own, None, queue=False, **quiet)
        self.list.click(do.remove, own, shown, trigger_mode="multiple", **light).success(
            do.learned, [own, preset], self.list, show_progress="hidden", **heavy
        )
        self.save.click(do.save, [own, preset], self.saved, show_progress="hidden", **heavy).success(
            None, js="() => { setTimeout(() => document.querySelector('#saved').click(), 200); }", **quiet
        )

    def _cancellable(self, event: Any, call: Any, inputs: list, outputs: list, options: dict[str, Any]) -> None:
        """With the button Cancel for as long as it takes."""
        show, hide = (partial(gr.update, visible=visible) for visible in (True, False))
        quiet: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
        event(show, None, self.cancel, **quiet).then(
            call, inputs, outputs, show_progress_on=self.report, **options
        ).then(hide, None, self.cancel, **quiet)
