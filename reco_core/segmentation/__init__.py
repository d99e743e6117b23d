"""The method, pure: tensors in, tensors out. No files, no devices, no plots."""
