"""The environment of processes under test."""

import os


def plain_environment(url: str | None = None) -> dict[str, str]:
    """Ours without what would change them, and with the address of their server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")}
    return kept if url is None else kept | {"SIGHTLINE_URL": url}
