"""Which background words compete with what was asked for."""

from collections.abc import Collection, Sequence

from reco_core.utils.names import names_in
from reco_core.utils.words import words_of

_BUILDINGS = (
    "building, house, home, skyscraper, tower, church, cathedral, temple, mosque, castle, palace, barn, hut, cabin, "
    "shed, garage, hotel, school, shop, store, restaurant, station, city, town, village, facade"
)
# For each background word the names that are another word for it, a kind of it, or consist of it
_MEANT = {
    "wall": f"{_BUILDINGS}, brick, brick wall, stone wall, room",
    "window": f"{_BUILDINGS}, room, glass",
    "door": f"{_BUILDINGS}, room, gate, entrance",
    "building": _BUILDINGS,
    "floor": "ground, carpet, rug, tile, mat, room",
    "ceiling": "roof, room",
    "curtain": "drape, blind, shower curtain",
    "table": "desk, counter, furniture, dining table, coffee table",
    "tree": "forest, wood, jungle, palm, palm tree, plant, bush, hedge, vegetation, foliage, leaf, park, garden",
    "grass": "lawn, meadow, field, pasture, park, garden, plant, vegetation, ground",
    "road": "street, highway, pavement, sidewalk, path, lane, alley, crosswalk, asphalt, ground",
    "fence": "gate, railing, hedge",
    "water": "sea, ocean, lake, river, stream, creek, pond, pool, swimming pool, waterfall, fountain, puddle, wave",
    "sea": "water, ocean, lake, wave",
    "sand": "beach, desert, dune, ground, shore",
    "snow": "ice, glacier",
    "mountain": "hill, cliff, volcano, valley, peak",
    "rock": "stone, boulder, cliff, canyon, stone wall, mountain",
    "soil": "ground, earth, dirt, mud, field",
}
_MEANT_BY = {word: {tuple(words_of(name)) for name in names_in(names)} for word, names in _MEANT.items()}


def competing(background: Sequence[str], asked: Collection[str]) -> tuple[str, ...]:
    """The background words that are something else than what was asked for.

    Whoever asks for water wants the sea too, and whoever asks for a house its windows: "sea" and "window" would take
    them as background. Case, accents and plurals do not matter.
    """
    keys = {tuple(words_of(name)) for name in asked}
    return tuple(
        word for word in background if tuple(words_of(word)) not in keys and not keys & _MEANT_BY.get(word, set())
    )
