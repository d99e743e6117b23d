"""A result's files to take along: links, whose files are written when they are asked for."""

from reco_app.components.downloads.downloads import Downloads

__all__ = ["Downloads"]
