"""The named endpoints, as programs call them."""

import json
import urllib.request

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image


@pytest.fixture(scope="module")
def client(address) -> Client:
    return Client(address, verbose=False)


@pytest.fixture(scope="module")
def endpoints(client) -> dict:
    return client.view_api(return_format="dict", print_info=False)["named_endpoints"]


def names(endpoint: dict) -> list[str]:
    return [given["parameter_name"] for given in endpoint["parameters"]]


def test_endpoints_and_their_parameters(endpoints):
    assert {name: names(endpoint) for name, endpoint in endpoints.items()} == {
        "/segment": ["photo", "names", "method", "k", "background", "context", "preset", "titles"],
        "/search": ["words", "photo", "k", "preset"],
        "/discover": ["photo", "parts", "words", "preset"],
    }
    assert "Mark named things in a photo" in endpoints["/segment"]["description"]
    assert "Find photos in the archive" in endpoints["/search"]["description"]
    assert "Find and name everything in a photo" in endpoints["/discover"]["description"]


def test_segment(client, chelsea):
    photo = handle_file(str(chelsea))
    overlay, labels, description = client.predict(photo, "cat, wall", k=5, api_name="/segment")
    assert Image.open(overlay).size == Image.open(labels).size == (451, 300)
    assert set(np.unique(np.asarray(Image.open(labels)))) <= {0, 1, 2}
    assert [len(c["exemplars"]) for c in description["concepts"]] == [5, 5]
    with pytest.raises(Exception, match=r"(?i)no names were given"):
        client.predict(photo, "", api_name="/segment")
    with pytest.raises(Exception, match="greater than maximum value 50"):  # Gradio's own bound, that of the slider
        client.predict(photo, "cat", k=51, api_name="/segment")
    _, _, description = client.predict(
        photo, "cat", method="denseclip", background="", context="sky", preset="mini", api_name="/segment"
    )
    assert [c["name"] for c in description["concepts"]] == ["cat"]


def test_search(client, chelsea):
    found = client.predict("cat", None, 5, api_name="/search")
    assert len(found) == 5
    assert {"similarity", "why", "title", "author", "licence", "landing_url", "source_url"} <= set(found[0])
    assert len(client.predict(photo=handle_file(str(chelsea)), k=3, words="", api_name="/search")) == 3
    with pytest.raises(Exception, match=r"(?i)nothing to search for"):
        client.predict("", None, 5, api_name="/search")


def test_discover(client, chelsea):
    photo = handle_file(str(chelsea))
    overlay, labels, description = client.predict(photo, parts=20, api_name="/discover")
    assert Image.open(overlay).size == Image.open(labels).size == (451, 300)
    assert set(np.unique(Image.open(labels))) == {segment["label"] for segment in description["segments"]}
    assert "cat" in [segment["name"] for segment in description["segments"]]
    with pytest.raises(Exception, match="greater than maximum value 20"):
        client.predict(photo, parts=21, api_name="/discover")


@pytest.mark.parametrize(
    ("endpoint", "data"),
    [
        ("segment", lambda photo: [photo, "cat", "reco2", 5, "", "", "", True]),
        ("search", lambda photo: ["", photo, 3, ""]),
        ("discover", lambda photo: [photo, 8, "", ""]),
    ],
)
def test_no_endpoint_reads_a_file_of_the_server(address, chelsea, endpoint, data):
    """Only uploads may be named as the photo, not any path."""
    photo = {"path": str(chelsea), "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": data(photo)}).encode()
    call = f"{address}gradio_api/call/{endpoint}"
    with urllib.request.urlopen(urllib.request.Request(call, body, {"Content-Type": "application/json"})) as reply:
        event = json.load(reply)["event_id"]
    with urllib.request.urlopen(f"{call}/{event}", timeout=30) as reply:
        stream = reply.read().decode()
    assert "event: error" in stream
    assert "complete" not in stream
