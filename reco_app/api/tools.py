"""MCP: assistants call the endpoints as plain HTTP does, and are shown the overlay as a picture, the rest as JSON
without other files.

Gradio would ask itself through a client that all assistants share: one address and one session for everybody's limits,
and no password.
"""

import json
from http import HTTPStatus
from typing import Any

import gradio as gr
from mcp.types import ImageContent, TextContent
from starlette.requests import Request

from reco_app.api.arguments import bound
from reco_app.api.endpoint import Call, offered
from reco_app.api.inline import PNG
from reco_app.api.routes import called
from reco_app.messages import sentence
from reco_core.errors import RecoError, find


class ToolError(Exception):
    """A sentence for an assistant."""


def show_as_tools(app: gr.Blocks) -> None:
    """Have an app that was launched with `mcp_server` answer so, and show no other endpoint as a tool."""
    if server := getattr(app, "mcp_server_obj", None):
        known = server.tool_to_endpoint.items()
        server.tool_to_endpoint = {tool: name for tool, name in known if name.strip("/") in tools(app)}

        async def call(tool: str, given: dict[str, Any]) -> list[ImageContent | TextContent]:
            name = server.tool_to_endpoint.get(tool, tool).strip("/")
            return contents(await answered(app, server.mcp_server.request_context.request, name, given))

        server.mcp_server.call_tool()(call)  # in place of Gradio's own


def tools(app: gr.Blocks) -> dict[str, Call]:
    """The endpoints that assistants may call, by name."""
    return {name: call for name, call in offered(app).items() if getattr(call, "_mcp_type", "") == "tool"}


async def answered(app: gr.Blocks, asked: Request, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """What an endpoint answers to an assistant, for whom it counts. Raises ToolError: it was refused."""
    try:
        values = bound(find(name[:80], tools(app), "tool"), given).values()
    except RecoError as error:
        raise ToolError(sentence(error)) from error
    # MCP's requests are of an app within the app.
    scope = {**asked.scope, "app": app.app, "root_path": asked.scope.get("app_root_path", "")}
    reply = await called(Request(scope, asked.receive), name, values)
    said: dict[str, Any] = json.loads(bytes(reply.body))
    if reply.status_code != HTTPStatus.OK:
        raise ToolError(said["error"])
    return said


def contents(answer: dict[str, Any]) -> list[ImageContent | TextContent]:
    """How an answer is shown."""
    told, shown = dict(answer), list[ImageContent | TextContent]()
    picture = told.pop("overlay", "")
    told.pop("labels", None)
    if picture:
        shown.append(ImageContent(type="image", data=picture.removeprefix(PNG), mimeType="image/png"))
    return [*shown, TextContent(type="text", text=json.dumps(told, ensure_ascii=False))]
