"""One file from the web: resumed, checked, and complete or not there at all."""

import logging
import time
from pathlib import Path

import httpx

from reco_core.errors import DownloadError
from reco_core.utils.disk_space import full_disk_told, require_space
from reco_core.utils.hashing import sha256 as sha256_of
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)

PATIENCE = 30.0  # seconds without a single byte before a connection counts as dead
ATTEMPTS = 4  # in a row without progress
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds; each failure doubles it
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
STOPPED = ("the download was cancelled", "What came so far is kept")
AGENT = "reco-core (downloads weights and archive photos, each once)"


def client(connections: int = 4) -> httpx.Client:
    """A client to share between downloads; use it as a context manager."""
    limits = httpx.Limits(max_connections=connections)
    return httpx.Client(
        timeout=PATIENCE,
        follow_redirects=True,
        headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
        limits=limits,
    )


def download(
    url: str, target: Path, web: httpx.Client, *, sha256: str = "", most: int = 0, control: RunControl | None = None
) -> str:
    """Fetch `url` to `target`, which appears only when it is complete and right; returns its SHA-256.

    A part that an earlier call left (`target` + ".part") is continued. If the result has the wrong hash, the
    file is fetched once more from its beginning: the part may have been of an older version.

    Args:
        sha256: expected, hexadecimal; the first digits are enough. "" checks nothing.
        most: bytes that are accepted; 0 is no limit.
        control: told the file's name, bytes done and their total after every piece; cancelled, what came is kept.

    Raises:
        DownloadError: gone, no network, too large, wrong hash, no space; says which and what to do.
        Cancelled: `control` was cancelled.
    """
    control = control or RunControl()
    try:
        with full_disk_told(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            part = Path(f"{target}.part")
            continued = part.is_file() and part.stat().st_size > 0
            actual = _complete(url, part, web, most, control)
            if continued and not actual.startswith(sha256):
                log.warning("%s: the part that was continued does not fit; fetching it anew", target.name)
                part.unlink()
                actual = _complete(url, part, web, most, control)
            if not actual.startswith(sha256):
                part.unlink()
                raise DownloadError(
                    f"{target.name} is not the published file",
                    given=f"SHA-256 {actual} from {url}",
                    expected=f"SHA-256 {sha256}",
                    remedy="It was deleted. Try again later",
                )
            part.replace(target)
            return actual
    except OSError as error:
        raise DownloadError(
            "a download could not be written", given=f"{target} ({error})", remedy="Check the permissions"
        ) from error


def _complete(url: str, part: Path, web: httpx.Client, most: int, control: RunControl) -> str:
    """Call `_more` until the part is complete; its SHA-256."""
    failures = 0
    while True:
        before = part.stat().st_size if part.is_file() else 0
        try:
            _more(url, part, before, web, most, control)
            return sha256_of(part)
        except _Pause as pause:
            grown = part.is_file() and part.stat().st_size > before
            failures = 0 if grown else failures + 1
            if failures >= ATTEMPTS:
                raise DownloadError(
                    "a download failed",
                    given=f"{url} ({pause})",
                    remedy="Check the network and try again; what came so far is kept",
                ) from pause
            wait = min(LONGEST_PAUSE, pause.seconds or FIRST_PAUSE * 2 ** max(0, failures - 1))
            log.info("%s: %s; again in %.1f s", part.name, pause, wait)
            until = time.monotonic() + wait
            while time.monotonic() < until:
                control.raise_if_cancelled(*STOPPED)
                time.sleep(min(0.1, wait))


class _Pause(Exception):
    """It may work later; seconds is what the server asked for, or 0."""

    def __init__(self, why: object, seconds: float = 0) -> None:
        super().__init__(str(why))
        self.seconds = seconds


def _more(url: str, part: Path, done: int, web: httpx.Client, most: int, control: RunControl) -> None:
    """Append what is missing to a part."""
    asked = {"Range": f"bytes={done}-"} if done else {}
    try:
        with web.stream("GET", url, headers=asked) as reply:
            if reply.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and done:
                if reply.headers.get("Content-Range", "") == f"bytes */{done}":
                    return  # it was complete already
                part.unlink()
                raise _Pause("the part is longer than the file", 0.01)
            if reply.status_code in TRY_AGAIN:
                after = reply.headers.get("Retry-After", "")
                raise _Pause(f"the server answers {reply.status_code}", float(after) if after.isdigit() else 0)
            if reply.is_error:
                raise DownloadError(
                    "the server does not have the file",
                    given=f"{url} (status {reply.status_code})",
                    remedy="Check the address",
                )
            resumed = reply.status_code == httpx.codes.PARTIAL_CONTENT
            if done and not resumed:
                done = 0  # the server sends everything again
            length = int(reply.headers.get("Content-Length", 0))
            total = done + length if length else 0
            _fits(part, url, total, length, most)
            with part.open("ab" if done else "wb") as out:
                for piece in reply.iter_bytes():
                    out.write(piece)
                    done += len(piece)
                    if most and done > most:
                        raise DownloadError(
                            "a file is larger than expected", given=url, expected=f"at most {most} bytes"
                        )
                    control.report(part.stem, done, total)
                    control.raise_if_cancelled(*STOPPED)
            if total and done < total:
                raise _Pause(f"the connection ended after {done} of {total} bytes")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
        raise DownloadError("an address cannot be used", given=f"{url} ({error})") from error
    except httpx.TransportError as error:  # no route, refused, cut short, too slow
        raise _Pause(f"{type(error).__name__}: {error}") from error


def _fits(part: Path, url: str, total: int, length: int, most: int) -> None:
    if most and total > most:
        raise DownloadError(
            "a file is larger than expected", given=f"{url} ({total} bytes)", expected=f"at most {most} bytes"
        )
    require_space(part.parent, length, "a download")
