"""Spaces by name, as a TOML file would hold them."""

from typing import Any

SPACES: dict[str, dict[str, Any]] = {
    # For about 20 minutes: what decides most in small networks, around `fast`.
    "small": {
        "base": "fast",
        "description": "Small convolutional networks around the recipe fast.",
        "vary": {
            "network": [
                "{first}C5v/2b-{second}C3p2b-{third}C3b-{third}C3p2b",
                "{first}C3p2b-{second}C3b-{second}C3p2b-{third}C3b",
                "{first}C3p2b-{second}C3b-{third}C3p2b",
            ],
            "test_shifts": [False, True],
            "test_mirror": [False, True],
            "learning_rate": {"low": 0.3, "high": 2.5, "log": True, "of_base": True},
            "batch_size": {"low": 0.5, "high": 2.0, "log": True, "of_base": True},
            "epochs": {"low": 0.5, "high": 2.0, "log": True, "of_base": True},
            "weight_decay": {"low": 0.001, "high": 0.1, "log": True},
            "label_smoothing": [0.0, 0.05, 0.1],
            "focus": [0.4, 0.5, 0.7, 1.0],
            "augmentation.rotation": {"low": 0.0, "high": 10.0},
            "augmentation.shift": {"low": 0.0, "high": 2.0},
            "activation": ["relu", "gelu", "silu"],
        },
        "parts": {"first": [16, 24, 32], "second": [32, 48, 64], "third": [64, 96, 128]},
    },
    # Post 004 varied these by hand, and kept the best: `cnn-bn` is what came out.
    "post-004": {
        "base": "cnn-bn",
        "description": "The search of post 004, which ended with cnn-bn.",
        "fixed": {"patience": 5, "keep": "best"},
        "vary": {
            "learning_rate": [0.001, 0.025, 0.0001],
            "batch_size": [128, 64, 32],
            "epochs": [20, 30, 100],
            "optimizer": ["adam", "rmsprop", "sgd"],
            "activation": ["relu", "elu", "leaky_relu", "tanh", "sigmoid"],
            "network": [
                "64C3v-64C3v-MP2{norm}{drop}-128C3v-128C3v-MP2{norm}{drop}-256C3v-MP2{norm}{drop}-512N",
                "32C3v-MP2{norm}{drop}-64C3v-MP2{norm}{drop}-128N",
                "64C3v-MP2{norm}{drop}-128C3v-MP2{norm}{drop}-512N{drop}",
            ],
        },
        "parts": {"norm": ["", "-BN"], "drop": ["", "-DO.25", "-DO.5"]},
    },
    # What is decided first, in few and quick trials.
    "first": {
        "base": "fast",
        "description": "The few settings that are decided first.",
        "vary": {
            "learning_rate": {"low": 0.2, "high": 3.0, "log": True, "of_base": True},
            "batch_size": {"low": 0.5, "high": 2.0, "log": True, "of_base": True},
            "epochs": {"low": 0.5, "high": 2.0, "log": True, "of_base": True},
        },
    },
}
