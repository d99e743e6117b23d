"""The control that people type names into."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components.base import server

from reco_app.components.names_input.name_help import NameHelp
from reco_app.templates import text
from reco_core.utils.names import MAX_LENGTH, MAX_NAMES

FOLDER = "components/names_input/"
SCRIPTS = ("name_list.js", "name_chips.js", "name_choices.js", "names_input.js")
MOST_OWN = 200  # names of a visitor's that are read from a request


class NamesInput(gr.HTML):
    """Names as chips; its value is their text, as `parse_names` reads it, with what is typed but no chip yet.

    Events: `change` of the value, by anyone; `input`, by the visitor; `submit`, by Enter, unless a name is refused.
    """

    is_template = True  # in the page it is Gradio's own HTML

    def __init__(
        self,
        value: str = "",
        *,
        name_help: NameHelp | None = None,
        label: str = "Names",
        placeholder: str = "cat, wall",
        taught: Sequence[str] = (),
        preset: str = "",
        elem_id: str = "names",
        **options: Any,
    ) -> None:
        """name_help: suggestions and remarks; None: there are none.

        Updated with `gr.update`: taught: the visitor's own names. preset: whose archive knows names; "" is the first.
        problem: see `refusal`.
        """
        self._help = name_help
        # Gradio asks for these attributes, and takes one that is missing but named in the script for an event.
        self.placeholder, self.taught, self.preset = placeholder, list(taught), preset
        options |= {"placeholder": placeholder, "taught": self.taught, "preset": preset, "problem": None}
        options |= {"most": MAX_NAMES, "longest": MAX_LENGTH}
        super().__init__(
            value,
            label=label,
            elem_id=elem_id,
            html_template=text(f"{FOLDER}names_input.html"),
            js_on_load="\n".join(text(FOLDER + script) for script in SCRIPTS),
            apply_default_css=False,
            **options,
        )

    @staticmethod
    def refusal(why: str) -> Any:
        """An update that says at the field why its names were refused, in plain text; it goes when they change."""
        return gr.update(problem=[why, time.time_ns()])  # the same words twice are still news

    def get_config(self) -> dict[str, Any]:  # type: ignore[override]
        """Without what differs between visitors: an example that is clicked sets all of this anew."""
        return {key: value for key, value in super().get_config().items() if key not in ("taught", "preset")}

    def preprocess(self, payload: Any) -> str:
        """The names as text; "" if there are none."""
        return payload if isinstance(payload, str) else ""

    def postprocess(self, value: str | None) -> str:
        """Names with commas between."""
        return value or ""

    @server
    def suggest(self, asked: Any) -> list[str]:
        """For the page: names that go on as `typed`, without those that are `chosen`."""
        if self._help is None or not isinstance(asked, Mapping):
            return []
        typed, preset = _texts([asked.get("typed"), asked.get("preset")], 2)
        own, chosen = _texts(asked.get("taught"), MOST_OWN), _texts(asked.get("chosen"), MAX_NAMES)
        return self._help.suggest(typed, preset, own, chosen)

    @server
    def remark(self, asked: Any) -> list[Mapping[str, Any]] | None:
        """For the page: a `NameRemark` for each of `names`; None as long as nothing can be said."""
        if self._help is None or not isinstance(asked, Mapping):
            return None
        (preset,) = _texts([asked.get("preset")], 1)
        own, names = _texts(asked.get("taught"), MOST_OWN), _texts(asked.get("names"), MAX_NAMES)
        remarks = self._help.remarks(names, preset, own)
        return None if remarks is None else [remark._asdict() for remark in remarks]

    def example_payload(self) -> str:
        """For the API's page."""
        return "cat, wall"

    def example_value(self) -> str:
        """For the API's page."""
        return "cat, wall"


def _texts(given: Any, most: int) -> list[str]:
    """Texts of a request, which may hold anything: as many and as long as names may be."""
    listed = given if isinstance(given, list) else []
    return [one[: MAX_LENGTH + 1] if isinstance(one, str) else "" for one in listed[:most]]
