"""What was used last, as far as it fits into so many bytes."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class ByteCache(Generic[V]):
    """Values by key; of too many bytes those go that were not used for longest. Safe to share between threads.

    The newest is always kept, however large it is.
    """

    def __init__(self, most: int) -> None:
        """most: bytes, see `held`; 0: nothing is kept, else at least the last."""
        self.most = most
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> V | None:
        """The value of a key, which counts as a use of it."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: V) -> V:
        """Keep a value, in place of the one that has this key."""
        size = held(value)
        with self._lock:
            self.bytes += size - self._values.pop(key, (None, 0))[1]
            self._values[key] = value, size
            while self.bytes > self.most and len(self._values) > min(1, self.most):
                self.bytes -= self._values.popitem(last=False)[1][1]
        return value


def held(value: Any) -> int:
    """About how many bytes a value keeps in memory: all of an array's or tensor's, also where it is a part of one."""
    if hasattr(value, "untyped_storage"):
        return value.untyped_storage().nbytes()
    if hasattr(value, "nbytes"):
        return held(value.base) if getattr(value, "base", None) is not None else int(value.nbytes)
    parts: Iterable[Any] = ()
    if isinstance(value, Mapping):
        parts = (*value, *value.values())
    elif isinstance(value, tuple | list | set | frozenset):
        parts = value
    elif is_dataclass(value):
        parts = (getattr(value, one.name) for one in fields(value))
    return sys.getsizeof(value) + sum(map(held, parts))
