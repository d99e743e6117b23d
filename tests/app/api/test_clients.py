"""What clients see of the API: Gradio's own, and assistants' by MCP."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool

PARAMETERS = {
    "/segment": "photo names method k background context preset titles found_from taught scores exemplars",
    "/discover": "photo parts words preset",
    "/search": "words photo k preset taught",
    "/teach": "name photos taught preset",
    "/adapt": "photos names everything steps preset",
    "/adapt_status": "job",
    "/adapt_result": "job",
    "/adapt_cancel": "job",
}
REQUIRED = {"photo", "names", "name", "photos", "job"}  # but for the photo of a search


@pytest.fixture(scope="module")
def client(address) -> Client:
    return Client(address, verbose=False)


@pytest.fixture(scope="module")
def described(address) -> dict[str, dict]:
    return httpx.get(f"{address}gradio_api/info", timeout=30).json()["named_endpoints"]


def test_endpoints_and_their_parameters(described):
    """These and no other of the page's functions."""
    names = {name: [one["parameter_name"] for one in endpoint["parameters"]] for name, endpoint in described.items()}
    assert names == {name: parameters.split() for name, parameters in PARAMETERS.items()}
    for name, endpoint in described.items():
        needed = {one["parameter_name"] for one in endpoint["parameters"] if not one["parameter_has_default"]}
        assert needed == ({*names[name]} & REQUIRED if name != "/search" else set())


def test_everything_is_described(described):
    for endpoint in described.values():
        assert len(endpoint["description"]) > 20
        assert endpoint["returns"][0]["type"]["description"]
        for parameter in endpoint["parameters"]:
            text = parameter["type"]["description"]
            assert text == parameter["python_type"]["description"]
            assert text.endswith(".") or parameter["parameter_name"] == "job", text
    told = {one["parameter_name"]: one for one in described["/segment"]["parameters"]}
    assert "1 to 50" in told["k"]["type"]["description"]
    assert "Over 50 megapixels it is scaled down." in told["photo"]["type"]["description"]  # its last line, too
    assert (told["method"]["parameter_default"], told["k"]["parameter_default"]) == ("reco2_crf", 20)


@pytest.mark.slow
def test_gradios_client(client, chelsea):
    photo = handle_file(str(chelsea))
    found = client.predict(photo=photo, names="cat", k=5, api_name="/segment")
    assert found["concepts"][0]["answer"] == "found"
    assert len(client.predict(photo=photo, k=3, api_name="/search")["photos"]) == 3
    taught = client.predict(name="Minka", photos=[photo], api_name="/teach")
    assert taught["names"] == {"Minka": 1}
    with pytest.raises(Exception, match="No names were given"):
        client.predict(photo, "", api_name="/segment")
    with pytest.raises(Exception, match=r"(?i)no value provided for required|missing"):
        client.predict(names="cat", api_name="/segment")


def talk(address: str, do: Callable[[ClientSession], Awaitable[Any]]) -> Any:
    """With the official client of MCP."""

    async def talked() -> Any:
        async with (
            streamable_http_client(f"{address}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await do(session)

    with ThreadPoolExecutor(1) as other:  # Playwright's loop runs in this thread once a test has had a browser
        return other.submit(lambda: asyncio.run(talked())).result()


def test_what_assistants_are_offered(address, described):
    tools: list[Tool] = talk(address, lambda session: session.list_tools()).tools
    assert [tool.name for tool in tools] == ["segment", "discover", "search"]
    for tool in tools:
        endpoint = described[f"/{tool.name}"]
        assert tool.description.startswith(endpoint["description"])
        properties = tool.inputSchema["properties"]
        for parameter in endpoint["parameters"]:
            assert properties[parameter["parameter_name"]]["description"] == parameter["type"]["description"]
        assert tool.inputSchema.get("required", []) == [
            one["parameter_name"] for one in endpoint["parameters"] if not one["parameter_has_default"]
        ]


@pytest.mark.parametrize(
    ("name", "given", "key"),
    [("segment", {"names": "cat, wall"}, "concepts"), ("discover", {}, "segments"), ("search", {"k": 3}, "photos")],
)
def test_assistants_call_them_with_a_photo(address, encoded, name, given, key):
    answer: CallToolResult = talk(address, lambda session: session.call_tool(name, {"photo": encoded, **given}))
    assert not answer.isError
    *pictures, told = answer.content
    assert [picture.mimeType for picture in pictures] == ["image/png"] * (name != "search")
    assert json.loads(told.text)[key]
    assert "data:" not in told.text


def test_assistants_do_not_wait_for_each_other(address):
    """Each call is its caller's, as every other: together they are more than one session may have at once."""

    async def search_often(session: ClientSession) -> list[CallToolResult]:
        return await asyncio.gather(*(session.call_tool("search", {"words": f"cat {i}", "k": 2}) for i in range(8)))

    answers = talk(address, search_often)
    assert [answer.content[0].text for answer in answers if answer.isError] == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"photo": "/etc/passwd", "names": "cat"}, "no base64"),
        ({"photo": "http://127.0.0.1:1/", "names": "cat"}, "addresses are not fetched"),
        ({"photo": "eA==", "names": ""}, "not an image"),
    ],
)
def test_assistants_are_told_what_is_wrong(address, given, why):
    answer: CallToolResult = talk(address, lambda session: session.call_tool("segment", given))
    assert answer.isError
    assert why in answer.content[0].text


def test_assistants_have_three_tools_and_no_other(address):
    given = {"name": "a", "photos": ["eA=="]}
    answer: CallToolResult = talk(address, lambda session: session.call_tool("teach", given))
    assert answer.isError
    assert "tool" in answer.content[0].text


def test_the_page_lists_the_same_tools(address):
    """In its dialog "Use via API or MCP"."""
    listed = httpx.get(f"{address}gradio_api/mcp/schema", timeout=30).json()
    assert [tool["name"] for tool in listed] == ["segment", "discover", "search"]


def test_assistants_have_one_way_in(address):
    for way in ("sse", "messages/"):
        assert httpx.post(f"{address}gradio_api/mcp/{way}").status_code == 404
    with httpx.stream("GET", f"{address}gradio_api/mcp/sse", timeout=5) as reply:
        assert reply.status_code == 404
