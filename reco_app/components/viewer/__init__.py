"""The viewer: a photo with its masks, drawn in the browser, and the legend of its names."""

from reco_app.components.viewer.value import View, done, empty, failed, heat, layer, named, refused, running
from reco_app.components.viewer.viewer import Viewer, taught

__all__ = ["View", "Viewer", "done", "empty", "failed", "heat", "layer", "named", "refused", "running", "taught"]
