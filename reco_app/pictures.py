"""What tiles show: an archive's photo, from a folder or from where it was published, over what the model sees of it."""

import logging
from functools import lru_cache
from pathlib import Path

import numpy as np

from reco_app import gallery
from reco_app.joined import Shelf
from reco_app.preset_pool import Pool
from reco_core.errors import PhotoError
from reco_core.types import Exemplar
from reco_core.utils.images import read_photo
from reco_core.utils.visualize import feature_picture

log = logging.getLogger("reco_app")
STAND_IN_SIDE = 84


class Pictures:
    """Of the shared archives; those of own photos pass through and are not kept."""

    def __init__(self, pool: Pool, photos: Path | None) -> None:
        """photos: folder with archive photos."""
        self.pool, self.photos = pool, photos
        self.stand_in = lru_cache(4096)(self._stand_in)

    def __call__(self, preset: str, exemplar: Exemplar, shelf: Shelf | None = None) -> tuple[str, str]:
        """Addresses of an exemplar's photo ("" if there is none) and of its stand-in; shelf: with own photos."""
        if shelf and shelf.has(exemplar.row):
            own = shelf.photo(exemplar.record)
            return (gallery.data_url(own), "") if own is not None else ("", _seen(shelf.picture(exemplar.row)))
        photo = self._local(exemplar.record.file) or gallery.web_url(exemplar.record.source_url)
        return photo, self.stand_in(preset, exemplar.row)

    def _local(self, file: str) -> str:
        if self.photos is None or not (path := (self.photos / file).resolve()).is_relative_to(self.photos.resolve()):
            return ""
        try:
            return gallery.data_url(read_photo(path)) if path.is_file() else ""
        except PhotoError as error:
            log.warning("exemplar not shown: %s", error)
            return ""

    def _stand_in(self, preset: str, row: int) -> str:
        archive = self.pool.get(preset).archive
        return _seen(feature_picture(archive.features(np.array([row]))[0], archive.grid))


def _seen(picture: np.ndarray) -> str:
    return gallery.data_url(gallery.soften(picture), side=STAND_IN_SIDE)
