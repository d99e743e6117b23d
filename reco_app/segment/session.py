"""What a visitor owns in the Find tab: the results of the visit, the last of which is shown."""

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from reco_app.components.viewer import View, named
from reco_app.segment.request import SegmentRequest
from reco_app.session import private_folder
from reco_app.temporary import new_folder
from reco_app.visitor.uploads import read_upload
from reco_app.visitor.user_archive import UserRows
from reco_core.export import Answer, answer
from reco_core.export.stored_result import StoredConcept, StoredResult
from reco_core.export.take_along import TakeAlong
from reco_core.types import Concept
from reco_core.utils.atomic_write import atomic_write
from reco_core.utils.run_control import RunControl

MOST_RESULTS = 12  # of a visit


@dataclass(frozen=True)
class SegmentResult:
    """A result and all that is shown of it, without running the model.

    asked: what it is the answer to. example: whose photo it is, or "". shares, presence: 0..1 by concept. folder: of
    its files. user_rows: the visitor's photos among the exemplars. dropped: exemplars' files that the visitor did not
    want. remarks: what of the names is not understood. picture: address of a small one for the history.
    """

    asked: SegmentRequest
    example: str
    concepts: tuple[Concept, ...]
    shares: tuple[float, ...]
    presence: tuple[float, ...]
    folder: Path
    user_rows: UserRows
    remarks: tuple[str, ...] = ()
    dropped: frozenset[str] = frozenset()
    picture: str = ""
    number: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(concept.name for concept in self.concepts)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """By concept: found, maybe or absent."""
        pairs = zip(self.presence, self.shares, strict=True)
        return tuple(answer(presence, share, self.asked.found_from) for presence, share in pairs)

    @property
    def kept(self) -> bool:
        """Whether its files are still there."""
        return (self.folder / "view.json").is_file()

    @property
    def view(self) -> View:
        """What the viewer shows, with the answers for the presence that is asked for now."""
        return self.told(json.loads((self.folder / "view.json").read_text("utf-8")))

    def is_asked_like(self, other: "SegmentResult") -> bool:
        """Whether both answer the same question."""
        same_photos = self.user_rows.archive is other.user_rows.archive
        return same_photos and (self.asked, self.dropped) == (other.asked, other.dropped)

    def keep(self, view: View) -> None:
        """Write down what the viewer shows: photos are large, and there are many visitors."""
        atomic_write(self.folder / "view.json", json.dumps(view))

    def copied(self, folder: Path) -> "SegmentResult":
        """The same with files of its own in an empty folder, which nobody else changes."""
        for file in ("labels.png", "view.json"):
            shutil.copy(self.folder / file, folder / file)
        return replace(self, folder=folder)

    def told(self, view: View) -> View:
        """The view with this result's answers."""
        remarks = [remark_on(concept) for concept in self.concepts]
        return view | {"names": named(self.names, self.answers, self.shares, self.presence, remarks)}  # type: ignore

    @property
    def stored(self) -> StoredResult:
        """The result as it lies on disk, with its answers."""
        rows = zip(self.names, range(1, 1 + len(self.names)), self.shares, self.presence, self.answers, strict=True)
        concepts = tuple(StoredConcept(*row) for row in rows)
        photo = Path(self.asked.photo or "photo").name
        return StoredResult(self.folder.name, photo, "", "", concepts, self.folder / "labels.png")

    def take_along(self) -> TakeAlong:
        """Its files; others for another presence from which names are found."""
        folder = self.folder / f"found-from-{self.asked.found_from:g}"
        return TakeAlong(self.stored, lambda: read_upload(self.asked.photo)[0], folder)


def remark_on(concept: Concept) -> str:
    """What to say beside a name."""
    return (
        "" if concept.in_archive else "The archive hardly has photos of this: take it with caution, or show it three."
    )


class FindSession:
    """The visit: results, newest last, and what runs now. Everything on disk goes with the object at the latest."""

    def __init__(self, cache: Path) -> None:
        """cache: a folder that Gradio serves results from."""
        self.cache = cache
        self.lock = threading.Lock()
        self.results: tuple[SegmentResult, ...] = ()
        self.shown: SegmentResult | None = None
        self.photo: str | None = None  # the last one given that could be read
        self.unread = ""  # why the last one given could not be
        self.control = RunControl()
        self.undone: list[frozenset[str]] = []  # what had been dropped before, for undo
        self.several: Path | None = None  # folder of what was found last in several photos
        self._number = 0

    @cached_property
    def folder(self) -> Path:
        """Of its files."""
        return private_folder(self, self.cache)

    def new_folder(self) -> Path:
        """For one more result."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """A folder for one more result; it goes if the result does not come to be."""
        with new_folder(self.folder) as folder:
            yield folder

    def forget_several(self) -> None:
        """Delete what was found last in several photos."""
        if self.several:
            shutil.rmtree(self.several, ignore_errors=True)
        self.several = None

    def start(self) -> RunControl:
        """A control for what starts now; what ran before stops."""
        self.control.cancel()
        self.control = RunControl()
        return self.control

    def show(self, result: SegmentResult) -> SegmentResult:
        """It is shown, and the newest of the visit, in place of the same asked before; of too many the oldest goes."""
        with self.lock:
            self._number += 1
            result = replace(result, number=self._number)
            others = tuple(old for old in self.results if not old.is_asked_like(result))
            kept = (*others, result)[-MOST_RESULTS:]
            numbers = {one.number for one in kept}
            for old in self.results:
                if old.number not in numbers:
                    self._drop(old)
            self.results, self.shown, self.photo = kept, result, result.asked.photo
            return result

    def change(self, result: SegmentResult) -> None:
        """The shown one in another way, in the place of what it was."""
        with self.lock:
            self.results = tuple(result if old.number == result.number else old for old in self.results)
            self.shown = result

    def pick(self, number: int) -> SegmentResult | None:
        """Show an older one again; None if it is no longer kept."""
        found = next((old for old in self.results if old.number == number and old.kept), None)
        if found and found is not self.shown:
            self.undone.clear()  # that was another result's
        if found:
            self.shown, self.photo = found, found.asked.photo
        return found

    def close(self) -> None:
        """Delete everything."""
        self.control.cancel()
        self.results, self.shown = (), None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _drop(self, old: SegmentResult) -> None:
        shutil.rmtree(old.folder, ignore_errors=True)
