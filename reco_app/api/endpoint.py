"""A function as a named endpoint of Gradio's API: its parameters described, its errors sentences."""

import inspect
from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.components.api_component import Api
from gradio.context import get_blocks_context
from gradio.data_classes import GradioRootModel
from gradio_client.utils import is_http_url_like, python_type_to_json_schema

from reco_app.api.arguments import FILES, bound
from reco_app.api.documented import documented
from reco_app.api.given import NO_ADDRESS
from reco_app.api.refusal import refusal
from reco_core.errors import PhotoError

Call = Callable[..., dict]
TEXT = {"type": "string"}


class FileValue(GradioRootModel):
    """What is given as a file. Gradio keeps each caller's last values for an hour; of files it keeps nothing."""

    root: Any

    def model_dump(self, **_: Any) -> None:  # type: ignore[override]
        """Nothing to keep."""


class FileParameter(Api):
    """A parameter that is a file; Gradio checks that a path is an upload's, and nothing is downloaded."""

    data_model = FileValue

    def get_block_name(self) -> str:
        """As the page knows it: of any other name it would look for scripts, and wait for them for ever."""
        return "api"

    def preprocess(self, payload: FileValue | None) -> Any:
        """The value as it was given."""
        return payload.root if payload else None

    async def async_move_resource_to_block_cache(self, url_or_file_path: Any) -> str | None:
        """Uploads stay where they are."""
        if is_http_url_like(str(url_or_file_path)):
            raise refusal(PhotoError("the photo is an address", remedy=NO_ADDRESS))
        return await super().async_move_resource_to_block_cache(url_or_file_path)


def endpoint(call: Call, defaults: dict[str, Any] | None = None, tool: bool = False) -> Call:
    """The function with its arguments checked and its errors refusals. It takes its arguments in order.

    defaults: those that depend on the server. tool: whether MCP offers it.
    """
    plain = inspect.signature(call)
    parameters = [
        parameter.replace(default=(defaults or {}).get(name, parameter.default))
        for name, parameter in plain.parameters.items()
    ]

    def called(*given: Any) -> dict:
        try:
            return call(**bound(called, dict(zip(signature.parameters, given, strict=False))))
        except Exception as error:
            raise refusal(error) from error

    signature = plain.replace(parameters=parameters)
    called.__name__, called.__doc__ = call.__name__, documented(call).lines
    called.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    called.__signature__ = signature  # type: ignore[attr-defined]
    called._mcp_type = "tool" if tool else "none"  # type: ignore[attr-defined]  # where Gradio looks
    return called


def offer(called: Call, lane: str, at_once: int = 1) -> None:
    """Put an endpoint on the page that is being built, under its function's name.

    lane: what it waits in line with. at_once: how many of that line are worked on together.
    """
    said, blocks = documented(called), get_blocks_context()
    inputs = [
        (FileParameter if name in FILES else Api)(
            None if parameter.default is parameter.empty else parameter.default,
            _schema(name, parameter.annotation, said.parameters[name]),
            name,
        )
        for name, parameter in inspect.signature(called).parameters.items()
    ]
    reply = Api(None, {"type": "object", "additionalProperties": {}, "description": said.returns}, "reply")  # type: ignore[dict-item]
    options: dict[str, Any] = {"show_progress": "hidden", "api_name": called.__name__, "trigger_mode": None}
    limits: dict[str, Any] = {"concurrency_id": lane, "concurrency_limit": at_once}
    blocks.set_event_trigger([], called, inputs, [reply], postprocess=False, **options, **limits)  # type: ignore[union-attr]


def offered(blocks: gr.Blocks) -> dict[str, Call]:
    """The endpoints that were put on a page, by name."""
    known = blocks.fns.values()
    return {str(one.api_name): one.fn for one in known if one.fn and one.api_visibility == "public"}


def _schema(name: str, kind: Any, text: str) -> Any:
    files = TEXT if name != "photos" else {"type": "array", "items": TEXT}
    schema = files if name in FILES else python_type_to_json_schema(kind)
    return {**schema, "description": text, "additional_description": text}
