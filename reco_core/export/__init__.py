"""Results as files: overlay, label map and JSON of a photo; masks, cut-outs, COCO, YOLO and a table for other tools."""

from reco_core.export.report import (
    FOUND_FROM,
    describe,
    describe_discovery,
    is_found,
    label_image,
    write_discovery,
    write_report,
)

__all__ = ["FOUND_FROM", "describe", "describe_discovery", "is_found", "label_image", "write_discovery", "write_report"]
