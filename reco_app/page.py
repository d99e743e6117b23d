"""The page as its tabs see it: what a tab is, and what tabs offer one another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import gradio as gr

from reco_app.components.names_input.names_input import NamesInput
from reco_app.components.photo_input import PhotoInput
from reco_app.components.viewer import Viewer
from reco_app.context import AppContext


class Tab(Protocol):
    """A tab. First all are built, in their order, and then all are connected, in the same order."""

    def build(self, context: AppContext) -> None:
        """Make the tab with its controls, all of them inside it: Gradio counts what lies between tabs as tabs."""

    def connect(self, context: AppContext, page: "Page") -> None:
        """Make the controls work."""


class Segmenter(Tab, Protocol):
    """What the other tabs may use of the one that segments.

    photo, names: what is to be segmented. viewer: shows the photo. taught_names: a line about the names that the
    visitor's photos teach. session: holds what a visitor found.
    """

    session: gr.State
    photo: PhotoInput
    names: NamesInput
    viewer: Viewer
    taught_names: gr.HTML

    @property
    def preset(self) -> gr.Dropdown:
        """The models chosen for all tabs."""

    def run_on(self, listen: Callable[..., Any]) -> None:
        """Segment when something happens. listen: registers what an event calls, such as `button.click`."""


@dataclass(frozen=True)
class Page:
    """The whole page. user_photos: holds a visitor's `UserPhotos`."""

    blocks: gr.Blocks
    tabs: gr.Tabs
    user_photos: gr.State
    segment: Segmenter
