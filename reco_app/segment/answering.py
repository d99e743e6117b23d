"""From what is asked to what was found: models and the visitor's photos, used by the page, the API and many photos."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from gradio import Progress

from reco_app.context import AppContext
from reco_app.events import shown_on
from reco_app.hosting.gpu import on_gpu
from reco_app.request_control import RequestControl
from reco_app.segment.request import SegmentRequest
from reco_app.visitor.uploads import read_upload
from reco_app.visitor.user_archive import UserArchive
from reco_app.visitor.user_photos import UserPhotos, with_user_photos
from reco_core.errors import OptionError
from reco_core.presets import find_preset
from reco_core.types import References, Segmentation
from reco_core.utils.names import parse_names
from reco_core.utils.run_control import RunControl


class Asked(NamedTuple):
    """Names that were learned. remarks: what of them is not understood."""

    archive: UserArchive
    references: References
    remarks: tuple[str, ...]


class Answered(NamedTuple):
    """A photo (H, W, 3) uint8, what was found, and how names were learned. said: what was chosen in reading it."""

    photo: np.ndarray
    said: tuple[str, ...]
    found: Segmentation
    asked: Asked


class Answering:
    """Holds only what all users share."""

    def __init__(self, context: AppContext) -> None:
        self.context = context
        self._mark, self._kind = on_gpu(self._marked), on_gpu(self._of_one_kind)

    def learn(
        self,
        asked: SegmentRequest,
        user_photos: UserPhotos | None = None,
        progress: Progress = Progress(),
        control: RunControl | None = None,
        dropped: frozenset[str] = frozenset(),
    ) -> Asked:
        """Learn the names. dropped: files of exemplars that are not wanted.

        Raises:
            RecoError: what is wrong. Cancelled: `control` was cancelled.
        """
        k, presets, limits = int(asked.k), self.context.presets, self.context.limits
        parse_names(asked.names or "")  # what is wrong with them, before models are loaded
        if not 1 <= k <= limits.exemplars:
            raise OptionError("k is out of range", given=asked.k, expected=f"1 to {limits.exemplars}")
        background, context = words(asked.background), words(asked.context)
        self.check_preset(asked.preset)
        if not presets.loaded(asked.preset):
            progress(None, desc="Loading the model")
        archive = with_user_photos(presets.get(asked.preset), user_photos, progress)
        names, remarks = archive.reco.understand(asked.names, archive.taught)
        with self.context.cores.share():
            references = archive.reco.prepare(
                names,
                k=k,
                method=asked.full_method,
                background=background,
                context=context,
                exclude=dropped,
                taught=list(archive.concepts(names, asked.full_method, k, context, dropped).values()),
                control=RunControl(shown_on(progress, "names").report, RequestControl(limits.request_seconds, control)),
            )
        return Asked(archive, references, tuple(remarks))

    def check_preset(self, name: str) -> None:
        """Raise OptionError if models are wanted that are not on this machine."""
        presets = self.context.presets
        if not name or name == presets.first or presets.loaded(name):
            return
        from reco_core.install import missing

        if missing(find_preset(name)):
            remedy = f'Install them under Options, or with "reco install {name}"'
            raise OptionError(f"the models {name} are not on this machine yet", remedy=remedy)

    def answer(self, asked: SegmentRequest, *how: object, **options: object) -> Answered:
        """Learn the names and mark them in the photo; arguments and errors as those of `learn`."""
        photo, said = read_upload(asked.photo)
        learned = self.learn(asked, *how, **options)  # type: ignore[arg-type]
        return Answered(photo, said, self.mark(photo, asked, learned), learned)

    def mark(self, photo: np.ndarray, asked: SegmentRequest, learned: Asked, method: str = "") -> Segmentation:
        """Mark learned names in a photo (H, W, 3) uint8. method: another one than is asked for."""
        return self._mark(asked.preset, photo, learned.references, method or asked.full_method)

    def of_one_kind(self, photos: Sequence[np.ndarray], asked: SegmentRequest, learned: Asked) -> Asked:
        """The same for photos of one kind, see `photo_kind.of_one_kind`."""
        return learned._replace(references=self._kind(asked.preset, photos, learned.references))

    def _of_one_kind(self, preset: str, photos: Sequence[np.ndarray], references: References) -> References:
        from reco_core.photo_kind import of_one_kind

        reco = self.context.presets.get(preset)
        with self.context.cores.share():
            return of_one_kind(reco, references, photos)

    def _marked(self, preset: str, photo: np.ndarray, references: References, method: str) -> Segmentation:
        reco = self.context.presets.get(preset)
        with self.context.cores.share():
            return reco.segment(photo, references, method=method)


def words(text: str) -> tuple[str, ...]:
    """Words with commas between, perhaps none."""
    return parse_names(text) if text and text.strip() else ()


def stem(photo: str | None) -> str:
    """What a photo's files are called."""
    return Path(photo or "photo").stem or "photo"


def settings(asked: SegmentRequest, learned: Asked, dropped: Iterable[str] = ()) -> dict:
    """What result.json says besides what was found."""
    said = {
        "preset": learned.archive.reco.encoder.preset.name,
        "method": asked.full_method,
        "k": int(asked.k),
        "context_words": words(asked.context),
        "remarks": learned.remarks,
        "photo": Path(asked.photo or "").name,
    }
    kind = {} if learned.references.favoured is None else {"one_kind": True}
    return said | kind | ({"left_out": sorted(dropped)} if dropped else {})
