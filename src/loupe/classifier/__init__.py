"""The model file: load it, predict with it, read its card."""
