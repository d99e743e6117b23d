"""Results that threads compute ahead of who uses them."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

A = TypeVar("A")
R = TypeVar("R")


def prefetch(function: Callable[[A], R], arguments: Iterable[A], threads: int, ahead: int) -> Generator[R]:
    """What a function gives for each argument, in their order, with so many computed in advance.

    Close it if it is left early: what has not begun by then is not computed.
    """
    todo = iter(arguments)
    with ThreadPoolExecutor(threads) as pool:
        try:
            coming = deque(pool.submit(function, argument) for argument in islice(todo, ahead))
            while coming:
                result = coming.popleft().result()
                coming.extend(pool.submit(function, argument) for argument in islice(todo, 1))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)
