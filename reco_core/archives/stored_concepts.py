"""References learned beforehand, laid beside an archive so that a cold start need not learn them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from safetensors.torch import load_file, save

from reco_core.archives.archive import READ_ERRORS, Archive
from reco_core.archives.manifest import changing, commit, name_by_contents, read_manifest
from reco_core.errors import ArchiveError
from reco_core.types import Concept, Exemplar, Levels

VECTOR_KINDS = ("text", "reference")
TABLE, VECTORS = "references", "references_vectors"  # their roles in the manifest


@dataclass(frozen=True)
class Learned:
    """Concepts that were learned in one way: k exemplars, the method's switches, the context words."""

    k: int
    learning: tuple[bool, ...]
    context: tuple[str, ...]
    concepts: tuple[Concept, ...]


def concept_key(
    name: str, k: int, learning: Sequence[bool], context: Sequence[str], exclude: frozenset[str] = frozenset()
) -> tuple:
    """Everything that a learned concept depends on, but for the model and the archive."""
    return name.casefold(), k, tuple(learning), tuple(context), exclude


def write_references(archive: Archive, groups: Sequence[Learned]) -> None:
    """Lay groups of concepts beside their archive, in place of those there.

    Raises:
        ArchiveError: the archive has changed meanwhile, is being changed, or cannot be written.
    """
    tables, tensors = [], {}
    for i, group in enumerate(groups):
        exemplars = {c.name: [[e.row, e.similarity, *e.seed, e.support] for e in c.exemplars] for c in group.concepts}
        tables.append(
            {
                "k": group.k,
                "learning": group.learning,
                "context": group.context,
                "exemplars": exemplars,
                "levels": {c.name: c.levels for c in group.concepts},
            }
        )
        for kind in VECTOR_KINDS:
            tensors[f"{kind}.{i}"] = torch.stack([getattr(concept, kind) for concept in group.concepts])
    with changing(archive.folder) as work:
        manifest = read_manifest(archive.folder)
        if manifest.parts != archive.manifest.parts:
            raise ArchiveError("the archive has changed meanwhile", given=archive.folder, remedy="Open it again")
        (work / "references.json").write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")
        (work / "references.safetensors").write_bytes(save(tensors))
        found, known = name_by_contents({TABLE: work / "references.json", VECTORS: work / "references.safetensors"})
        shared = {**manifest.shared, **{role: file.name for role, file in found.items()}}
        changed = replace(manifest, shared=shared, files={**manifest.files, **known})
        commit(archive.folder, changed, {file.name: file for file in found.values()})


def read_references(archive: Archive, served: Callable[[Sequence[Exemplar]], bool]) -> dict[tuple, Concept]:
    """An archive's concepts under their `concept_key`; none if it has none.

    served: judges exemplars, see `types.Concept`.

    Raises:
        ArchiveError: the files are damaged.
    """
    shared = archive.manifest.shared
    if TABLE not in shared:
        return {}
    try:
        tables = json.loads((archive.folder / shared[TABLE]).read_text(encoding="utf-8"))
        tensors = load_file(archive.folder / shared[VECTORS])
        out: dict[tuple, Concept] = {}
        for t, table in enumerate(tables):
            if "levels" not in table:  # of an earlier version: they are learned anew
                continue
            for i, (name, rows) in enumerate(table["exemplars"].items()):
                exemplars = tuple(
                    Exemplar(row, similarity, (y, x), support, archive.records[row])
                    for row, similarity, y, x, support in rows
                )
                text, reference = (tensors[f"{kind}.{t}"][i] for kind in VECTOR_KINDS)
                out[concept_key(name, table["k"], table["learning"], table["context"])] = Concept(
                    name, text, reference, exemplars, served(exemplars), Levels(*table["levels"][name])
                )
        return out
    except READ_ERRORS as error:
        raise ArchiveError(
            "the archive's stored references are damaged", given=error, remedy="Rebuild the archive"
        ) from error
