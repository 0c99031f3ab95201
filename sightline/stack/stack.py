"""A stack, from its first process to its last."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from sightline.mongod import Mongod, MongodError
from sightline.stack import leftovers
from sightline.stack.claim import claim
from sightline.stack.keeper import Keeper, Program, spawn
from sightline.stack.options import Options, Refused
from sightline.stack.output import Output
from sightline.stack.ports import free_ports, refuse_taken
from sightline.stack.programs import initiation, mongod_program, services

Ready = Callable[[dict[str, object]], None]

_POLL_SECONDS = 0.05
_FUTILE_STARTS = 3
_PATIENCE_SECONDS = 5.0
"""How long a start may take before `up` says what it waits for."""


class Futile(Exception):
    """A program of the stack can't be started as things are."""


class Stack:
    """`run` starts everything, keeps it running, and ends it in order on SIGTERM or SIGINT."""

    def __init__(self, options: Options, ready: Ready, output: Output | None = None) -> None:
        self._options = options
        self._ready = ready
        self._output = output or Output()
        self._keepers: list[Keeper] = []
        self._lives: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Until told to end. `Refused` and `Claimed` come before anything is started."""
        options = self._options
        options.check()
        with claim(options.data_dir, options.url):
            refuse_taken(options.host, options.port, "--port")
            if options.grpc_port:
                refuse_taken(options.host, options.grpc_port, "--grpc-port")
            if ended := leftovers.end(options.data_dir):
                self._output.say(f"ended {len(ended)} processes that an earlier Sightline had left behind")
            self._listen_to_signals()
            starting = asyncio.create_task(self._start())
            stopped = asyncio.create_task(self._stopping.wait())
            try:
                await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    starting.result()
                    await stopped
            finally:
                starting.cancel()
                stopped.cancel()
                with contextlib.suppress(asyncio.CancelledError, MongodError, Refused, Futile):
                    await starting
                await self._stop()

    async def _start(self) -> None:
        options = self._options
        grpc_port = options.grpc_port or free_ports(options.host, 1)[0]
        if options.mongo_url is not None:
            urls = self._start_services(options.mongo_url, grpc_port)
        else:
            mongod = await asyncio.to_thread(Mongod.prepare, options.mongo_dir)
            keeper = self._keep(mongod_program(mongod))
            # They load while MongoDB starts, and wait for one that takes writes.
            urls = self._start_services(mongod.url, grpc_port)
            await self._initiate(mongod, keeper)
        await self._until_ready(urls["query"])
        host = options.url.removeprefix("http://").rsplit(":", 1)[0]
        grpc = f"{host}:{grpc_port}"
        where = {"url": options.url, "grpc": grpc, "services": urls}
        self._ready({**where, "data_dir": str(options.data_dir), "pid": os.getpid()})

    def _start_services(self, mongo_url: str, grpc_port: int) -> dict[str, list[str]]:
        """The addresses of each service's processes."""
        wanted = services(self._options, mongo_url, grpc_port)
        for program in wanted.programs:
            self._keep(program)
        return wanted.urls

    async def _until_ready(self, urls: list[str]) -> None:
        """Wait for the processes at these addresses; where that takes long, say what is missing."""
        quiet_until = time.monotonic() + _PATIENCE_SECONDS
        told = ""
        for url in urls:
            while problem := await _problem(url):
                self._refuse_futile_starts()
                if problem != told and time.monotonic() > quiet_until:
                    self._output.say(f"not ready yet: {problem}")
                    told = problem
                await asyncio.sleep(_POLL_SECONDS)

    def _refuse_futile_starts(self) -> None:
        for keeper in self._keepers:
            if keeper.gave_up and keeper.deaths >= _FUTILE_STARTS:
                raise Futile(f"{keeper.program.name} can't go on, and another start doesn't help: it says why above")

    async def _initiate(self, mongod: Mongod, keeper: Keeper) -> None:
        """Make the private MongoDB's replica set, once it listens."""
        while keeper.pid is None or not mongod.listens(keeper.pid):
            if keeper.deaths >= _FUTILE_STARTS:
                raise MongodError(f"MongoDB doesn't start: {mongod.failure()}")
            await asyncio.sleep(_POLL_SECONDS)
        process = await spawn(Program("mongod", initiation(mongod.url), os.environ, mongod.directory))
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise MongodError(said.decode(errors="replace").strip())

    def _keep(self, program: Program) -> Keeper:
        keeper = Keeper(program, self._output, self._write_down)
        self._keepers.append(keeper)
        self._lives.append(asyncio.create_task(keeper.run(), name=program.name))
        return keeper

    async def _stop(self) -> None:
        """Services first, together; what they stand on after them."""
        mongod = [keeper for keeper in self._keepers if keeper.program.name == "mongod"]
        services = [keeper for keeper in self._keepers if keeper not in mongod]
        for group in (services, mongod):
            await asyncio.gather(*(keeper.stop() for keeper in group))
        await asyncio.gather(*self._lives)
        self._write_down()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if self._stopping.is_set():
                self._output.say("asked a second time: ending at once")
                for keeper in self._keepers:
                    keeper.kill()
            else:
                self._output.say("ending")
            self._stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, stop)

    def _write_down(self) -> None:
        pids = [keeper.pid for keeper in self._keepers if keeper.pid is not None]
        # A full disk is no reason to stop looking after them.
        with contextlib.suppress(OSError):
            leftovers.write_down(self._options.data_dir, pids)


async def _problem(url: str) -> str:
    """What keeps the service at an address from being ready, by `GET /readyz`; empty: nothing."""
    at = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(at.hostname, at.port)
    except OSError:
        return "it takes no connections"
    try:
        writer.write(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        head, _, body = (await asyncio.wait_for(reader.read(), 5.0)).partition(b"\r\n\r\n")
        if b" 200 " in head.partition(b"\r\n")[0]:
            return ""
        problems: dict[str, str] = json.loads(body)["problems"]
        return "; ".join(f"{name}: {problem}" for name, problem in problems.items())
    except (OSError, TimeoutError, ValueError, KeyError):
        return "it doesn't answer"
    finally:
        writer.close()
