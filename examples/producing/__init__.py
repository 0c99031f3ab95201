"""Predictions put straight onto Kafka."""
