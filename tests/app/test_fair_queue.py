"""The queue between clients: nobody blocks everybody. Over HTTP, with a small app behind the real queue and door."""

import threading
import time
from collections.abc import Callable

import httpx
import pytest
from support.quick_blocks import QuickApp

from reco_app.limits import Limits

SOON = 10.0


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Starts the small app with other limits."""
    running = []
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))

    def start(seconds: float = 0.2, **limits: float) -> QuickApp:
        app = QuickApp(Limits(**limits), tmp_path / "cache", seconds).__enter__()
        running.append(app)
        return app

    yield start
    for app in running:
        app.__exit__()


def client(address: str = "127.0.0.1") -> httpx.Client:
    """Somebody who comes from an address of this machine."""
    return httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=30)


def post(by: httpx.Client, app: QuickApp, what: str, endpoint: str = "work", **more: str) -> httpx.Response:
    return by.post(f"{app.url}call/{endpoint}", json={"data": [what], **more})


def answer(by: httpx.Client, app: QuickApp, asked: httpx.Response, endpoint: str = "work") -> str:
    return by.get(f"{app.url}call/{endpoint}/{asked.json()['event_id']}").text


def until(said: Callable[[], object]) -> None:
    end = time.monotonic() + SOON
    while not said():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_so_many_requests_of_an_address_wait(serve):
    app = serve(seconds=2.0, client_waiting=3, waiting=2)
    with client() as one, client("127.0.0.2") as other:
        replies = [post(one, app, str(i)) for i in range(5)]
        assert [reply.status_code for reply in replies] == [200, 200, 200, 429, 429]
        said = replies[-1].json()["detail"]
        assert said == "You have 3 requests waiting here already. Please try again in 5 seconds."
        assert replies[-1].headers["retry-after"] == "5"
        assert "complete" in answer(other, app, post(other, app, "theirs"))


def test_so_many_requests_of_a_session_wait(serve):
    app = serve(seconds=2.0, waiting=2)
    with client() as one:
        replies = [post(one, app, str(i), session_hash="page") for i in range(3)]
        assert [reply.status_code for reply in replies] == [200, 200, 429]


def test_clients_take_turns(serve):
    app = serve(seconds=0.3)
    with client() as many, client("127.0.0.2") as one:
        listeners = []
        for i in range(6):
            asked = post(many, app, f"many {i}")
            listeners.append(threading.Thread(target=answer, args=(many, app, asked)))
            listeners[-1].start()
        answer(one, app, post(one, app, "one"))
        assert app.done.index("one") <= 2
        for listener in listeners:
            listener.join()
        assert len(app.done) == 7


def test_of_several_workers_one_is_left_for_others(serve):
    app = serve(seconds=1.0)
    with client() as many, client("127.0.0.2") as one:
        for i in range(4):
            post(many, app, f"many {i}", "read")
        time.sleep(0.3)
        started = time.monotonic()
        answer(one, app, post(one, app, "one", "read"), "read")
        assert time.monotonic() - started < 1.9
        assert [what for what in app.done if what != "one"][:2] in ([], ["many 0"], ["many 0", "many 1"])
        assert app.done.index("one") <= 1


def test_what_nobody_listens_to_is_not_computed(serve):
    app = serve(seconds=0.4, listen_seconds=0.5)
    with client() as one, client("127.0.0.2") as other:
        for i in range(20):
            post(one, app, f"abandoned {i}")
        time.sleep(0.6)
        assert "complete" in answer(other, app, post(other, app, "theirs"))
        until(lambda: not len(app.queue) and not any(app.queue.active_jobs))
        assert len(app.done) <= 3
        until(lambda: not app.queue.event_ids_to_events)


def test_what_its_client_leaves_is_stopped(serve):
    app = serve(seconds=30.0, listen_seconds=5)
    with client() as one:
        asked = post(one, app, "long").json()["event_id"]
        with one.stream("GET", f"{app.url}call/work/{asked}") as stream:
            assert stream.status_code == 200
            time.sleep(0.5)
            assert app.stopped == []
        until(lambda: app.stopped == ["long"])


def test_a_request_has_so_many_seconds(serve):
    app = serve(seconds=30.0, request_seconds=0.3)
    with client() as one:
        asked = post(one, app, "long")
        assert "event: error" in answer(one, app, asked)
        assert app.stopped == ["long"] and app.done == []


def test_nothing_goes_past_the_queue(serve):
    app = serve()
    with client() as one:
        reply = one.post(f"{app.url}run/work", json={"data": ["past"]})
        assert reply.status_code == 404 and app.done == []


def test_a_programs_call_leaves_no_session_behind(serve):
    app = serve(seconds=0.0)
    with client() as one:
        for i in range(3):
            answer(one, app, post(one, app, str(i)))
        until(lambda: not app.blocks.state_holder.session_data)


def test_sessions_of_an_address_are_bounded(serve):
    app = serve(seconds=0.0, client_sessions=3)
    with client() as one, client("127.0.0.2") as other:
        codes = [post(one, app, "x", session_hash=f"s{i}").status_code for i in range(4)]
        assert codes == [200, 200, 200, 429]
        assert post(other, app, "x", session_hash="mine").status_code == 200
        direct = other.post(f"{app.url}run/light", json={"data": ["x"], "session_hash": "s9"})
        assert direct.status_code in (200, 404)


def test_quick_events_wait_in_numbers(serve):
    app = serve(waiting=1)
    with client() as one:
        assert {post(one, app, "x", "light", session_hash="page").status_code for _ in range(5)} == {200}


@pytest.mark.parametrize("forwarded", ["", "9.9.9.9"])
def test_nobody_is_believed_about_their_address(serve, forwarded, monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")
    app = serve(client_waiting=1)
    with client() as one:
        headers = {"X-Forwarded-For": forwarded}
        codes = []
        for i in range(2):
            body = {"data": [str(i)]}
            codes.append(one.post(f"{app.url}call/work", json=body, headers={**headers, "X-Real": str(i)}).status_code)
        assert codes == [200, 429]


def test_a_named_proxy_is_believed(serve, monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    app = serve(client_waiting=1)
    with client() as one:
        codes = []
        for i in range(3):
            headers = {"X-Forwarded-For": f"6.6.6.6, 9.9.9.{i // 2}"}  # the left one is the visitor's own invention
            codes.append(one.post(f"{app.url}call/work", json={"data": ["x"]}, headers=headers).status_code)
        assert codes == [200, 429, 200]
