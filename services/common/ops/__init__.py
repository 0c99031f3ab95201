"""Operators' commands on the log: `python -m services.common.ops COMMAND`, started by the command line."""
