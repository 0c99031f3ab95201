"""Fixtures of all end-to-end tests."""

from tests.e2e.logs import log_options

__all__ = ["log_options"]
