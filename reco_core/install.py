"""Making a preset ready on this machine: its weights, the photos of an archive, its own archive of them."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reco_core.archives.archive import Archive
from reco_core.archives.manifest import MANIFEST
from reco_core.archives.writer import Options, RemoteEmbedder, write_archive
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS
from reco_core.models import weights
from reco_core.models.encoders import Encoder, load_encoder
from reco_core.photo_sources.factory import open_source
from reco_core.photo_sources.fetch import fetch_photos
from reco_core.photo_sources.source import Source
from reco_core.pipeline import ReCo
from reco_core.presets import MINI, Preset, WeightFile
from reco_core.types import Concept
from reco_core.utils.paths import bundled_folder, cache_folder, find_folder
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)
ASK_ABOVE = 200  # megabytes: larger downloads are announced, with their licence, before they start


@dataclass(frozen=True)
class Missing:
    """What a preset lacks on this machine: files of weights to download, and whether its archive."""

    weights: tuple[WeightFile, ...]
    archive: bool

    @property
    def megabytes(self) -> float:
        return sum(file.megabytes for file in self.weights)

    def __bool__(self) -> bool:
        return bool(self.weights) or self.archive


def missing(preset: Preset, folder: Path | None = None) -> Missing:
    """Look, without loading or fetching anything; folder: where weights are looked for first."""
    absent = tuple(model.weights[0] for model in preset.models if not weights.locate(model, folder))
    return Missing(absent, not (find_folder(preset.archive) / MANIFEST).is_file())


def install(
    preset: Preset,
    *,
    photos: Path | None = None,
    folder: Path | None = None,
    device: str | None = None,
    precision: str | None = None,
    open_only: bool = False,
    control: RunControl | None = None,
) -> None:
    """Fetch what a preset lacks and build its archive, from the bundled archive's photos or from `photos`.

    What was fetched and embedded before an interruption is kept, and the next call goes on from there.

    Args:
        photos: a folder of photos of your own to build the archive from.
        folder: where weights are looked for first.
        open_only: leave out photos whose licence is not open (of your own: by their manifest.tsv).
        control: told of files, photos and words; asked all the time.

    Raises:
        WeightsError, ArchiveError, DownloadError: what is missing, and what to do. Cancelled: `control` was cancelled.
    """
    if not missing(preset, folder):
        return
    out = find_folder(preset.archive)
    if (out / MANIFEST).is_file():  # then only files are missing, and nothing has to be loaded
        for model in preset.models:
            weights.resolve(model, folder, control=control)
        return
    encoder = load_encoder(preset, device, folder, control=control, precision=precision)
    if photos is None:
        photos = cache_folder() / "photos"
        records = list(Archive(bundled_folder() / MINI.archive).records)
        got = fetch_photos(records, photos, open_only=open_only, control=control)
        log.info("%d photos fetched, %d were there, %d could not be had", got.fetched, got.present, len(got.failed))
    with open_source(photos, open_only=open_only, control=control) as source:
        build_archive(encoder, source, out, control=control)


class Installation(RunControl):
    """`install` in a thread of its own, to be watched and cancelled."""

    def __init__(self, preset: Preset, device: str | None = None) -> None:
        super().__init__(self._note)
        self.preset = preset
        self.step: tuple[str, int, int] = ("", 0, 0)  # stage, done, total
        self._result = ThreadPoolExecutor(1).submit(install, preset, device=device, control=self)

    def _note(self, stage: str, done: int, total: int) -> None:
        self.step = (stage, done, total)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds; raises what went wrong."""
        try:
            self._result.result(seconds)
        except TimeoutError:
            return self._result.done()
        return True


def build_archive(
    encoder: Encoder,
    source: Source,
    out: Path,
    options: Options = Options(),
    *,
    control: RunControl | None = None,
    remote: RemoteEmbedder | None = None,
) -> None:
    """An archive with the references of the context and background words beside it; see `write_archive`."""
    write_archive(out, source, encoder, options, control=control, remote=remote)
    learn_words(encoder, out, control)


def learn_words(encoder: Encoder, folder: Path, control: RunControl | None = None) -> None:
    """Lay the context and background words' references beside an archive, if it stores dense features."""
    words = (*CONTEXT_WORDS, *(word for word in BACKGROUND_WORDS if word not in CONTEXT_WORDS))
    archive = Archive(folder)
    if not archive.parts[0].codes:
        log.info("no dense features are stored: context and background words are learned when they are needed")
        return
    ReCo(encoder, archive).store(words, control=RunControl(parent=control))


def teach_from(reco: ReCo, name: str, photos: str | Path, folder: Path, **options: Any) -> tuple[ReCo, Concept]:
    """Learn a name from photos that no archive has yet: they get one at `folder`, which has to stay while it is used.

    photos: see `open_source`. options: of `ReCo.teach`. Returns a ReCo that knows these photos too, and the concept.
    """
    with open_source(photos) as source:
        write_archive(folder, source, reco.encoder)
    user_archive, before = Archive(folder), len(reco.archive)
    extended = reco.extended(user_archive)
    return extended, extended.teach(name, range(before, before + len(user_archive)), **options)
