"""Results as files: overlay, label map and JSON of a photo; masks, cut-outs, COCO, YOLO and a table for other tools."""

from reco_core.export.answers import FOUND_FROM, Answer, answer, is_found
from reco_core.export.report import describe, describe_discovery, label_image, write_discovery, write_report

__all__ = [
    "FOUND_FROM",
    "Answer",
    "answer",
    "describe",
    "describe_discovery",
    "is_found",
    "label_image",
    "write_discovery",
    "write_report",
]
