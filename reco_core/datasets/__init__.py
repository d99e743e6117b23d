"""Labelled photos, as their official downloads are laid out."""
