"""`sightline up`."""

from __future__ import annotations

import asyncio

import typer

from sightline.cli import show
from sightline.cli.outcome import Exit, Stop
from sightline.mongod import MongodError
from sightline.stack import Claimed, Futile, Options, Ready, Refused, Stack


def serve(options: Options, *, as_json: bool) -> None:
    """Run a stack until it is asked to end."""

    def ready(addresses: dict[str, object]) -> None:
        if as_json:
            show.as_json(addresses)
        else:
            where = f"gRPC {addresses['grpc']}, data in {addresses['data_dir']}"
            typer.echo(f"Sightline is ready: {addresses['url']}  ({where})")

    try:
        asyncio.run(_run(options, ready))
    except (Claimed, Refused) as error:
        raise Stop(Exit.REFUSED, str(error)) from error
    except (MongodError, Futile) as error:
        raise Stop(Exit.FAILURE, str(error)) from error


async def _run(options: Options, ready: Ready) -> None:
    await Stack(options, ready).run()
