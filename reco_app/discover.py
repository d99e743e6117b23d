"""The Discover tab: everything in a photo, found and named. Its controls and what they call."""

import tempfile
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from reco_app import discovered
from reco_app.finds import Find, write
from reco_app.own import one_name
from reco_app.photo import PhotoInput
from reco_app.preset_pool import Pool
from reco_app.segment import SHOWN_SIDE
from reco_app.told import told
from reco_core.errors import NamesError, PhotoError
from reco_core.export import describe_discovery
from reco_core.utils.images import limit_size, read_photo
from reco_core.utils.names import parse_names
from reco_core.utils.run_control import RunControl
from reco_core.zeroguidance.discovery import MOST_PARTS, PARTS, Discoverer, Reading, check_parts
from reco_core.zeroguidance.vocabulary import load_vocabulary, user_words

MOST_WORDS = 1000  # of a visitor's own
MOST_READINGS = 40  # of all sessions at once, up to 20 MB each
GONE = "This photo is no longer kept. Press Discover again."
Shown = tuple[Any, ...]  # picture, legend, names, files


class Discovering:
    """What the tab's controls call. Holds what all users share; of sessions only which readings are the newest."""

    def __init__(self, pool: Pool, cache: str) -> None:
        """cache: folder for results."""
        self.pool, self.cache = pool, cache
        self._made: dict[str, Discoverer] = {}
        self._newest: list[Find] = []
        self._lock, self._keeping = threading.Lock(), threading.Lock()

    def begin(self) -> Find:
        """A new visitor's result: none."""
        return Find(self.cache)

    def run(
        self, photo: str | None, parts: int, words: str, preset: str, find: Find | None, progress=gr.Progress()
    ) -> tuple:
        """Find and name what is in the photo, and show it."""
        with told():
            pixels, discoverer, reading = self._read(photo, parts, words, preset, progress)
            found, mine = discoverer.divide(reading, int(parts)), find or self.begin()
            with mine.lock:
                mine.source, mine.preset, mine.parts = str(photo), preset, int(parts)
                mine.vocabulary = discoverer.vocabulary if words and words.strip() else None
                mine.photo, mine.found, mine.renamed = limit_size(pixels, SHOWN_SIDE), found, {}
                self._keep(mine, reading)
                return mine, gr.Column(visible=True), *_show(mine)

    def divide(self, find: Find | None, parts: int, ticked: list[str]) -> tuple:
        """The same photo in fewer or more parts; nothing is read again."""
        with told():
            if find is None or find.found is None or find.parts == parts:
                return find, *_stay()
            with find.lock:
                reading = find.kept()
                if reading is None:
                    raise gr.Error(GONE, print_exception=False)
                before = find.names
                find.found, find.parts = self._again(find).divide(reading, int(parts)), int(parts)
                return find, *_show(find, set(before) - set(ticked))

    def rename(self, find: Find | None, ticked: list[str], event: gr.EventData) -> tuple:
        """Another name for what is called `event.old`; without that, all names as they were found."""
        with told():
            if find is None or find.found is None:
                return find, *_stay()
            with find.lock:
                before = find.names
                if event.old:
                    find.rename(str(event.old), one_name(str(event.name)))
                else:
                    find.renamed = {}
                return find, *_show(find, set(before) - set(ticked))

    def hand_over(self, find: Find | None, ticked: list[str]) -> tuple:
        """Photo and names for the Segment tab, and that tab to the front."""
        with told():
            if find is None or not Path(find.source).is_file():  # uploads are deleted after a while
                raise gr.Error(GONE, print_exception=False)
            if not ticked:
                raise NamesError("no names are ticked", remedy="Tick what ReCo shall look for")
            return find, find.source, ", ".join(ticked), gr.Tabs(selected="segment")

    def hand_over_one(self, find: Find | None, event: gr.EventData) -> tuple:
        """The same with one row's name."""
        return self.hand_over(find, [str(event.what)])

    def discover(
        self, photo: str | None, parts: int = PARTS, words: str = "", preset: str = ""
    ) -> tuple[str, str, dict]:
        """Find and name everything in a photo, without being told what to look for.

        Args:
            photo: a JPEG, PNG, WebP, BMP, GIF or TIFF file of at most 50 megapixels.
            parts: how finely the photo is cut, 1 to 20, before parts that are called alike become one.
            words: what things may be called, with commas; "" for 18,000 nouns.
            preset: which models: mini, or another one that this server has; "" for its first.

        Returns:
            overlay: PNG of the photo with coloured segments and their names, long side at most 1600. labels: PNG as
            large as the photo; its pixel values are i for the i-th segment. description: per segment its name,
            colour, share of the photo, confidence (0 to 1), and what else it may be.
        """
        with told():
            pixels, discoverer, reading = self._read(photo, parts, words, preset, None)
            found = discoverer.divide(reading, int(parts))
            files = write(limit_size(pixels, SHOWN_SIDE), found, Path(tempfile.mkdtemp(dir=self.cache)), {})
            return files.overlay, files.labels, describe_discovery(found)

    def _read(
        self, photo: str | None, parts: int, words: str, preset: str, progress: gr.Progress | None
    ) -> tuple[np.ndarray, Discoverer, Reading]:
        if not photo or not Path(photo).is_file():  # uploads are deleted after a while
            raise PhotoError("there is no photo", remedy="Upload one, paste one, or click an example")
        check_parts(int(parts))
        names = parse_names(words, MOST_WORDS) if words and words.strip() else ()
        pixels = read_photo(photo)
        if progress and not self.pool.loaded(preset):
            progress(None, desc="Loading the model")
        discoverer = self._discoverer(preset, names, progress)
        told = RunControl(lambda stage, done, total: progress(None, desc=stage.capitalize())) if progress else None
        reading = discoverer.read(pixels, control=told)
        return pixels, discoverer, reading

    def _discoverer(self, preset: str, names: tuple[str, ...] = (), progress: gr.Progress | None = None) -> Discoverer:
        """names: a visitor's own words, in a vocabulary that is theirs alone; none: the one that all share."""
        reco = self.pool.get(preset)
        if names:
            return Discoverer(
                reco, load_vocabulary(reco.encoder, user_words(names), _embedding(progress, "your words"))
            )
        preset = preset or self.pool.first
        with self._lock:
            made = self._made.get(preset)
            if made is None or made.reco is not reco:
                vocabulary = load_vocabulary(reco.encoder, None, _embedding(progress, "18,000 words, once"))
                made = Discoverer(reco, vocabulary)
            kept = {name: old for name, old in self._made.items() if self.pool.loaded(name)}  # others free their models
            self._made = {**kept, preset: made}
            return made

    def _again(self, find: Find) -> Discoverer:
        if find.vocabulary is None:
            return self._discoverer(find.preset)
        return Discoverer(self.pool.get(find.preset), find.vocabulary)

    def _keep(self, find: Find, reading: Reading) -> None:
        """Readings are large: the oldest of all go first."""
        find.keep(reading)
        with self._keeping:
            others = [other for other in self._newest if other is not find and other.reading is not None]
            self._newest = [*others, find][-MOST_READINGS:]
            for old in others[: max(0, len(others) + 1 - MOST_READINGS)]:
                old.reading = None


