"""metrics: truths, predictions and their pairs; what a run amounts to."""
