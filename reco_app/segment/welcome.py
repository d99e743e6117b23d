"""What a visitor finds: a finished example at first, or what a link asks for."""

import threading
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio import Progress

from reco_app.components.examples import WELCOME
from reco_app.components.viewer import View, empty, running
from reco_app.segment.changes import SETTINGS, Kept, Own, changed
from reco_app.segment.handlers import SegmentHandlers
from reco_app.segment.request import SegmentRequest, read_link, usual
from reco_app.segment.session import FindSession, SegmentResult
from reco_app.session import private_folder
from reco_core.presets import find_preset
from reco_core.utils.images import read_photo


class Welcome:
    """Holds the first example's result, which is the same for all."""

    def __init__(self, handlers: SegmentHandlers) -> None:
        self.handlers, self.context = handlers, handlers.context
        self._lock = threading.Lock()
        self._result: SegmentResult | None = None

    @property
    def request(self) -> SegmentRequest:
        """What the first example asks, with the server's own models."""
        example = self.context.examples.all[WELCOME]
        asked = usual(find_preset(self.context.presets.first), example.names)
        return replace(asked, photo=str(example.file))

    def result(self) -> SegmentResult:
        """The first example's result, found now if it has to be; raises what finding it raises."""
        with self._lock:
            if self._result is None or not self._result.kept:
                asked, folder = self.request, private_folder(self, self.context.cache)
                self._result = self.handlers.kept(folder, asked, self.handlers.answering.answer(asked), frozenset())
            return self._result

    def before(self) -> View:
        """What the page shows until then."""
        example = self.context.examples.all[WELCOME]
        return running(empty(read_photo(example.file), file=example.file.name), "Getting ready …")

    def arrive(self, request: gr.Request) -> tuple:
        """The page has been opened: what `SHOWN` has, the controls of `SETTINGS`, then what `look` has to find.

        It never waits: everybody's first page does.
        """
        session, first = self.handlers.begin(), find_preset(self.context.presets.first)
        query = dict(request.query_params) if request else {}
        asked = read_link(query, first, self.context.limits.exemplars)
        if asked is None:
            ready = self._result is not None and self._result.kept
            shown = self._example(session) if ready else changed(session=session)
            return *shown, *(gr.skip() for _ in SETTINGS), gr.skip() if ready else WELCOME
        example = self.context.examples.all.get(query.get("example", ""))
        asked = replace(asked, names=asked.names or (example.names if example else ""))
        settings = tuple(getattr(asked, name) for name in SETTINGS)
        if example is None:
            message = "The names are filled in. Add your photo, then press Find."
            shown = changed(session=session, viewer=empty(message=message), photo=None, names=asked.names)
            return *shown, *settings, gr.skip()
        asked = replace(asked, photo=str(example.file))
        seen = running(empty(read_photo(example.file), file=example.file.name), "Looking …")
        shown = changed(session=session, viewer=seen, photo=asked.photo, names=asked.names)
        return *shown, *settings, vars(asked)

    def look(
        self, opened: str | dict[str, Any], session: Kept, user_photos: Own, progress: Progress = Progress()
    ) -> tuple:
        """Find what the page was opened for. opened: the first example, or a SegmentRequest's fields."""
        session = session or self.handlers.begin()
        if isinstance(opened, dict):
            return self.handlers.show(session, SegmentRequest(**opened), user_photos, progress)
        return self._example(session, user_photos)

    def _example(self, session: FindSession, user_photos: Own = None) -> tuple:
        def found() -> tuple:
            with session.writing() as folder:
                result = self.result().copied(folder)
            return self.handlers.shown(session, session.show(result), user_photos)

        return self.handlers.or_said(session, found, user_photos, self.request.photo)
