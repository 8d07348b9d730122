"""Training: augmentation, the loop, checkpoints, export."""
