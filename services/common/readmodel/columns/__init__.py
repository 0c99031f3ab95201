"""Runs as columns in memory: what whoever counts reads, kept fresh by the change feed."""
