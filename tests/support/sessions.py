"""Visitors' states as Gradio holds them, and the clock that it reads."""

import datetime

import gradio as gr


class Clock(datetime.datetime):
    """Stands in for `datetime.datetime` of Gradio."""

    passed = 0.0

    @classmethod
    def now(cls, tz=None) -> datetime.datetime:
        return datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=cls.passed)


def states(blocks: gr.Blocks) -> dict[str, int]:
    """Where a visitor's things are held, by an event that uses them."""
    events = {"user photos": "show_search", "result": "judge", "discovery": "divide", "training": "tick"}
    held = {}
    for what, name in events.items():
        inputs = next(fn.inputs for fn in blocks.fns.values() if fn.name == name)
        held[what] = next(block._id for block in reversed(inputs) if isinstance(block, gr.State))
    return held
