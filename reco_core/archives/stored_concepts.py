"""Concepts learned beforehand, laid beside an archive so that a cold start need not learn them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from safetensors.torch import load, save

from reco_core.archives.archive import READ_ERRORS, Archive
from reco_core.archives.manifest import changing, commit, name_by_contents, read_manifest
from reco_core.errors import ArchiveError
from reco_core.types import Concept, Exemplar, ExemplarStats

VECTOR_KINDS = ("text", "reference")
TABLE, VECTORS = "references", "references_vectors"  # their roles in the manifest


class ConceptKey(NamedTuple):
    """Everything that a learned concept depends on, but for the model and the archive.

    name: casefolded. learning: `Learning.changed`. context: its words; none without context elimination. exclude:
    photos that could not be exemplars.
    """

    name: str
    k: int
    learning: tuple[str, ...]
    context: tuple[str, ...]
    exclude: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LearnedGroup:
    """Concepts that were learned in one way: k exemplars, the method's changed switches, the context words."""

    k: int
    learning: tuple[str, ...]
    context: tuple[str, ...]
    concepts: tuple[Concept, ...]


def write_concepts(archive: Archive, groups: Sequence[LearnedGroup]) -> None:
    """Lay groups of concepts beside their archive, in place of those there.

    Raises:
        ArchiveError: the archive has changed meanwhile, is being changed, or cannot be written.
    """
    tables, tensors = [], {}
    for i, group in enumerate(groups):
        exemplars = {c.name: [_row(e) for e in c.exemplars] for c in group.concepts}
        way = {"k": group.k, "learning": group.learning, "context": group.context}
        tables.append({**way, "exemplars": exemplars, "stats": {c.name: c.stats for c in group.concepts}})
        for kind in VECTOR_KINDS:
            tensors[f"{kind}.{i}"] = torch.stack([getattr(concept, kind) for concept in group.concepts])
    with changing(archive.folder) as work:
        manifest = read_manifest(archive.folder)
        if manifest.parts != archive.manifest.parts:
            raise ArchiveError("the archive has changed meanwhile", given=archive.folder, remedy="Open it again")
        (work / "references.json").write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")
        (work / "references.safetensors").write_bytes(save(tensors))
        found = name_by_contents({TABLE: work / "references.json", VECTORS: work / "references.safetensors"})
        shared = {**manifest.shared, **{role: file.path.name for role, file in found.items()}}
        commit(archive.folder, replace(manifest, shared=shared), {file.path.name: file for file in found.values()})


def _row(exemplar: Exemplar) -> list:
    """An exemplar as a row of the table; why it is one, only where it is for more than its looks."""
    why = [] if exemplar.why == "looks" else [exemplar.why]
    return [exemplar.row, exemplar.similarity, *exemplar.seed, exemplar.support, *why]


def read_concepts(archive: Archive, is_in_archive: Callable[[Sequence[Exemplar]], bool]) -> dict[ConceptKey, Concept]:
    """An archive's concepts; none if it has none.

    is_in_archive: judges exemplars, see `types.Concept`.

    Raises:
        ArchiveError: the files are damaged.
    """
    shared = archive.manifest.shared
    if TABLE not in shared:
        return {}
    try:
        tables = json.loads((archive.folder / shared[TABLE]).read_text(encoding="utf-8"))
        tensors = load((archive.folder / shared[VECTORS]).read_bytes())
        out: dict[ConceptKey, Concept] = {}
        for t, table in enumerate(tables):
            if "stats" not in table:  # of an earlier version: they are learned anew
                continue
            for i, (name, rows) in enumerate(table["exemplars"].items()):
                exemplars = tuple(
                    Exemplar(row, similarity, (y, x), support, archive.records[row], *why)
                    for row, similarity, y, x, support, *why in rows
                )
                text, reference = (tensors[f"{kind}.{t}"][i] for kind in VECTOR_KINDS)
                key = ConceptKey(name, table["k"], tuple(table["learning"]), tuple(table["context"]))
                out[key] = Concept(
                    name, text, reference, exemplars, is_in_archive(exemplars), ExemplarStats(*table["stats"][name])
                )
        return out
    except READ_ERRORS as error:
        raise ArchiveError(
            "the archive's stored references are damaged", given=error, remedy="Rebuild the archive"
        ) from error