def _embedding(progress: gr.Progress | None, what: str) -> RunControl | None:
    def tell(stage: str, done: int, total: int) -> None:
        progress((done, total), desc=f"Embedding {what}", unit=stage)  # type: ignore[misc]

    return RunControl(tell) if progress else None


def _show(find: Find, off: Collection[str] = ()) -> Shown:
    """off: names that shall not be ticked."""
    result, files = find.draw()
    names = [result.names[i] for i in discovered.order(result)]
    ticks = gr.CheckboxGroup(names, value=[name for name in names if name not in off])
    seconds = sum(seconds for stage, seconds in result.timings.items() if stage != "divide")
    table = discovered.legend(result, find.given, seconds)
    return files.shown, table, ticks, *files[1:]


def _stay() -> Shown:
    return (gr.skip(),) * 6


class DiscoverTab:
    """The tab's controls: the photo on one side, what was found in it on the other."""

    def __init__(self, do: Discovering, keep: float, examples: list[list[str]]) -> None:
        """keep: seconds until a result that nobody used is deleted. examples: photos, a row each, and what else is
        said.
        """
        self.do = do
        photos = [row[:1] for row in examples]
        with gr.Tab("Discover", id="discover"), gr.Row(elem_id="discover"):
            self.find = gr.State(time_to_live=keep, delete_callback=lambda find: find and find.close())
            with gr.Column(min_width=320):
                gr.HTML(discovered.INTRO, apply_default_css=False)
                self.photo = PhotoInput(
                    photos[1][0],
                    type="filepath",
                    sources=["upload", "clipboard", "webcam"],
                    label="Photo",
                    height=360,
                    elem_id="discover-photo",
                )
                self.button = gr.Button("Discover", variant="primary", elem_id="discover-start")
                self.examples = gr.Examples(
                    photos,
                    [self.photo],
                    label="Examples: one click",
                    cache_examples=False,
                    api_visibility="private",
                    elem_id="discover-examples",
                )
                with gr.Accordion("Options", open=False, elem_id="discover-options"):
                    self.words = gr.Textbox(
                        "",
                        label="Your own words",
                        placeholder="cup, spoon, table",
                        lines=2,
                        max_lines=6,
                        info=f"What things may be called, with commas, up to {MOST_WORDS:,}. Empty: 18,000 "
                        "nouns. Words for "
                        "surroundings, such as wall and sky, compete in any case",
                        elem_id="discover-words",
                    )
            with gr.Column(min_width=320):
                self.shown = gr.Image(
                    label="Found", interactive=False, height=400, buttons=["fullscreen"], elem_id="discover-overlay"
                )
                with gr.Column(visible=False, elem_id="discover-results") as self.column:
                    self.parts = gr.Slider(
                        1,
                        MOST_PARTS,
                        PARTS,
                        step=1,
                        label="Coarser – finer",
                        elem_id="discover-parts",
                        info="How many parts the photo is cut into, before alike ones become one",
                    )
                    self.legend = gr.HTML(
                        elem_id="discover-legend", js_on_load=discovered.ON_LOAD, apply_default_css=False
                    )
                    self.names = gr.CheckboxGroup(label="Look for these in the whole photo", elem_id="discover-names")
                    self.send = gr.Button("Segment these with ReCo", elem_id="discover-send")
                    with gr.Row():
                        self.files = [
                            gr.DownloadButton(label, size="sm", min_width=90, elem_classes="discover-download")
                            for label in ("Overlay PNG", "Labels PNG", "JSON")
                        ]

    def connect(self, app: gr.Blocks, preset: gr.Dropdown, photo: gr.Image, names: gr.Textbox, tabs: gr.Tabs) -> list:
        """Make the controls work. preset: what is chosen for segmenting. photo, names: of the Segment tab.

        Returns the events after which these two are filled in, so that segmenting can follow.
        """
        do, find = self.do, self.find
        shown = [self.shown, self.legend, self.names, *self.files]
        quiet: dict[str, Any] = {"api_visibility": "private"}
        heavy: dict[str, Any] = {**quiet, "concurrency_id": "model", "show_progress_on": self.shown}
        light: dict[str, Any] = {**quiet, "concurrency_id": "light", "concurrency_limit": 4, "show_progress": "hidden"}
        app.load(do.begin, None, find, **light)
        asked = [self.photo, self.parts, self.words, preset]
        divided = do.divide, [find, self.parts, self.names], [find, *shown]
        for press in (self.button.click, self.examples.load_input_event.then):
            event = press(do.run, [*asked, find], [find, self.column, *shown], **heavy)
            event.success(*divided, **light)  # in case that the slider was moved meanwhile
        self.parts.release(*divided, trigger_mode="always_last", **light)
        self.legend.submit(do.rename, [find, self.names], [find, *shown], trigger_mode="multiple", **light)
        replies = [gr.File(visible=False, label=name) for name in ("overlay", "labels")]
        gr.Button(visible=False).click(
            do.discover,
            asked,
            [*replies, gr.JSON(visible=False, label="description")],
            api_name="discover",
            concurrency_id="model",
        )
        given = [find, photo, names, tabs]
        return [
            self.send.click(do.hand_over, [find, self.names], given, **light),
            self.legend.click(do.hand_over_one, find, given, **light),
        ]
