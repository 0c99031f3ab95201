"""Imports: an upload as a job, from its bytes to the events that it becomes."""
