"""Small tools that know nothing of segmentation: images, names, files, downloads, progress."""
