"""Answers: HTTP, gRPC and the page at `/`, from the read model alone."""
