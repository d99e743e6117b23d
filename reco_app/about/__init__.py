"""The About tab: `about.md`."""
