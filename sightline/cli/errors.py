"""`sightline errors JOB`."""

from __future__ import annotations

from typing import Annotated

import typer

from sightline.cli import options as o


def errors(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Id of an import.")],
    limit: o.Limit = 50,
    url: o.Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all as NDJSON.")] = False,
) -> None:
    """List what an import left out, and why.

    ```
    sightline errors imp_k3e66v5nrosinahg --json > rejected.ndjson
    ```
    """
    import msgspec

    from sightline.cli import show

    with o.connect(url) as client:
        found = client.import_errors(job)
    items = [msgspec.structs.asdict(rejection) for rejection in found]
    if as_json:
        show.as_ndjson(items)
    else:
        show.items(items[:limit], ("number", "where", "code", "message", "uuid"), False, none="nothing was left out")
        if len(items) > limit:
            typer.echo(f"and {len(items) - limit} more: --limit or --json", err=True)
