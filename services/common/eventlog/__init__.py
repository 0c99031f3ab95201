"""The log: a port, its topics, the embedded implementation, and the run loop on it."""
