"""A stack, from its first process to its last."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from sightline.mongod import Mongod, MongodError
from sightline.stack import leftovers
from sightline.stack.claim import claim
from sightline.stack.keeper import Keeper, Program, spawn
from sightline.stack.options import Options, Refused
from sightline.stack.output import Output
from sightline.stack.ports import free_ports, refuse_taken
from sightline.stack.programs import initiation, mongod_program, service_programs

Ready = Callable[[dict[str, object]], None]

_POLL_SECONDS = 0.05
_FUTILE_STARTS = 3


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
                with contextlib.suppress(asyncio.CancelledError, MongodError, Refused):
                    await starting
                await self._stop()

    async def _start(self) -> None:
        options = self._options
        grpc_port = options.grpc_port or free_ports(options.host, 1)[0]
        if options.mongo_url is not None:
            self._start_services(options.mongo_url, grpc_port)
        else:
            mongod = await asyncio.to_thread(Mongod.prepare, options.mongo_dir)
            keeper = self._keep(mongod_program(mongod))
            # They load while MongoDB starts, and wait for one that takes writes.
            self._start_services(mongod.url, grpc_port)
            await self._initiate(mongod, keeper)
        while True:
            if await _answers_ready(options.host, options.port):
                break
            await asyncio.sleep(_POLL_SECONDS)
        host = options.url.removeprefix("http://").rsplit(":", 1)[0]
        grpc = f"{host}:{grpc_port}"
        self._ready({"url": options.url, "grpc": grpc, "data_dir": str(options.data_dir), "pid": os.getpid()})

    def _start_services(self, mongo_url: str, grpc_port: int) -> None:
        for program in service_programs(self._options, mongo_url, grpc_port):
            self._keep(program)

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


async def _answers_ready(host: str, port: int) -> bool:
    """Whether `GET /readyz` is answered with 200."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        status_line = await asyncio.wait_for(reader.readline(), 5.0)
        return b" 200 " in status_line
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
