"""Measuring methods on labelled photos, and what reports say."""
