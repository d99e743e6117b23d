"""/healthz and /metrics, and who may read them."""

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import reco_core
from reco_app.hosting import health
from reco_app.preset_pool import PresetPool


def client(pool: PresetPool, address: str = "172.17.0.1") -> TestClient:
    app = Starlette(routes=health.routes(pool, lambda: b"reco_queue 0.0\n"))
    return TestClient(app, client=(address, 50000))


def test_loading_and_then_ready(reco):
    pool = PresetPool(lambda name: reco, "mini")
    said = {"status": "loading", "version": reco_core.__version__, "preset": "mini"}
    reply = client(pool).get("/healthz")
    assert (reply.status_code, reply.json()) == (503, said)
    pool.get()
    reply = client(pool, "8.8.8.8").get("/healthz", headers={"X-Forwarded-For": "9.9.9.9"})
    assert (reply.status_code, reply.json()) == (200, said | {"status": "ready"})


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("172.17.0.1", {}, 200),
        ("fd00::1", {}, 200),
        ("8.8.8.8", {}, 403),
        ("testclient", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 403),
    ],
)
def test_figures_are_for_machines_of_the_network_alone(address, headers, status):
    reply = client(PresetPool(lambda name: None, "mini"), address).get("/metrics", headers=headers)
    assert reply.status_code == status
    assert ("reco_queue" in reply.text) is (status == 200)
    assert status == 403 or reply.headers["content-type"].startswith("text/plain; version=")
