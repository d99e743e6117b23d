"""The one photo area of a tab: empty it takes a photo, then it shows it, and then what was found in it."""

from reco_app.components.stage.stage import Stage

__all__ = ["Stage"]
