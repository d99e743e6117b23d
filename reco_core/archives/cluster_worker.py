"""What embeds batches for an archive in another process: told by a job, it saves them in a shared folder."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from reco_core.archives import codecs, embedded_batches, embedding
from reco_core.archives.codecs import Codec
from reco_core.archives.thumbnails import NONE
from reco_core.errors import ArchiveError, RecoError, WeightsError
from reco_core.models.encoders import Encoder, load_encoder
from reco_core.photo_sources.factory import open_source
from reco_core.photo_sources.source import Source
from reco_core.presets import Preset


@dataclass(frozen=True)
class Job:
    """What workers are told. codecs: role -> file; None: maps stay as they are. batch: photos in each. pictured: which
    photos get a thumbnail.
    """

    folder: Path
    photos: str
    open_only: bool
    titles: str
    source_key: str
    preset: Preset
    weights: Path | None
    precision: str | None
    device: str
    model_hash: str
    codecs: dict[str, Path] | None
    batch: int
    pictured: str = NONE


class Worker:
    """A model of its own; it loads when the first run comes, so that whatever goes wrong is told by an answer."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self, rows: dict[str, np.ndarray]) -> dict[str, list]:
        """Embed and save the batches that begin at rows["starts"]; an error is told in words, for the caller."""
        starts = [int(start) for run in rows["starts"] for start in run]
        try:
            self.embed([start for start in starts if not embedded_batches.is_stored(self.job.folder, start)])
        except Exception as error:  # whatever it is: Ray would show a hundred lines of it
            what = str(error) if isinstance(error, RecoError) else f"{type(error).__name__}: {error}"
            return {"start": starts[:1], "error": [f"{what} (on {platform.node()})"]}
        return {"start": starts, "error": [""] * len(starts)}

    def embed(self, starts: Sequence[int]) -> None:
        """Save each batch as soon as it is ready."""
        job, (source, encoder, learned) = self.job, self.loaded
        for batch in embedding.embed(source, encoder, starts, job.batch, job.pictured):
            (batch if learned is None else batch.compressed(learned)).save(job.folder)

    @cached_property
    def loaded(self) -> tuple[Source, Encoder, dict[str, Codec] | None]:
        job = self.job
        if not job.folder.is_dir():
            raise not_shared(job.folder)
        torch.set_num_threads(1)  # workers share a machine
        source = open_source(job.photos, open_only=job.open_only, titles=job.titles)
        if source.key != job.source_key:
            raise ArchiveError(
                "the photos changed, or are not the same on all machines",
                given=job.photos,
                expected="a folder or file that stays as it is until the archive is done",
            )
        encoder = load_encoder(job.preset, job.device, job.weights, precision=job.precision)
        if encoder.hash != job.model_hash:
            raise WeightsError(
                "the weights are not the same on all machines",
                given=encoder.hash[:12],
                expected=job.model_hash[:12],
                remedy="Copy them from one to all",
            )
        learned = None if job.codecs is None else {role: codecs.load(file) for role, file in job.codecs.items()}
        return source, encoder, learned


def not_shared(folder: Path) -> ArchiveError:
    return ArchiveError(
        "the cluster's machines do not share the folder where an archive is built",
        given=folder,
        remedy="Choose a folder of a shared file system, seen by all at this path",
    )
