"""What one client may take of what all share."""

import pytest

from reco_app.clients import Clients, Refused, in_words, who
from reco_app.limits import Limits


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def clients(clock: Clock, **limits: float) -> Clients:
    return Clients(Limits(**limits), clock)


def test_calls_may_come_at_once_but_not_for_long(clock):
    all_of_them = clients(clock, client_calls=2.0)
    for _ in range(30):
        all_of_them.call("1.1.1.1")
    with pytest.raises(Refused, match=r"too many requests at once. Please try again in \d+ seconds?"):
        all_of_them.call("1.1.1.1")
    all_of_them.call("1.1.1.2")  # another one
    clock.now += 1
    all_of_them.call("1.1.1.1")


def test_sessions_of_an_address_do_not_drive_out_others(clock):
    all_of_them = clients(clock, client_sessions=2, keep_seconds=60)
    for session in ("a", "b", "a"):
        all_of_them.session("1.1.1.1", session)
    with pytest.raises(Refused, match="opened too many pages"):
        all_of_them.session("1.1.1.1", "c")
    all_of_them.session("1.1.1.2", "c")
    clock.now += 61
    all_of_them.session("1.1.1.1", "c")


def test_bytes_are_counted_for_as_long_as_they_are_kept(clock):
    all_of_them = clients(clock, client_bytes=1000, keep_seconds=60)
    all_of_them.bring("1.1.1.1", 600)
    clock.now += 30
    all_of_them.bring("1.1.1.1", 400)
    with pytest.raises(Refused, match=r"you may send in an hour\. Please try again in 30 seconds") as refused:
        all_of_them.bring("1.1.1.1", 1)
    assert refused.value.wait == 30
    all_of_them.bring("1.1.1.2", 1000)
    clock.now += 31
    all_of_them.bring("1.1.1.1", 600)


def test_uploads_at_once(clock):
    all_of_them = clients(clock, client_uploads=1)
    with all_of_them.upload("1.1.1.1"):
        with pytest.raises(Refused, match="too many files at once"), all_of_them.upload("1.1.1.1"):
            pass
        with all_of_them.upload("1.1.1.2"):
            pass
    with all_of_them.upload("1.1.1.1"):
        pass


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
)
def test_who_somebody_is(host, client):
    assert who(host) == client


def test_times_in_words():
    assert [in_words(seconds) for seconds in (0, 1, 4.2, 17, 89, 100, 3600)] == [
        "1 second",
        "1 second",
        "5 seconds",
        "20 seconds",
        "90 seconds",
        "2 minutes",
        "60 minutes",
    ]
