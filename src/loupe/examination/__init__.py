"""What a trained model is worth: metrics, mistakes, curves, calibration."""
