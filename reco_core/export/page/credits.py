"""Whose work an exported page holds: photos that names were learned from, the models, the runtime."""

from reco_core.presets import Preset
from reco_core.types import Concept, References

HEAD = """Made with ReCo (Apache-2.0). The model: {citation} ({licence}).
It runs on ONNX Runtime Web (MIT), copyright Microsoft Corporation.
No photo is in this page. The names were learned from these photos, whose terms are their owners':
"""


def credits_of(references: References, preset: Preset) -> str:
    """As plain text, a photo a line."""
    head = HEAD.format(citation=preset.features.citation, licence=", ".join(preset.licences))
    return "\n".join((head, *map(_of_concept, references.concepts)))


def _of_concept(concept: Concept) -> str:
    lines = []
    for exemplar in concept.exemplars:
        record = exemplar.record
        whence = record.landing_url or record.source_url
        said = filter(None, (record.title, record.author, record.licence, whence))
        line = "a photo that was given" if exemplar.why == "given" else ", ".join(said) or "a photo of the archive"
        lines.append(f"  {' '.join(line.split())}")
    return "\n".join((f"{concept.name}:", *dict.fromkeys(lines), ""))
