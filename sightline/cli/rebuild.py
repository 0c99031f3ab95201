"""`sightline rebuild`: on what it runs, and what it says."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import typer

from sightline import ops
from sightline.cli import show
from sightline.cli.outcome import Exit, Stop
from sightline.cli.phases import PhaseBars
from sightline.mongod import Mongod, MongodError, Process, running_url
from sightline.stack import Claimed, Options, Refused, tether
from sightline.stack.claim import claim, claimed_by
from sightline.stack.programs import initiation, kafka_environment


def rebuild(options: Options, what: str, *, anew: bool, as_json: bool) -> None:
    """Do one of `--compare`, `--swap` and `--drop-old`; exit code 3 where a comparison found differences."""
    try:
        with _ground(options, what) as mongo_url, PhaseBars() as bars:
            done = ops.run(
                "rebuild",
                what,
                *(["--anew"] if anew else []),
                progress=bars.show,
                environment=_environment(options, mongo_url),
            )
    except (Claimed, Refused) as error:
        raise Stop(Exit.REFUSED, str(error)) from error
    except MongodError as error:
        raise Stop(Exit.FAILURE, str(error)) from error
    except ops.OpsError as error:
        raise Stop(Exit.REFUSED if error.refused else Exit.FAILURE, str(error)) from error
    except KeyboardInterrupt:
        sys.stderr.write(f"sightline: stopped; the same command goes on: {shlex.join(['sightline', *sys.argv[1:]])}\n")
        raise typer.Exit(130) from None
    show.as_json(done) if as_json else show.rebuilt(what, done)
    if not done.get("equal", True):
        raise typer.Exit(Exit.REJECTED_ITEMS)


@contextlib.contextmanager
def _ground(options: Options, what: str) -> Generator[str]:
    """The address of MongoDB: the one that is named, that of a running `up`, or the data directory's own, started here.

    Nothing is started on the data directory meanwhile, unless something runs there already.
    """
    options.check()
    if options.kafka is not None and options.mongo_url is not None:  # nothing lies on this machine
        yield options.mongo_url
        return
    holder = claimed_by(options.data_dir)
    if holder is not None:
        if what == "--swap":
            raise Refused(f"Sightline runs on {options.data_dir}{holder}: stop it, and swap then")
        yield options.mongo_url or running_url(options.mongo_dir)
        return
    if not options.data_dir.is_dir():
        raise Refused(f"--data-dir {options.data_dir}: there is no such directory")
    with claim(options.data_dir, "sightline rebuild"):
        if options.mongo_url is not None:
            yield options.mongo_url
            return
        mongod = Mongod.prepare(options.mongo_dir)
        process = Process(mongod, before=(sys.executable, tether.__file__, str(os.getpid())))
        try:
            _run(initiation(mongod.url))
            yield mongod.url
        finally:
            process.stop()


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MongodError(done.stderr.strip())


def _environment(options: Options, mongo_url: str) -> Mapping[str, str]:
    told: dict[str, Any] = {
        "SIGHTLINE_MONGO_URL": mongo_url,
        "SIGHTLINE_LOG_PATH": str(options.log_path),
        **kafka_environment(options, os.environ),
    }
    if options.mongo_database is not None:
        told["SIGHTLINE_MONGO_DATABASE"] = options.mongo_database
    if options.kafka is None:  # what the environment says of a cluster is about another log
        told["SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS"] = ""
    return told
