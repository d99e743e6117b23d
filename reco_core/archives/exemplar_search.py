"""Which photos a name is learned from where titles count: those that look like it, and those that are called so."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from reco_core.archives.archive import Archive
from reco_core.segmentation.background_stats import z_score
from reco_core.segmentation.concept_learner import BEST, ENOUGH
from reco_core.types import Retrieved, Why, check_shape

NEAREST = 200  # photos that look like a name and are ranked together with those that are called so
MOST = 1000  # of those that are called so
FUSED = 60  # of reciprocal rank fusion: Cormack et al., SIGIR 2009
KNOWN = 3.0  # standard deviations by which half of what is called so is nearer to a name that the models know


@dataclass(frozen=True)
class NamedPhotos:
    """What an archive has for a name, each best first: photos near to its text, and photos that are called so.

    z: (n,) of those called so, by how many standard deviations they are nearer to the text than the archive's photos
    are. plain: (n,), see `title_search.Called`. served: whether anything in the archive is near to the text.
    """

    near: Retrieved
    called: Retrieved
    z: np.ndarray
    plain: np.ndarray
    served: bool

    def __post_init__(self) -> None:
        for name in ("z", "plain"):
            check_shape(name, getattr(self, name), (len(self.called.rows),))

    @classmethod
    def find(
        cls, archive: Archive, name: str, query: Tensor, k: int, least: float, exclude: frozenset[str] = frozenset()
    ) -> "NamedPhotos":
        """Look in an archive, but for some files.

        query: (D,) norm 1, the name's text as the archive is searched by it. k: so many nearest photos are said to look
        like it. least: mean similarity of the best from which the archive has such a thing (`Preset.in_archive_from`).
        """
        near, called = archive.search(query, max(k, NEAREST), exclude), archive.called(name, exclude)
        called = called.take(slice(MOST))
        similarity = archive.embeddings(called.rows) @ query if len(called.rows) else query[:0]
        z = z_score(similarity[None], query[None], archive.stats["photos"])[0]
        order = np.lexsort((-similarity.numpy(), -called.scores))  # what titles say the same of is told by looks
        rows, looks = called.rows[order], set(near.rows[:k].tolist())
        why: tuple[Why, ...] = tuple("both" if row in looks else "title" for row in rows.tolist())
        found = Retrieved(rows, similarity.numpy()[order], why)
        served = bool(near.similarity[:BEST].mean() >= least) if len(near.rows) else False
        return cls(near, found, z.numpy()[order], called.plain[order], served)

    def fused(self, k: int) -> Retrieved:
        """The first k of both rankings together, by reciprocal ranks.

        If the models know the name, only titles count that say it plainly: "sea horse" does not for "sea".
        """
        counting = _some(self.called, np.flatnonzero(self.plain | (not self.served)))
        points: dict[int, float] = {}
        found: dict[int, tuple[float, Why]] = {}
        for ranking in (self.near, counting):
            hits = zip(ranking.rows.tolist(), ranking.similarity.tolist(), ranking.why, strict=True)
            for rank, (row, similarity, why) in enumerate(hits, 1):
                points[row] = points.get(row, 0) + 1 / (FUSED + rank)
                found[row] = similarity, why
        best = sorted(points, key=lambda row: (-points[row], -found[row][0]))[:k]
        similarities = np.array([found[row][0] for row in best], np.float32)
        return Retrieved(np.array(best, int), similarities, tuple(found[row][1] for row in best))

    def teachers(self, k: int) -> Retrieved | None:
        """At most k of the photos that are called so, if the name has to be learned from them alone; else None.

        That is if there are enough of them and the models do not know the name: nothing in the archive is near to its
        text, or what is near to it is something else.
        """
        if self.plain.sum() >= ENOUGH:
            chosen = np.flatnonzero(self.plain)
        elif len(self.plain) >= ENOUGH and not self.served:
            chosen = np.arange(len(self.plain))  # in some languages the noun comes first
        else:
            return None
        if self.served and np.median(self.z[chosen]) >= KNOWN:
            return None
        return _some(self.called, chosen[:k])


def _some(found: Retrieved, places: np.ndarray) -> Retrieved:
    return Retrieved(found.rows[places], found.similarity[places], tuple(found.why[i] for i in places))
