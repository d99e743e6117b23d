"""The curve of a training: what is looked at every so many steps, and which of the looks was best. No labels of
people's.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Look:
    """loss: mean cross-entropy since the last look. On photos that were held out of training, 0..1, None if there are
    none:
    fits: the share of pixels of which ReCo is sure where the network says the same. agrees: the share of pixels
    that the network labels the same in a photo, in its mirror image, and in that at another size.
    """

    step: int
    loss: float
    fits: float | None = None
    agrees: float | None = None

    @property
    def score(self) -> float:
        """What the best look has most of: it does what it was taught. Without held-out photos the last is best.

        `agrees` is no part of it: what knows no outlines is always of one mind.
        """
        return float(self.step) if self.fits is None else self.fits


@dataclass(frozen=True)
class Curve:
    """Looks in the order of their steps."""

    looks: tuple[Look, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.looks)

    @property
    def best(self) -> Look:
        """The look with the highest score, the earliest of equals."""
        return max(self.looks, key=lambda look: look.score)

    def stalled(self, patience: int) -> bool:
        """Whether so many looks have passed since the best."""
        return bool(self.looks) and len(self.looks) - 1 - self.looks.index(self.best) >= patience

    def plain(self) -> list[dict]:
        return [asdict(look) for look in self.looks]

    @classmethod
    def of(cls, plain: Sequence[dict]) -> "Curve":
        """What `plain` said; raises TypeError if it did not."""
        return cls(tuple(Look(**look) for look in plain))
