"""Sightline: see where a machine-learning model is wrong while its predictions are still streaming in."""

__version__ = "0.1.0"
