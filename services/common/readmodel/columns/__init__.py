"""Runs as columns in memory, kept fresh by the change feed: what every number is counted from."""
