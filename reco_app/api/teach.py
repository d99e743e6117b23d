"""The endpoint teach: learn a name from photos of it. What is taught is a zip that the caller keeps, the same that the
page saves, so the server has nothing of it.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reco_app.api.given import Given, data_of, small_photos, told_left_out
from reco_app.api.inline import zip_url
from reco_app.context import AppContext
from reco_app.visitor.bundle import read_bundle, write_bundle
from reco_app.visitor.user_photos import SmallPhoto, UserPhotos, one_name
from reco_core.errors import ArchiveError, OptionError, PhotoError

if TYPE_CHECKING:
    from reco_core.models.encoder import Encoder


class Taught:
    """Reads what was taught, for one call."""

    def __init__(self, context: AppContext) -> None:
        self.presets, self.limits = context.presets, context.limits

    @contextmanager
    def photos(self, taught: Given, preset: str) -> Iterator[UserPhotos | None]:
        """The photos of a zip as `TeachEndpoint.teach` returns it; None if nothing is given.

        Raises:
            PhotoError, OptionError: it is none, or of another preset.
        """
        if not taught:
            yield None
            return
        own = UserPhotos(self.limits)
        try:
            own.add(self._saved(taught, preset))
            yield own
        finally:
            own.close()

    def _saved(self, taught: Given, preset: str) -> list[SmallPhoto]:
        data = data_of(taught, self.limits, "the taught zip")
        with tempfile.TemporaryDirectory(prefix="reco-taught-") as folder:
            file = Path(folder) / "taught"
            file.write_bytes(data)
            try:
                return read_bundle(file, self.presets.get(preset).encoder, self.limits)
            except ArchiveError as error:
                raise OptionError(str(error), remedy="Give what teach has returned") from error


class TeachEndpoint:
    """Holds only what all callers share."""

    def __init__(self, context: AppContext) -> None:
        self.context, self.limits, self.taught = context, context.limits, Taught(context)
        self.defaults: dict[str, Any] = {"preset": context.presets.first}

    def teach(self, name: str, photos: list[Given], taught: Given = "", preset: str = "mini") -> dict:
        """Learn what a thing looks like from photos of it, whatever it is called.

        Args:
            name: one name, at most 80 characters.
            photos: a list of photos of the thing, three or more are good; each a JPEG, PNG, WebP, HEIC, AVIF, BMP, GIF
                or TIFF file as base64 or as a data URL, or a file that was uploaded to this server. At most 200 photos
                of at most 30 MB each and 100 MB in all.
            taught: what an earlier call has returned as "taught", to which these photos are added; or nothing.
            preset: which models, and with them which archive: mini, or another one that this server has.

        Returns:
            taught: a zip's data URL, to be given to segment and search as it is. The server keeps nothing of it; the
            page can load it under Teach. names: how many photos each name has. left_out: photos that were not taken,
            counted from 1, and why.
        """
        name, reco = one_name(name), self.context.presets.get(preset)
        given = small_photos(photos, self.limits)
        with self.taught.photos(taught, preset) as earlier:
            own = earlier or UserPhotos(self.limits)
            try:
                count, left_out = own.add(given, name)
                if not count:
                    why = "; ".join(f"{one.file}: {one.reason}" for one in left_out)
                    raise PhotoError("none of these photos could be used", given=why, remedy="Give others")
                packed = zip_url(_packed(own, reco.encoder))
                return {"taught": packed, "names": own.names, "left_out": told_left_out(left_out)}
            finally:
                own.close()


def _packed(own: UserPhotos, encoder: "Encoder") -> bytes:
    with tempfile.TemporaryDirectory(prefix="reco-taught-") as folder:
        file = Path(folder) / "taught.zip"
        write_bundle(own, encoder, file)
        return file.read_bytes()
