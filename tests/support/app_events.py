"""Gradio's own API, without its client."""

import json
from typing import Any

import httpx


def events(address: str, name: str, data: list) -> tuple[str, Any]:
    """The last event of a call: its kind, and what it says."""
    call = f"{address}gradio_api/call/{name}"
    event = httpx.post(call, json={"data": data}, timeout=30).json()["event_id"]
    last = httpx.get(f"{call}/{event}", timeout=120).text.rstrip().split("\n\n")[-1]
    kind, _, said = last.removeprefix("event: ").partition("\ndata: ")
    return kind, json.loads(said)
