"""The words that discovery names things with: ImageNet-21k's names and words for stuff, and what is a kind of what.

    python tools/vocabulary.py /usr/share/wordnet

writes assets/vocabulary/nouns.tsv: name, how often WordNet's tagged texts have it, and the rows of the kinds that it is
of. The names are those that timm carries, each by its first lemma that no more frequent sense has taken. What is a
kind of
what comes from WordNet 3.0 (Debian: apt-get install wordnet-base); a kind that is not among the names is skipped, and
what lies below it moves up.

Kinds of person are left out, "person" itself stays: ImageNet-21k has 2,835 of them (criminals, addicts, peoples), and
no photo shows whether they are true.
"""

import sys
from pathlib import Path

from timm.data import ImageNetInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from wordnet import Nouns

from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS
from reco_core.zeroguidance.vocabulary import NOUNS

SUBSET, COUNT = "imagenet-22k", 21_841
PERSON = "00007846"
STUFF = (
    "cloud",
    "lawn",
    "meadow",
    "bush",
    "hedge",
    "leaf",
    "flower",
    "forest",
    "ground",
    "mud",
    "gravel",
    "stone",
    "ice",
    "river",
    "lake",
    "wave",
    "beach",
    "hill",
    "brick",
    "roof",
    "stairs",
    "carpet",
    "tile",
    "wood",
    "metal",
    "glass",
    "paper",
    "cloth",
    "leather",
    "fur",
    "street",
    "pavement",
    "railway",
    "bridge",
    "house",
    "food",
    "vegetable",
    "fruit",
    "meat",
    "smoke",
    "fire",
    "light",
    "text",
    "crowd",
    "tower",
    "shelf",
    "blanket",
    "towel",
    "pillow",
    "cardboard",
    "wallpaper",
)


def counts(folder: Path) -> dict[tuple[str, int], int]:
    """Of nouns: how often a word stands in one of its senses, by word and number of the sense."""
    found = {}
    for line in (folder / "cntlist.rev").read_text(encoding="latin-1").splitlines():
        key, sense, count = line.split()
        word, _, kind = key.partition("%")
        if kind.startswith("1:"):
            found[word.replace("_", " "), int(sense)] = int(count)
    return found


def rank(nouns: Nouns, word: str, synset: str) -> int:
    """Which sense of a word a synset is, 1 the most frequent."""
    senses = nouns.senses.get(word.lower(), [])
    return senses.index(synset) + 1 if synset in senses else 99


def main() -> None:
    folder = Path(sys.argv[1])
    nouns, often, info = Nouns(folder), counts(folder), ImageNetInfo(SUBSET)
    lemmas = {
        info.index_to_label_name(i)[1:]: info.index_to_description(i, detailed=False).split(", ") for i in range(COUNT)
    }
    for word in (*BACKGROUND_WORDS, *CONTEXT_WORDS, *STUFF):
        for synset in nouns.senses[word][:1]:
            lemmas[synset] = [word, *lemmas.get(synset, [])]
    above = {synset: nouns.above(synset) for synset in lemmas}
    kept = sorted(synset for synset in lemmas if synset == PERSON or PERSON not in above[synset])
    chosen: dict[str, str] = {}  # name -> synset
    for synset in sorted(kept, key=lambda s: (rank(nouns, lemmas[s][0], s), s)):
        taken = {name.lower() for name in chosen}
        free = [lemma for lemma in lemmas[synset] if lemma.lower() not in taken]
        if free:
            chosen[free[0]] = synset
    rows = {synset: i for i, synset in enumerate(chosen.values())}

    def kinds(synset: str) -> list[int]:
        """Rows of the nearest synsets above that are among the names."""
        found: set[int] = set()
        for parent in nouns.parents[synset]:
            found |= {rows[parent]} if parent in rows else {*kinds(parent)}
        return sorted(found)

    lines = []
    for name, synset in chosen.items():
        words = [name, *lemmas[synset]]
        count = max(often.get((word.lower(), rank(nouns, word, synset)), 0) for word in words)
        lines.append(f"{name}\t{count}\t{' '.join(map(str, kinds(synset)))}")
    NOUNS.parent.mkdir(parents=True, exist_ok=True)
    NOUNS.write_text("name\tcount\tkinds\n" + "\n".join(lines) + "\n", encoding="utf-8")
    text = (folder / "data.noun").read_text(encoding="latin-1").splitlines()
    licence = [
        line.split(maxsplit=1)[-1].rstrip() if len(line.split()) > 1 else "" for line in text if line.startswith("  ")
    ]
    (NOUNS.parent / "LICENSE").write_text("\n".join(licence).strip() + "\n", encoding="utf-8")
    print(f"{len(chosen)} names of {COUNT}; {len(lemmas) - len(kept)} kinds of person left out")


if __name__ == "__main__":
    main()
