"""From what people type to a run."""

from __future__ import annotations

from sightline.cli.outcome import Exit, Stop
from sightline.client import ApiError, Client, Run

_RUN_ID = "run_"


def find_run(client: Client, named: str) -> Run:
    """The run with this id, or the only one with this name."""
    if named.startswith(_RUN_ID):
        try:
            return client.run(named)
        except ApiError as error:
            if error.status != 404:
                raise
    found = client.find_runs(name=named)
    if not found:
        raise Stop(Exit.FAILURE, f"no run has the id or name {named!r}: `sightline runs` lists them")
    if len(found) > 1:
        ids = ", ".join(run.run_id for run in found)
        raise Stop(Exit.REFUSED, f"{len(found)} runs are called {named!r}; name one by its id: {ids}")
    return found[0]
