"""What each client has taken of what all share. A client is an address, however many sessions it opens.

X-Forwarded-For counts only where the server was told of the proxy (`--behind-proxy`): uvicorn reads it then, and the
address is already the visitor's.
"""

import ipaddress
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from reco_app.limits import Limits
from reco_core.errors import RecoError

BURST = 15  # seconds' worth of calls that may come at once, as when a page is opened
KNOWN = 10_000  # clients that are remembered


class TooLarge(RecoError):
    """More bytes than are taken."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Refused(RecoError):
    """Somebody wants more than one may have at once. wait: seconds after which it may be asked again."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, what: str, wait: float = 10, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy or f"Please try again in {in_words(wait)}")
        self.wait = max(1, math.ceil(wait))


@dataclass
class Client:
    """What one address has taken. sessions: when each was last seen. sent: when how many bytes came."""

    calls: float
    seen: float
    uploads: int = 0
    sessions: OrderedDict[str, float] = field(default_factory=OrderedDict)
    sent: deque[tuple[float, int]] = field(default_factory=deque)
    bytes: int = 0


class Clients:
    """All clients of a server that were seen of late. Safe to share between threads."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self.clock = limits, clock
        self._known: OrderedDict[str, Client] = OrderedDict()
        self._lock = threading.Lock()

    def call(self, address: str) -> None:
        """One more request; raises Refused if they come too fast."""
        with self._client(address) as client:
            if client.calls < 1:
                raise Refused("these are too many requests at once", 1 / self.limits.client_calls + 1)
            client.calls -= 1

    def session(self, address: str, session: str) -> None:
        """A request of a session; raises Refused if there are too many sessions, which would drive out others'."""
        with self._client(address) as client:
            now, keep = self.clock(), self.limits.keep_seconds
            while client.sessions and now - next(iter(client.sessions.values())) > keep:
                client.sessions.popitem(last=False)
            if session not in client.sessions and len(client.sessions) >= self.limits.client_sessions:
                wait = keep - (now - next(iter(client.sessions.values())))
                raise Refused("this address has opened too many pages", wait)
            client.sessions[session] = now
            client.sessions.move_to_end(session)

    @contextmanager
    def upload(self, address: str) -> Iterator[None]:
        """While something is sent; raises Refused if too much is being sent already."""
        with self._client(address) as client:
            if client.uploads >= self.limits.client_uploads:
                raise Refused("you are sending too many files at once", 5)
            client.uploads += 1
        try:
            yield
        finally:
            with self._lock:
                client.uploads -= 1

    def bring(self, address: str, count: int) -> None:
        """So many more bytes; raises Refused if that is more than a client may have here."""
        with self._client(address) as client:
            now, keep, most = self.clock(), self.limits.keep_seconds, self.limits.client_bytes
            while client.sent and now - client.sent[0][0] > keep:
                client.bytes -= client.sent.popleft()[1]
            if client.bytes + count > most:
                wait = keep - (now - client.sent[0][0]) if client.sent else keep
                raise Refused(f"this is more than the {most // 1_000_000:,} MB that you may send in an hour", wait)
            client.bytes += count
            if client.sent and now - client.sent[-1][0] < 1:
                now, count = client.sent[-1][0], client.sent.pop()[1] + count
            client.sent.append((now, count))

    @contextmanager
    def _client(self, address: str) -> Iterator[Client]:
        with self._lock:
            now, rate = self.clock(), self.limits.client_calls
            client = self._known.setdefault(address, Client(BURST * rate, now))
            self._known.move_to_end(address)
            client.calls = min(BURST * rate, client.calls + (now - client.seen) * rate)
            client.seen = now
            while len(self._known) > KNOWN:
                self._known.popitem(last=False)
            yield client


def who(host: str | None) -> str:
    """A client's address: of IPv6 its network, of which whoever has one has all."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def in_words(seconds: float) -> str:
    """About how long: "20 seconds", "3 minutes"."""
    if seconds < 90:
        count = max(1, math.ceil(seconds)) if seconds < 10 else 10 * math.ceil(seconds / 10)
        return f"{count} second{'s' * (count != 1)}"
    return f"{math.ceil(seconds / 60)} minutes"
