"""The photos that each name was learned from, folded; those that may not be shown are told of in a line."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from reco_app.templates import render
from reco_core.photo_sources.licences import is_open
from reco_core.types import Concept, Exemplar, PhotoRecord

MOST_PICTURES = 240  # in all; with many names each shows fewer
LEAST_PICTURES = 3  # of a name, if it has them
PictureOf = Callable[[Exemplar], tuple[str, bool]]  # a photo's address, "" if there is none, and if it is the visitor's


class Shown(NamedTuple):
    """A photo with its picture. yours: it is the visitor's own."""

    exemplar: Exemplar
    picture: str
    yours: bool


class Learned(NamedTuple):
    """What a name was learned from. photos: how many. shown: with pictures. unseen: without. may_show: whether the
    licences of these would let us.
    """

    name: str
    photos: int
    shown: list[Shown]
    unseen: list[PhotoRecord]
    may_show: bool


def evidence(concepts: Sequence[Concept], picture_of: PictureOf, left_out: Sequence[PhotoRecord] = ()) -> Markup:
    """What `Evidence` shows of concepts, in the order of their colours. left_out: photos of these that were dropped."""
    most = max(LEAST_PICTURES, MOST_PICTURES // max(1, len(concepts)))
    learned = [_learned(concept, picture_of, most) for concept in concepts]
    return render("components/evidence/evidence.html", learned=learned, left_out=left_out)


def _learned(concept: Concept, picture_of: PictureOf, most: int) -> Learned:
    shown, unseen = list[Shown](), list[PhotoRecord]()
    for exemplar in concept.exemplars:
        picture, yours = picture_of(exemplar)
        if picture:
            shown.append(Shown(exemplar, picture, yours))
        else:
            unseen.append(exemplar.record)
    may_show = all(is_open(record.licence, record.open_licence) for record in unseen)
    return Learned(concept.name, len(concept.exemplars), shown[:most], unseen, may_show)
