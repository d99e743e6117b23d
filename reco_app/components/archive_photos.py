"""Photos of an archive as they are shown: as pictures of what names were learned from, or as tiles of a search."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reco_app.formats import WEBP, photo_url, square_url, webp_url
from reco_app.preset_pool import PresetPool
from reco_app.visitor.user_archive import UserRows
from reco_core.types import Exemplar
from reco_core.utils.visualize import feature_picture

if TYPE_CHECKING:
    from reco_core.archives.archive import Archive

STAND_IN_SIDE = 84


class Tile(NamedTuple):
    """A photo to show. photo: its address, "" if there is none. stand_in: of the picture where there is none."""

    exemplar: Exemplar
    photo: str
    stand_in: str
    by_user: bool = False


class ArchivePhotos:
    """Photos of the shared archives: from a folder, else the archive's thumbnail, else what the model sees of them, for
    a visitor's browser asks nothing of other hosts. Those of visitors pass through and are not kept.
    """

    def __init__(self, presets: PresetPool, photos: Path | None) -> None:
        """photos: folder with archive photos."""
        self.photos, self._presets = photos, presets
        self._stand_in = lru_cache(4096)(lambda preset, row: stand_in(presets.get(preset).archive, row))

    def tile(self, preset: str, exemplar: Exemplar, user_rows: UserRows | None = None) -> Tile:
        """An exemplar as it is shown. user_rows: of the archive that it is from, with the visitor's photos."""
        row = exemplar.row
        photo, by_user = self.picture(preset, exemplar, user_rows)
        if user_rows and by_user:
            return Tile(exemplar, photo, "" if photo else stand_in(user_rows.archive, row), by_user=True)
        if photo.startswith(WEBP):
            return Tile(exemplar, photo, "")
        return Tile(exemplar, photo, self._stand_in(preset, row))

    def picture(self, preset: str, exemplar: Exemplar, user_rows: UserRows | None = None) -> tuple[str, bool]:
        """An exemplar's photo as an address that asks nothing of other servers, "" if there is none; and whether it is
        the visitor's. Arguments as in `tile`.
        """
        row, record = exemplar.row, exemplar.record
        if user_rows and user_rows.has(row):
            return photo_url(user_rows.photos / record.file), True
        if photo := self._local(record.file):
            return photo, False
        thumbnail = (user_rows.archive if user_rows else self._presets.get(preset).archive).thumbnail(row)
        return webp_url(thumbnail) if thumbnail else "", False

    def _local(self, file: str) -> str:
        if self.photos is None or not (path := (self.photos / file).resolve()).is_relative_to(self.photos.resolve()):
            return ""
        return photo_url(path)


def stand_in(archive: Archive, row: int) -> str:
    """What the model sees of a photo, as an address; paler than it is, for it must not outshine photos."""
    picture = feature_picture(archive.features(np.array([row]))[0], archive.grid)
    return square_url((0.55 * picture + 0.45 * 225).astype(np.uint8), STAND_IN_SIDE)
