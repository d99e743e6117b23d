"""Gradio's controls as this page uses them."""

from typing import Any

import gradio as gr

from reco_app.components.photo_input import PhotoInput


def html(value: str | None = None, **options: Any) -> gr.HTML:
    """HTML of ours, in our styles only."""
    return gr.HTML(value, apply_default_css=False, **options)


def text_line(label: str, elem_id: str, value: str = "", **options: Any) -> gr.Textbox:
    """A box of one line."""
    return gr.Textbox(value or None, label=label, lines=1, max_lines=1, elem_id=elem_id, **options)


def photo_input(label: str, elem_id: str, height: int, value: str | None = None, **options: Any) -> PhotoInput:
    """A photo from a file, the clipboard or a camera."""
    sources = options.pop("sources", ["upload", "clipboard", "webcam"])
    return PhotoInput(value, type="filepath", sources=sources, label=label, height=height, elem_id=elem_id, **options)


def photo_drop(elem_id: str) -> gr.File:
    """Many photos, or zips of them; see `visitor.uploads`."""
    kinds = ["image", ".heic", ".heif", ".avif", ".zip"]  # not every system knows that these are images
    label = "Photos, or a zip of them"
    return gr.File(file_count="multiple", file_types=kinds, label=label, height=150, elem_id=elem_id)


def fold(label: str, elem_id: str) -> gr.Accordion:
    """What few need, closed at first."""
    return gr.Accordion(label, open=False, elem_id=elem_id, elem_classes="reco-fold")


def download_row(elem_class: str) -> list[gr.DownloadButton]:
    """Buttons for a result's three files."""
    labels = ("Overlay PNG", "Labels PNG", "JSON")
    with gr.Row():
        return [gr.DownloadButton(label, size="sm", min_width=90, elem_classes=elem_class) for label in labels]
