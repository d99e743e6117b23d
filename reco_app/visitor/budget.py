"""What reading the photos of one request may take."""

from reco_app.clients import Refused
from reco_app.limits import Limits
from reco_app.request_control import RequestControl
from reco_app.visitor.zips import stated_pixels


class Budget:
    """Seconds and pixels, from now on; made in the request's event."""

    def __init__(self, limits: Limits) -> None:
        self._control, self._left = RequestControl(limits.photos_seconds), limits.pixels
        self._most = f"{limits.pixels // 1_000_000:,} megapixels"

    def spend(self, data: bytes) -> None:
        """Before a photo is decoded: raises Refused if it is too much, Cancelled if nobody waits for it."""
        self._control.raise_if_cancelled("reading your photos was stopped")
        self._left -= stated_pixels(data)
        if self._left < 0:
            raise Refused(f"these photos have more than {self._most} in all", remedy="Give fewer, or scale them down")
