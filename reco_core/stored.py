"""References learned beforehand, laid beside an archive so that a cold start need not learn them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from reco_core.archive import Archive
from reco_core.archive_writer import write_manifest
from reco_core.errors import ArchiveError
from reco_core.structures import Concept, Exemplar

TABLE, TENSORS = "references.json", "references.safetensors"


@dataclass(frozen=True)
class Learned:
    """Concepts that were learned in one way: k exemplars, the method's switches, the context words."""

    k: int
    learning: tuple[bool, ...]
    context: tuple[str, ...]
    concepts: tuple[Concept, ...]


def key(
    name: str, k: int, learning: Sequence[bool], context: Sequence[str], exclude: frozenset[str] = frozenset()
) -> tuple:
    """Everything that a learned concept depends on, but for the model and the archive."""
    return name.casefold(), k, tuple(learning), tuple(context), exclude


def write_references(archive: Archive, groups: Sequence[Learned]) -> None:
    """Lay groups of concepts beside their archive, in place of those there."""
    tables, tensors = [], {}
    for i, group in enumerate(groups):
        exemplars = {c.name: [[e.row, e.similarity, *e.seed, e.support] for e in c.exemplars] for c in group.concepts}
        tables.append({"k": group.k, "learning": group.learning, "context": group.context, "exemplars": exemplars})
        for kind in ("reference", "text"):
            tensors[f"{kind}.{i}"] = torch.stack([getattr(concept, kind) for concept in group.concepts])
    (archive.folder / TABLE).write_text(json.dumps(tables, indent=1) + "\n")
    save_file(tensors, archive.folder / TENSORS)
    write_manifest(archive.folder, {name: value for name, value in archive.manifest.items() if name != "files"})


def read_references(archive: Archive, served: Callable[[Sequence[Exemplar]], bool]) -> dict[tuple, Concept]:
    """An archive's concepts under their `key`; none if it has none.

    served: judges exemplars, see `structures.Concept`.

    Raises:
        ArchiveError: the files are damaged.
    """
    folder: Path = archive.folder
    if not (folder / TABLE).is_file():
        return {}
    try:
        tables = json.loads((folder / TABLE).read_text())
        tensors = load_file(folder / TENSORS)
        out: dict[tuple, Concept] = {}
        for t, table in enumerate(tables):
            for i, (name, rows) in enumerate(table["exemplars"].items()):
                exemplars = tuple(
                    Exemplar(row, similarity, (y, x), support, archive.records[row])
                    for row, similarity, y, x, support in rows
                )
                text, reference = (tensors[f"{kind}.{t}"][i] for kind in ("text", "reference"))
                out[key(name, table["k"], table["learning"], table["context"])] = Concept(
                    name, text, reference, exemplars, served(exemplars)
                )
        return out
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ArchiveError("the archive's stored references are damaged", given=error,
                           remedy="Rebuild the archive") from error  # fmt: skip
