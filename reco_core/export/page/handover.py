"""A `PhotoGraph` as two files that run nothing when they are read: its tensors, and as JSON the rest."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch

from reco_core.export.page.graph import PhotoGraph
from reco_core.methods import Method
from reco_core.models.mini_encoder import MiniEncoder
from reco_core.models.mini_vit import MiniNetwork
from reco_core.models.sentence_encoder import MiniLM
from reco_core.models.weights import load_strictly, read_state_dict, write_tensors
from reco_core.presets import Preset
from reco_core.segmentation.background_stats import BackgroundStats
from reco_core.segmentation.scorers import PhotoScorer
from reco_core.types import Concept, ExemplarStats, References
from reco_core.utils.tables import build

TENSORS, REST = "tensors.safetensors", "rest.json"
STATS = ("photo", "position")
NETWORK = "network."  # before the names of its weights


def write(graph: PhotoGraph, folder: Path) -> None:
    """Lay a graph into a folder, but for the exemplars of its names; raises OSError."""
    encoder, scorer, references = graph.encoder, graph.scorer, graph.references
    concepts = (*references.concepts, *references.background)
    stats = dict(zip(STATS, (scorer.photo_stats, scorer.position_stats), strict=True))
    tensors = {
        **{NETWORK + name: weight for name, weight in graph.network.state_dict().items()},
        **{f"{of}.{part}": values for of, one in stats.items() for part, values in one._asdict().items()},
        "spoken": encoder.spoken,
        "mean_name": encoder.mean_name,
        "aliases": encoder.aliases[0],
        "alias_rows": encoder.aliases[1],
        "kinds": encoder.kinds,
        "excludes": encoder.excludes,
        "texts": torch.stack([concept.text for concept in concepts]),
        "references": torch.stack([concept.reference for concept in concepts]),
    }
    if references.favoured is not None:
        tensors["favoured"] = references.favoured
    rest = {
        "preset": _table(encoder.preset),
        "method": _table(graph.method),
        "weights": encoder.hash,
        "names": [concept.name for concept in concepts],
        "stats": [concept.stats for concept in concepts],
        "asked": len(references.concepts),
    }
    write_tensors(tensors, folder / TENSORS)
    (folder / REST).write_text(json.dumps(rest), encoding="utf-8")


def read(folder: Path) -> PhotoGraph:
    """The graph that was laid into a folder.

    Raises:
        OSError, WeightsError, OptionError: it is not there, or damaged.
    """
    tensors, rest = read_state_dict(folder / TENSORS), json.loads((folder / REST).read_text(encoding="utf-8"))
    state = {name.removeprefix(NETWORK): part for name, part in tensors.items() if name.startswith(NETWORK)}
    network, preset = MiniNetwork.of(state), build(Preset, rest["preset"], REST)
    load_strictly(network, state, "mini", TENSORS)
    aliases, no_text = (tensors["aliases"], tensors["alias_rows"]), cast(MiniLM, None)
    spoken, known = (tensors["spoken"], tensors["mean_name"]), (tensors["kinds"], tensors["excludes"])
    encoder = MiniEncoder(preset, "cpu", rest["weights"], network, no_text, *spoken, aliases, *known)
    photos, positions = (BackgroundStats(tensors[f"{of}.mean"], tensors[f"{of}.covariance"]) for of in STATS)
    rows = zip(rest["names"], tensors["texts"], tensors["references"], rest["stats"], strict=True)
    concepts = tuple(Concept(name, text, seen, stats=ExemplarStats(*shown)) for name, text, seen, shown in rows)
    references = References(concepts[: rest["asked"]], concepts[rest["asked"] :], favoured=tensors.get("favoured"))
    scorer = PhotoScorer(preset.temperatures, preset.presence, photos, positions, encoder.words)
    return PhotoGraph(encoder, scorer, references, build(Method, rest["method"], REST))


def _table(data: Any) -> dict[str, Any]:
    """A dataclass as `build` takes it: without what is None."""
    return asdict(data, dict_factory=lambda pairs: {key: value for key, value in pairs if value is not None})
