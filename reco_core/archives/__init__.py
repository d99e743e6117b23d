"""Archives: what a model knows of many photos, on disk, without their pixels."""
