"""What one benchmark run compares: methods, and how their references are learned."""

from dataclasses import dataclass

import numpy as np

from reco_core.errors import OptionError
from reco_core.methods import Method, find_method
from reco_core.utils.names import names_in

METHODS = ("denseclip", "reco_no_lgc_ce", "reco_no_ce", "reco_no_lgc", "reco_no_text", "reco", "reco_crf", "reco2")
PARTS = names_in(  # the paper's ablation, each part of reco2 taken away, and CRFs
    "denseclip, reco-language-context_elimination, reco_no_lgc_ce, reco_no_ce, reco_no_lgc, reco_no_text, reco, "
    "reco_crf, reco2, reco2-calibrate, reco2-weigh_seeds, reco2-spare_context, reco2-affinity, reco2-gate, "
    "reco2-reference, reco2-language, reco2-words, reco2-others, reco2-expect_background, reco2+crf, reco2_crf"
)
CURVES = ("reco", "reco2")  # drawn against k and against the archive's size
EXEMPLARS = (1, 5, 10, 20, 50)
SHARES = (0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class Variant:
    """One row of a report.

    name: of the row. k: exemplars per concept; None: the preset's. share: of the archive's photos
    that may be exemplars, chosen at random; a smaller share is part of a larger one. background:
    whether background words compete, where the data set has a background.
    """

    name: str
    method: Method
    k: int | None = None
    share: float = 1.0
    background: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or (self.k is not None and self.k < 1):
            raise OptionError(
                "k or share of a variant is out of range",
                given=f"{self.k}, {self.share}",
                expected="k from 1, share in 0..1",
            )


def of_methods(names: tuple[str, ...]) -> tuple[Variant, ...]:
    """A variant for each method, in order, without repeats."""
    return tuple(Variant(name, find_method(name)) for name in dict.fromkeys(names))


def ablation(k: int) -> tuple[Variant, ...]:
    """The paper's ablation and ours: every part, the number of exemplars, the archive's size.

    k: the preset's, which needs no variant of its own.
    """
    parts = of_methods(PARTS)
    alone = Variant("denseclip without background words", find_method("denseclip"), background=False)
    numbers = [Variant(f"{m}, k = {n}", find_method(m), k=n) for m in CURVES for n in EXEMPLARS if n != k]
    sizes = [Variant(f"{m}, {s:.0%} of the archive", find_method(m), share=s) for m in CURVES for s in SHARES if s < 1]
    return (*parts, alone, *numbers, *sizes)


def left_out(files: list[str], share: float, seed: int) -> frozenset[str]:
    """The archive photos that a variant does not use: `files` but for a random share of them."""
    if share == 1:
        return frozenset()
    order = np.random.default_rng(seed).permutation(len(files))
    return frozenset(files[i] for i in order[max(1, round(share * len(files))) :])
