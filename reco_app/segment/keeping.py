"""A result written down, so that the page shows it, or shows it again, without the model."""

from pathlib import Path

from reco_app.components.viewer import done, layer
from reco_app.formats import picture_url
from reco_app.segment import view
from reco_app.segment.answering import Answered
from reco_app.segment.request import SegmentRequest
from reco_app.segment.session import SegmentResult
from reco_core.export import label_image
from reco_core.utils.images import limit_size

SMALL_SIDE = 220  # of the picture in the history


def keep(
    folder: Path, asked: SegmentRequest, answered: Answered, example: str, first: str, dropped: frozenset[str]
) -> SegmentResult:
    """Write a result's files into a folder of its own. first: the server's own preset."""
    found, learned = answered.found, answered.asked
    result = SegmentResult(
        asked=asked,
        example=example,
        concepts=learned.references.concepts,
        shares=tuple(found.share(i + 1) for i in range(len(found.names))),
        presence=found.presence,
        folder=folder,
        user_rows=learned.archive.user_rows,
        remarks=(*answered.said, *learned.remarks),
        dropped=dropped,
        picture=picture_url(
            view.painted(limit_size(answered.photo, 2 * SMALL_SIDE), found, asked.found_from), SMALL_SIDE
        ),
    )
    label_image(found).save(folder / "labels.png")
    file = Path(asked.photo or "").name
    seen = done(answered.photo, [layer("ReCo", found.labels)], [], file=file, message=" ".join(result.remarks))
    result.keep(view.linked(result, seen, first) | {"asked": asked.names})  # type: ignore[arg-type]
    return result
