"""What tiles show: an archive's photo, from a folder or from where it was published, over what the model sees of it."""

import logging
from functools import lru_cache
from pathlib import Path

import numpy as np

from reco_app.components.exemplar_grid import Tile
from reco_app.formats import square_url, web_url
from reco_app.preset_pool import PresetPool
from reco_app.visitor.user_archive import UserRows
from reco_core.errors import PhotoError
from reco_core.types import Exemplar
from reco_core.utils.images import read_photo
from reco_core.utils.visualize import feature_picture

log = logging.getLogger("reco_app")
STAND_IN_SIDE = 84


class ArchivePhotos:
    """Of the shared archives; those of visitors pass through and are not kept."""

    def __init__(self, presets: PresetPool, photos: Path | None) -> None:
        """photos: folder with archive photos."""
        self.presets, self.photos = presets, photos
        self.stand_in = lru_cache(4096)(self._stand_in)

    def tile(self, preset: str, exemplar: Exemplar, user_rows: UserRows | None = None) -> Tile:
        """An exemplar as it is shown. user_rows: with the visitor's photos."""
        if user_rows and user_rows.has(exemplar.row):
            photo = user_rows.photo(exemplar.record)
            if photo is not None:
                return Tile(exemplar, square_url(photo), "", by_user=True)
            return Tile(exemplar, "", _stand_in_url(user_rows.picture(exemplar.row)), by_user=True)
        photo_url = self._local(exemplar.record.file) or web_url(exemplar.record.source_url)
        return Tile(exemplar, photo_url, self.stand_in(preset, exemplar.row))

    def _local(self, file: str) -> str:
        if self.photos is None or not (path := (self.photos / file).resolve()).is_relative_to(self.photos.resolve()):
            return ""
        try:
            return square_url(read_photo(path)) if path.is_file() else ""
        except PhotoError as error:
            log.warning("exemplar not shown: %s", error)
            return ""

    def _stand_in(self, preset: str, row: int) -> str:
        archive = self.presets.get(preset).archive
        return _stand_in_url(feature_picture(archive.features(np.array([row]))[0], archive.grid))


def _stand_in_url(picture: np.ndarray) -> str:
    """Paler than it is: it must not outshine photos."""
    return square_url((0.55 * picture + 0.45 * 225).astype(np.uint8), STAND_IN_SIDE)
