"""What the Find tab's controls call."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import Progress

from reco_app.components.archive_photos import ArchivePhotos
from reco_app.components.downloads.downloads import Downloads, links
from reco_app.components.evidence.view import evidence
from reco_app.components.names_input.names_input import NamesInput
from reco_app.components.viewer import View, empty, failed, refused
from reco_app.context import AppContext
from reco_app.messages import sentence, user_errors
from reco_app.segment import view
from reco_app.segment.answering import Answered, Answering
from reco_app.segment.changes import GONE, SETTINGS, Kept, Own, capital, changed, nothing, own, shown_in, with_changes
from reco_app.segment.keeping import keep
from reco_app.segment.page_along import PageHandlers
from reco_app.segment.request import FOUND_LEAST, FOUND_MOST, SegmentRequest
from reco_app.segment.session import FindSession, SegmentResult
from reco_app.visitor.uploads import read_upload
from reco_core.errors import Cancelled, NamesError, PhotoError

ASK = "Now type what to look for, and press Find."


class SegmentHandlers:
    """Holds only what all users share."""

    def __init__(self, context: AppContext) -> None:
        self.context, self.answering = context, Answering(context)
        self.page = PageHandlers(context, self.answering)
        self.archive_photos = ArchivePhotos(context.presets, context.photos)

    def begin(self) -> FindSession:
        """A new visitor's results: none."""
        return FindSession(self.context.cache)

    def given(self, session: Kept, photo: str | None, names: str = "") -> tuple[FindSession, Any, View, Any]:
        """A photo was given or taken away: it is checked and shown before anything is looked for.

        In place of one that cannot be read, what was there before stays. An example's names go with its photo.
        """
        session = session or self.begin()
        try:
            shown = self.seen(photo)
        except Exception as error:
            before = self.photo_of(session, session.photo) if session.photo else None
            session.unread = sentence(error)
            return session, session.photo if before else None, refused(session.unread, before), gr.skip()
        session.photo, session.unread = photo, "" if photo else session.unread
        if photo and names in {example.names for example in self.context.examples.all.values()}:
            return session, gr.skip(), {**shown, "message": f"{shown['message']} {ASK}".strip()}, ""
        return session, gr.skip(), shown, gr.skip()

    @staticmethod
    def seen(photo: str | None) -> View:
        """A photo before anything is looked for; raises PhotoError if it cannot be read."""
        if not photo:
            return empty()
        pixels, said = read_upload(photo)
        return empty(pixels, file=Path(photo).name, message=" ".join(map(capital, said)))

    def run(self, session: Kept, user_photos: Own, progress: Progress = Progress(), **asked: Any) -> tuple:
        """Look for the names, and show what was found. asked: a SegmentRequest's fields."""
        session = session or self.begin()
        session.undone.clear()
        return self.show(session, SegmentRequest(**asked), user_photos, progress)

    def run_example(
        self, session: Kept, user_photos: Own, event: gr.EventData, progress: Progress = Progress(), **asked: Any
    ) -> tuple:
        """The same with an example's photo and names."""
        example = self.context.examples.all[str(event.what)]
        request = SegmentRequest(**{**asked, "photo": str(example.file), "names": example.names})
        shown = self.show(session or self.begin(), request, user_photos, progress)
        return with_changes(shown, photo=str(example.file), names=example.names)

    def show(
        self,
        session: FindSession,
        asked: SegmentRequest,
        user_photos: Own,
        progress: Progress = Progress(),
        dropped: frozenset[str] = frozenset(),
    ) -> tuple:
        """What was found, or a sentence about why nothing was, where it belongs."""
        control = session.start()

        def found() -> tuple:
            answered = self.answering.answer(asked, user_photos, progress, control, dropped)
            if control.cancelled:
                raise Cancelled("it was cancelled", remedy="Press Find again")
            with session.writing() as folder:
                result = session.show(self.kept(folder, asked, answered, dropped))
            return self.shown(session, result, user_photos)

        return self.or_said(session, found, user_photos, asked.photo)

    def kept(self, folder: Path, asked: SegmentRequest, answered: Answered, dropped: frozenset[str]) -> SegmentResult:
        """A result with its files."""
        first = self.context.presets.first
        return keep(folder, asked, answered, self.context.examples.key_of(asked.photo), first, dropped)

    def shown(self, session: FindSession, result: SegmentResult, user_photos: Own) -> tuple:
        """All of the page that a result changes."""
        return changed(
            session=session,
            viewer=result.view,
            downloads=links(self.page.titles(result)),
            evidence=self.evidence(result),
            history=view.history(session),
            **own(user_photos),
        )

    def evidence(self, result: SegmentResult) -> str:
        """What each name was learned from."""
        archive, preset = result.user_rows.archive, result.asked.preset
        left_out = [record for record in archive.records if record.file in result.dropped] if result.dropped else []
        return evidence(
            result.concepts, lambda exemplar: self.archive_photos.picture(preset, exemplar, result.user_rows), left_out
        )

    def or_said(
        self, session: FindSession, do: Callable[[], tuple], user_photos: Own, photo: str | None = None
    ) -> tuple:
        """What comes of it; or why nothing does, at the field that it concerns.

        photo: the file that was asked about. If names are refused, what was found in it stays; the visitor's photos do
        whatever comes.
        """
        try:
            return do()
        except Cancelled:
            return changed(session=session, **own(user_photos))
        except PhotoError as error:
            why = sentence(error) if photo else session.unread or sentence(error)
            said, others = failed(why), {"photo": None, **own(user_photos)}
        except NamesError as error:
            others = own(user_photos)
            taught = others["names"] if user_photos else {}
            others["names"] = {**taught, **NamesInput.refusal(sentence(error))}
            about, shown = "Please look at the names.", session.shown
            if shown and shown.kept and shown.asked.photo == photo:  # a slip takes nothing away
                return changed(session=session, viewer=refused(about, shown.view), **others)
            said = failed(about, self.photo_of(session, photo))
        except Exception as error:
            said, others = failed(sentence(error), self.photo_of(session, photo)), own(user_photos)
        return changed(session=session, viewer=said, **nothing(), **others)

    def photo_of(self, session: FindSession, photo: str | None) -> View | None:
        """A photo as it is shown, with what was found in it last; None if it cannot be shown."""
        shown = session.shown
        if shown and shown.kept and shown.asked.photo == photo:
            return shown.view
        try:
            return {**self.seen(photo), "message": ""} if photo else None
        except PhotoError:
            return None

    def cancel(self, session: Kept, photo: str | None = None) -> tuple[Kept, Any]:
        """Stop what runs; the page shows what it did before, or only the photo if nothing was there."""
        if session:
            session.control.cancel()
        return session, gr.skip() if session and session.shown else self.given(session, photo)[2]

    def judge(self, session: Kept, found_from: float) -> tuple:
        """Say "found" from another presence on, without the model."""
        result = session.shown if session else None
        if session is None or result is None or not result.kept or result.asked.found_from == found_from:
            return changed(session=session)
        if not FOUND_LEAST <= found_from <= FOUND_MOST:  # nor is what is no number
            return changed(session=session)
        result = replace(result, asked=replace(result.asked, found_from=found_from))
        result.keep(view.linked(result, result.view, self.context.presets.first))
        session.change(result)
        return changed(session=session, viewer=result.view)

    def pick(self, session: Kept, user_photos: Own, event: gr.EventData) -> tuple:
        """An older result of the visit again, with its photo, names and settings."""
        result = session.pick(int(event.what)) if session else None
        if session is None or result is None:
            gone = changed(session=session, viewer=failed(GONE), **nothing())
            return *gone, *(gr.skip() for _ in SETTINGS)
        shown = self.shown(session, result, user_photos)
        photo = result.asked.photo if Path(result.asked.photo or "").is_file() else None
        asked = replace(result.asked, preset=result.asked.preset or self.context.presets.first)
        settings = tuple(getattr(asked, name) for name in SETTINGS)
        return *with_changes(shown, photo=photo, names=result.asked.names), *settings

    def download(self, session: Kept, event: gr.EventData) -> tuple[Kept, Any]:
        """Write one of the shown result's files, and have the browser save it."""
        with user_errors():
            kept, result = shown_in(session)
            return kept, Downloads.ready(result.take_along().file(str(event.what)))
