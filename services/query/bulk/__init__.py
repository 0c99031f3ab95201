"""Answers of any size: all predictions of a run, all truth of a version, of one moment and piece by piece."""
