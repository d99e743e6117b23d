"""What the tab What's in it?'s controls call."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from gradio import Progress

from reco_app.components.viewer import View, empty, failed, refused, running
from reco_app.context import AppContext
from reco_app.discover import view
from reco_app.discover.session import DiscoverySession
from reco_app.events import shown_on
from reco_app.formats import SHOWN_SIDE
from reco_app.messages import sentence, user_errors
from reco_app.request_control import RequestControl
from reco_app.segment.session import FindSession
from reco_app.visitor.uploads import read_upload, same_file
from reco_app.visitor.user_photos import one_name
from reco_core.errors import NamesError
from reco_core.types import Discovery
from reco_core.utils.images import limit_size
from reco_core.utils.names import join_names, parse_names
from reco_core.utils.run_control import RunControl
from reco_core.zeroguidance.parts import check_parts

if TYPE_CHECKING:
    from reco_core.zeroguidance.discovery import Discoverer, Reading

GONE = "This photo is no longer kept. Give it again."
Session = DiscoverySession | None  # None: it is no longer kept
Shown = tuple[Any, ...]  # viewer's value, legend, names, files
UNCHANGED: Shown = (gr.skip(),) * 6


class DiscoverHandlers:
    """Holds what all users share; of sessions only which readings are the newest."""

    def __init__(self, context: AppContext) -> None:
        self.context, self.presets = context, context.presets
        self._discoverers: dict[str, Discoverer] = {}
        self._newest: list[DiscoverySession] = []
        self._lock, self._keeping = threading.Lock(), threading.Lock()

    def begin(self) -> DiscoverySession:
        """A new visitor's result: none."""
        return DiscoverySession(self.context.cache)

    def given(self, photo: str | None, session: Session = None, find: FindSession | None = None) -> tuple[Any, ...]:
        """A photo was given or taken away here: it is checked and shown, and the tab Find has it too.

        In place of one that cannot be read, what was there before stays.
        """
        gone = gr.Column(visible=False)
        try:
            shown = empty(read_upload(photo)[0], file=Path(photo).name) if photo else empty()
        except Exception as error:
            return *self._refused(sentence(error), session), session, find
        if session:
            session.upload = photo
        if not photo:
            return gr.skip(), shown, gr.skip(), gr.skip(), gone, session, find
        if find:
            find.photo = photo
        return gr.skip(), shown, photo, shown, gone, session, find

    def _refused(self, why: str, session: Session) -> tuple[Any, ...]:
        """What `given` changes where the photo cannot be read."""
        gone, kept = gr.Column(visible=False), (gr.skip(), gr.skip())
        if session is None or not session.upload or not Path(session.upload).is_file():
            return None, failed(why), *kept, gone
        if session.result is not None and session.upload == session.source:
            return session.upload, refused(why, _seen(session, session.result)), *kept, gr.skip()
        before = empty(read_upload(session.upload)[0], file=Path(session.upload).name)
        return session.upload, refused(why, before), *kept, gone

    def carried(self, photo: str | None, own: str | None, session: Session = None) -> tuple[Any, ...]:
        """The tab comes to the front: it has the photo of the tab Find."""
        if not photo or not Path(photo).is_file() or same_file(photo, own):
            return gr.skip(), gr.skip(), gr.skip(), session
        return photo, self.given(photo, session)[1], gr.Column(visible=False), session

    def run(
        self, photo: str | None, parts: int, words: str, preset: str, session: Session, progress: Progress = Progress()
    ) -> tuple:
        """Find and name what is in the photo, and show it."""
        try:
            return self._run(photo, parts, words, preset, session, progress)
        except Exception as error:
            why, session = failed(sentence(error), self._photo_of(session, photo)), session or self.begin()
            return session, gr.Column(visible=False), why, *UNCHANGED[1:]

    def _photo_of(self, session: Session, photo: str | None) -> View | None:
        """What is shown of a photo beside an error."""
        kept = session is not None and session.source == photo and session.photo is not None
        return empty(session.photo, file=Path(session.source).name) if session and kept else None

    def _run(
        self, photo: str | None, parts: int, words: str, preset: str, session: Session, progress: Progress
    ) -> tuple:
        with user_errors():
            pixels, said = read_upload(photo)
            discoverer, reading = self._read(pixels, parts, words, preset, progress)
            for remark in said:
                gr.Info(remark)
            found, session = discoverer.divide(reading, int(parts)), session or self.begin()
            with session.lock:
                session.source, session.preset, session.parts = str(photo), preset, int(parts)
                session.upload = session.source
                session.vocabulary = discoverer.vocabulary if words and words.strip() else None
                session.photo, session.found, session.new_names = limit_size(pixels, SHOWN_SIDE), found, {}
                self._keep(session, reading)
                return session, gr.Column(visible=True), *_shown(session)

    def divide(self, session: Session, parts: int, ticked: list[str]) -> tuple:
        """The same photo in fewer or more parts; nothing is read again."""
        with user_errors():
            if session is None or not session.source or session.parts == parts:
                return session, *UNCHANGED
            with session.lock:
                reading = session.kept()
                if reading is None:
                    raise gr.Error(GONE, print_exception=False)
                before = session.names
                session.found, session.parts = self._again(session).divide(reading, int(parts)), int(parts)
                return session, *_shown(session, set(before) - set(ticked))

    def rename(self, session: Session, ticked: list[str], event: gr.EventData) -> tuple:
        """Another name for what is called `event.old`; without that, all names as they were found."""
        with user_errors():
            if session is None or not session.source:
                return session, *UNCHANGED
            with session.lock:
                if session.found is None:
                    raise gr.Error(GONE, print_exception=False)
                before = session.names
                if event.old:
                    session.rename(str(event.old), one_name(str(event.name)))
                else:
                    session.new_names = {}
                return session, *_shown(session, set(before) - set(ticked))

    def hand_over(self, session: Session, ticked: list[str]) -> tuple:
        """Photo and names for the tab Find, and that tab to the front."""
        with user_errors():
            if session is None or not Path(session.source).is_file():  # uploads are deleted after a while
                raise gr.Error(GONE, print_exception=False)
            if not ticked:
                raise NamesError("no names are ticked", remedy="Tick what ReCo shall look for")
            looking = running(empty(session.photo, file=Path(session.source).name), "Looking …")
            return session, session.source, join_names(ticked), looking, gr.Tabs(selected="find")

    def hand_over_one(self, session: Session, event: gr.EventData) -> tuple:
        """The same with one row's name."""
        return self.hand_over(session, [str(event.what)])

    def found(self, pixels: np.ndarray, parts: int, words: str, preset: str, progress: Progress) -> Discovery:
        """Everything in a photo (H, W, 3) uint8. words: what things may be called; "" for those that all share.

        Raises:
            RecoError: what is wrong.
        """
        discoverer, reading = self._read(pixels, parts, words, preset, progress)
        return discoverer.divide(reading, parts)

    def _read(
        self, pixels: np.ndarray, parts: int, words: str, preset: str, progress: Progress
    ) -> tuple[Discoverer, Reading]:
        check_parts(int(parts))
        names = parse_names(words, self.context.limits.user_words) if words and words.strip() else ()
        if not self.presets.loaded(preset):
            progress(None, desc="Loading the model")
        discoverer = self._discoverer(preset, names, progress)
        patience = RequestControl(self.context.limits.request_seconds)
        control = RunControl(lambda stage, *_: progress(None, desc=stage.capitalize()), patience)
        with self.context.cores.share():
            return discoverer, discoverer.read(pixels, control=control)

    def _discoverer(self, preset: str, names: tuple[str, ...] = (), progress: Progress = Progress()) -> Discoverer:
        """names: a visitor's words, in a vocabulary that is theirs alone; none: the one that all share."""
        from reco_core.zeroguidance.discovery import Discoverer
        from reco_core.zeroguidance.vocabulary import load_vocabulary, user_words

        reco = self.presets.get(preset)
        if names:
            shown = shown_on(progress, "words", "Embedding your words")
            control = RunControl(shown.report, RequestControl(self.context.limits.request_seconds))
            return Discoverer(reco, load_vocabulary(reco.encoder, user_words(names), control))
        preset = preset or self.presets.first
        with self._lock:
            made = self._discoverers.get(preset)
            if made is None or made.reco is not reco:
                control = shown_on(progress, "words", "Embedding 18,000 words, once")
                made = Discoverer(reco, load_vocabulary(reco.encoder, None, control))
            # Those of presets that are no longer loaded go, and free their models.
            kept = {name: old for name, old in self._discoverers.items() if self.presets.loaded(name)}
            self._discoverers = {**kept, preset: made}
            return made

    def _again(self, session: DiscoverySession) -> Discoverer:
        if session.vocabulary is None:
            return self._discoverer(session.preset)
        from reco_core.zeroguidance.discovery import Discoverer

        return Discoverer(self.presets.get(session.preset), session.vocabulary)

    def _keep(self, session: DiscoverySession, reading: Reading) -> None:
        """Readings are large: the oldest of all go first."""
        session.keep(reading)
        with self._keeping:
            others = [other for other in self._newest if other is not session and other.reading is not None]
            self._newest = [*others, session]
            size = sum(one.bytes for one in self._newest)
            while size > self.context.limits.reading_bytes and len(self._newest) > 1:
                oldest = self._newest.pop(0)
                size -= oldest.bytes
                oldest.forget()


def _seen(session: DiscoverySession, result: Discovery) -> View:
    return view.seen(session.photo, result, session.given, Path(session.source).name)


def _shown(session: DiscoverySession, off: Collection[str] = ()) -> Shown:
    """off: names that shall not be ticked."""
    result, files = session.draw()
    names = [result.names[i] for i in view.sure(result, session.given)]
    ticks = gr.CheckboxGroup(names, value=[name for name in names if name not in off], visible=bool(names))
    seconds = sum(seconds for stage, seconds in result.timings.items() if stage != "divide")
    return _seen(session, result), view.legend(result, session.given, seconds), ticks, *files
