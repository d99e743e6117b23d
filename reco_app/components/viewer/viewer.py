"""The viewer as a Gradio component; what it does in the browser is in the .js files beside this."""

import json
from pathlib import Path
from typing import Any

import gradio as gr

from reco_app.components.uploaded import uploaded
from reco_app.components.viewer.value import State, View, empty
from reco_app.templates import text
from reco_core.errors import OptionError
from reco_core.export.page.viewer_files import SCRIPTS, STYLES

FOLDER = "components/viewer"


class Viewer(gr.HTML):
    """A photo with coloured masks and the legend of their names; its value is a `View`.

    Events, whose `gr.EventData` has what is in brackets: `compare`, DenseCLIP is wanted as a second layer; `decided`
    (name), the maps of a name are wanted; `teach` (name, files), photos of a name have been given, see `taught`;
    `link` (), the link has been copied. Whoever listens answers with another value of the same photo: zoom and choices
    stay. Its outputs need `show_progress="hidden"`: the viewer shows by itself that something runs, see `tell`.
    """

    is_template = True  # in the page it is Gradio's own HTML

    def __init__(
        self, value: View | None = None, *, elem_id: str = "viewer", upload_bytes: int = 30_000_000, **options: Any
    ) -> None:
        """upload_bytes: of the largest file that may be given to teach a name."""
        super().__init__(
            value or empty(),
            html_template=text(f"{FOLDER}/viewer.html"),
            css_template="".join(text(f"{FOLDER}/{name}.css") for name in STYLES),
            js_on_load="\n".join(text(f"{FOLDER}/{name}.js") for name in SCRIPTS),
            apply_default_css=False,
            elem_id=elem_id,
            elem_classes=["reco-viewer"],
            upload_bytes=upload_bytes,
            **options,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}

    def tell(self, state: State | None, message: str = "") -> str:
        """A script for an event's `js`, which shows a state at once and hands on what it is given.

        state: "running" dims the result; None goes back to what the value says, such as after Cancel.
        """
        said = json.dumps({"detail": {"state": state, "message": message}})
        find = f"document.getElementById({json.dumps(self.elem_id)})"
        return f"(...given) => {{ {find}.dispatchEvent(new CustomEvent('viewer-state', {said})); return given; }}"

    def tell_refusal(self, otherwise: str) -> str:
        """A script for an event that failed: the viewer says what the server said, and Gradio shows in a corner.

        otherwise: said where it said nothing.
        """
        said = "[...document.querySelectorAll('[data-testid=toast-text]')].at(-1)?.textContent.trim()"
        detail = f"{{detail: {{state: said ? 'error' : 'empty', message: said || {json.dumps(otherwise)}}}}}"
        viewer = f"document.getElementById({json.dumps(self.elem_id)})"
        tell = f"const said = {said}; {viewer}.dispatchEvent(new CustomEvent('viewer-state', {detail}));"
        return f"(...given) => {{ setTimeout(() => {{ {tell} }}, 100); return given; }}"  # by then it is shown


def taught(data: gr.EventData) -> tuple[str, list[Path]]:
    """The name and the photos of a `teach` event.

    Raises:
        OptionError: they are not what the viewer sends: files that nobody uploaded, or that are gone.
    """
    name, files = getattr(data, "name", None), getattr(data, "files", None)
    listed = [uploaded(file) for file in files] if isinstance(files, list) else []
    there = [file for file in listed if file and file.is_file()]
    if not (isinstance(name, str) and name and there and len(there) == len(listed)):
        raise OptionError("the photos did not arrive", expected="a name and uploaded files", remedy="Choose them again")
    return name, there
