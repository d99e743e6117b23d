"""Spaces that lend a GPU for the length of a call: such a call runs in a process of its own that has one."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

SECONDS = 60  # for which a GPU is lent at most
P = ParamSpec("P")
T = TypeVar("T")


def on_gpu(work: Callable[P, T]) -> Callable[P, T]:
    """The work with a GPU where the package `spaces` is, else the work itself; to be called before the app is served.

    work: what it takes and gives is pickled there, and what it changes is lost.
    """
    try:
        import spaces
    except ImportError:
        return work
    return spaces.GPU(work, duration=SECONDS)
