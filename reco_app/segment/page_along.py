"""Names as a web page of their own, to take along: made when it is asked for, by a process of its own."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradio import Progress

from reco_app.components.downloads.downloads import Downloads
from reco_app.context import AppContext
from reco_app.messages import user_errors
from reco_app.request_control import RequestControl
from reco_app.segment.answering import Answering
from reco_app.segment.changes import Kept, Own, shown_in
from reco_app.segment.session import FindSession, SegmentResult
from reco_core.export.file_names import page_name
from reco_core.export.take_along import TITLES
from reco_core.methods import find_method
from reco_core.presets import find_preset

PAGE, TITLE = "page", "Page of its own"


class PageHandlers:
    """Holds only what all users share."""

    def __init__(self, context: AppContext, answering: Answering) -> None:
        self.context, self.answering = context, answering

    def titles(self, result: SegmentResult) -> dict[str, str]:
        """What can be taken along of a result; a page only of mini, and without the paper's CRF."""
        small = find_preset(result.asked.preset or self.context.presets.first).features.library == "mini"
        return TITLES | ({PAGE: TITLE} if small and find_method(result.asked.full_method).refine != "crf" else {})

    def take(self, session: Kept, user_photos: Own, progress: Progress = Progress()) -> tuple[Kept, Any]:
        """Make a page of the shown result's names, and have the browser save it."""
        with user_errors():
            kept, result = shown_in(session)
            return kept, Downloads.ready(self.file(kept, result, user_photos, progress))

    def file(self, session: FindSession, result: SegmentResult, user_photos: Own, progress: Progress) -> Path:
        """The page in one file, made now if it has to be; of a visit, one is kept.

        Raises:
            RecoError: it cannot be made, or not in time. OSError: it cannot be written.
        """
        file = result.folder / PAGE / page_name(result.names)
        if file.is_file():
            return file
        from reco_core.export.page.apart import to_onnx_apart
        from reco_core.export.page.builder import Page
        from reco_core.export.page.credits import credits_of
        from reco_core.export.page.graph import PhotoGraph

        control = RequestControl(self.context.limits.page_seconds)
        learned = self.answering.learn(result.asked, user_photos, progress, control, result.dropped)
        references = replace(learned.references, concepts=result.concepts)  # as they were for this result
        reco = learned.archive.reco
        graph = to_onnx_apart(
            PhotoGraph(reco.encoder, reco.scorer, references, find_method(result.asked.full_method)), control
        )
        for old in session.folder.glob(f"*/{PAGE}"):
            shutil.rmtree(old, ignore_errors=True)
        file.parent.mkdir()
        Page.of(graph, credits_of(references, reco.encoder.preset)).write_single(file)
        return file
