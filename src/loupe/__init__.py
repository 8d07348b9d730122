"""Loupe: from a pile of small labelled images to a classifier that a person can trust."""

__version__ = "0.1.0"
