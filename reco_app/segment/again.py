"""What can be done with a result: compare it, ask why, teach a name and look again, leave a photo out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio import Progress

from reco_app.components.viewer import failed, layer
from reco_app.components.viewer.viewer import taught
from reco_app.decided import decided
from reco_app.messages import sentence
from reco_app.segment.changes import Kept, Own, changed, own, shown_in
from reco_app.segment.handlers import SegmentHandlers
from reco_app.segment.request import SegmentRequest
from reco_app.segment.session import FindSession
from reco_app.visitor.uploads import Uploads, read_upload
from reco_app.visitor.user_photos import UserPhotos, one_name
from reco_core.errors import OptionError


class AgainHandlers:
    """Holds only what all users share."""

    def __init__(self, handlers: SegmentHandlers) -> None:
        self.do = handlers

    def compare(self, session: Kept, user_photos: Own, progress: Progress = Progress()) -> tuple:
        """What DenseCLIP marks, by the words alone, as a second layer."""

        def compared() -> tuple:
            kept, result = shown_in(session)
            asked = replace(result.asked, method="denseclip", titles=False)
            photo, _ = read_upload(asked.photo)
            learned = self.do.answering.learn(asked, user_photos, progress)
            second = layer("Words alone", self.do.answering.mark(photo, asked, learned).labels)
            seen = result.view
            result.keep(seen | {"layers": [seen["layers"][0], second]})  # type: ignore[arg-type]
            return changed(session=kept, viewer=result.view)

        return self._or_kept(session or self.do.begin(), compared, user_photos)

    def decided(self, session: Kept, user_photos: Own, event: gr.EventData, progress: Progress = Progress()) -> tuple:
        """How a name was decided, as maps over the photo."""

        def explained() -> tuple:
            kept, result = shown_in(session)
            name = str(event.name)
            photo, _ = read_upload(result.asked.photo)
            learned = self.do.answering.learn(result.asked, user_photos, progress, dropped=result.dropped)
            label = learned.references.names.index(name) + 1
            maps = decided(learned.archive.reco, photo, learned.references, label, result.asked.full_method)
            return changed(session=kept, viewer=result.view | {"maps": maps})

        return self._or_kept(session or self.do.begin(), explained, user_photos)

    def teach(
        self, session: Kept, user_photos: Own, event: gr.EventData, progress: Progress = Progress(), **asked: Any
    ) -> tuple:
        """Learn a name from the visitor's photos of it, and look again."""
        session, mine = session or self.do.begin(), user_photos or UserPhotos(self.do.context.limits)

        def learned() -> tuple:
            name, files = taught(event)
            count, left_out = mine.add(Uploads([str(file) for file in files], self.do.context.limits), one_name(name))
            if not count and left_out:
                reasons = "; ".join(f"{one.file}: {one.reason}" for one in left_out)
                raise OptionError("none of these photos could be used", given=reasons, remedy="Give others")
            shown = session.shown
            request = shown.asked if shown and shown.kept else SegmentRequest(**asked)
            return self.do.show(session, request, mine, progress, shown.dropped if shown else frozenset())

        return self._or_kept(session, learned, mine)

    def drop(self, session: Kept, user_photos: Own, event: gr.EventData, progress: Progress = Progress()) -> tuple:
        """Look again without one of the photos that a name was learned from."""

        def without() -> tuple:
            kept, result = shown_in(session)
            files = result.user_rows.archive.files([int(event.row)])
            kept.undone.append(result.dropped)
            return self.do.show(kept, result.asked, user_photos, progress, result.dropped | files)

        return self._or_kept(session or self.do.begin(), without, user_photos)

    def undo(self, session: Kept, user_photos: Own, progress: Progress = Progress()) -> tuple:
        """Look again with the photo that was left out last."""

        def again() -> tuple:
            kept, result = shown_in(session)
            before = kept.undone.pop() if kept.undone else frozenset()
            return self.do.show(kept, result.asked, user_photos, progress, before)

        return self._or_kept(session or self.do.begin(), again, user_photos)

    def _or_kept(self, session: FindSession, do: Callable[[], tuple], user_photos: Own) -> tuple:
        """What comes of it; or the result as it was, with why nothing came of it."""
        try:
            return do()
        except Exception as error:
            why, result = sentence(error), session.shown
            kept = result.view | {"message": why} if result and result.kept else failed(why)
            return changed(session=session, viewer=kept, **own(user_photos))
