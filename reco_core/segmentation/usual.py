"""The method of people who name none; known before any model is loaded."""

from reco_core.presets import Preset
from reco_core.segmentation import crf


def usual_method(preset: Preset) -> str:
    """What people get who name no method: the preset's, reco2 with its fast CRF where one is installed."""
    return "reco2_crf" if preset.method == "reco2" and not crf.unavailable() else preset.method
