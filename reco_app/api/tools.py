"""What MCP shows of an answer: the overlay as a picture, the rest as JSON without other files."""

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr
from mcp.types import ImageContent, TextContent

from reco_app.api.inline import PNG


def show_as_tools(app: gr.Blocks) -> None:
    """Have an app that was launched with `mcp_server` answer so."""
    if server := getattr(app, "mcp_server_obj", None):
        server.postprocess_output_data = contents


def contents(answers: Sequence[Any], _: str = "") -> list[ImageContent | TextContent]:
    """In place of `GradioMCPServer.postprocess_output_data`, which writes Python and files."""
    shown: list[ImageContent | TextContent] = []
    for answer in answers:
        told = dict(answer) if isinstance(answer, dict) else {"answer": answer}
        picture = told.pop("overlay", "")
        told.pop("labels", None)
        if picture:
            shown.append(ImageContent(type="image", data=picture.removeprefix(PNG), mimeType="image/png"))
        shown.append(TextContent(type="text", text=json.dumps(told, ensure_ascii=False)))
    return shown
