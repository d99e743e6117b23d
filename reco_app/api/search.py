"""The endpoint search: find photos in the archive."""

from typing import Any

from reco_app.api.given import Given, data_of
from reco_app.api.teach import Taught
from reco_app.archive.handlers import CREDITS, RESULTS, ArchiveHandlers
from reco_app.context import AppContext
from reco_app.visitor.user_photos import with_user_photos
from reco_core.utils.images import read_photo


class SearchEndpoint:
    """Holds only what all callers share."""

    def __init__(self, context: AppContext, handlers: ArchiveHandlers) -> None:
        self.context, self.handlers, self.taught = context, handlers, Taught(context)
        self.defaults: dict[str, Any] = {"preset": context.presets.first}

    def search(
        self, words: str = "", photo: Given = "", k: int = RESULTS, preset: str = "mini", taught: Given = ""
    ) -> dict:
        """Find photos in the archive by words, by a photo, or by both.

        Args:
            words: what to look for, such as "red car"; of more than 1,000 characters the first count. Nothing if a
                photo says it.
            photo: a JPEG, PNG, WebP, HEIC, AVIF, BMP, GIF or TIFF file of at most 30 MB and 50 megapixels, as base64 or
                as a data URL, or a file that was uploaded to this server; or nothing.
            k: how many photos to return, 1 to 60.
            preset: which models, and with them which archive: mini, or another one that this server has.
            taught: what the endpoint teach has returned as "taught", or that zip as an upload, or nothing.

        Returns:
            photos: the nearest ones and those that are called so, best first: similarity (cosine, -1 to 1), why it was
            found, file, title, author, licence and its scope, addresses of the photo and of the page that shows it.
        """
        query = self.handlers.query(words, read_photo(data_of(photo, self.context.limits)) if photo else None, k)
        with self.taught.photos(taught, preset) as own:
            archive = with_user_photos(self.context.presets.get(preset), own)
            hits = archive.search(*query, k)
        credits = [{name: getattr(hit.record, name) for name in CREDITS} for hit in hits]
        told = [{"similarity": round(min(1.0, hit.similarity), 4), "why": hit.why} for hit in hits]
        return {"photos": [{**one, **credit} for one, credit in zip(told, credits, strict=True)]}
