"""Where an archive's photos come from: folders, zip and tar files, tables, data sets of the hub, addresses."""
