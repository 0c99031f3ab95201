"""A service that starts before what it stands on."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from services.common.readmodel.initiate import initiate
from sightline.mongod import Mongod, Process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """A process of a service, and a client for it."""

    def __init__(self, process: asyncio.subprocess.Process, http: httpx.AsyncClient) -> None:
        self.process = process
        self.http = http

    async def not_ready(self) -> str:
        """Why it isn't ready, once it says so."""
        for _ in range(600):
            try:
                answer = await self.http.get("/readyz")
                assert answer.status_code == 503
                return str(answer.json()["problems"])
            except httpx.TransportError:
                assert self.process.returncode is None
            await asyncio.sleep(0.05)
        raise AssertionError("it says nothing")

    async def ready(self) -> None:
        while (await self.http.get("/readyz")).status_code != 200:
            assert self.process.returncode is None
            await asyncio.sleep(0.05)


@asynccontextmanager
async def service(name: str, tmp_path: Path, mongo_url: str, **more: str) -> AsyncIterator[Service]:
    port = free_port()
    environment = {
        **os.environ,
        "SIGHTLINE_MONGO_URL": mongo_url,
        "SIGHTLINE_LOG_PATH": str(tmp_path / "log.sqlite"),
        "SIGHTLINE_DATA_DIR": str(tmp_path / "spill"),
        "SIGHTLINE_PORT": str(port),
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{name}", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
            yield Service(process, http)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.timeout(120)
async def test_it_waits_for_a_replica_set_that_is_not_initiated_yet_and_then_serves(tmp_path: Path) -> None:
    prepared = Mongod.prepare(tmp_path / "mongo")
    mongod = Process(prepared)
    try:
        address = f"mongodb://127.0.0.1:{prepared.port}/?directConnection=true"
        async with service("ingest", tmp_path, address) as started:
            assert "isn't initiated" in await started.not_ready()
            assert (await started.http.get("/healthz")).status_code == 200
            write = await started.http.post("/v1/datasets", json={})
            assert write.status_code == 503
            assert write.json()["type"].endswith("/starting")
            assert write.headers["retry-after"]
            await asyncio.to_thread(initiate, prepared.url)
            await started.ready()
            assert (await started.http.post("/v1/datasets", json={})).status_code == 422
    finally:
        mongod.kill()


@pytest.mark.timeout(120)
async def test_it_ends_in_order_while_it_waits(tmp_path: Path) -> None:
    nowhere = f"mongodb://127.0.0.1:{free_port()}/?replicaSet=none&serverSelectionTimeoutMS=500"
    async with service("metrics", tmp_path, nowhere) as started:
        assert "MongoDB doesn't answer" in await started.not_ready()
        started.process.send_signal(signal.SIGTERM)
        _, said = await started.process.communicate()
        assert started.process.returncode == 0
        assert b"waiting for MongoDB" in said
        assert b"Traceback" not in said


@pytest.mark.timeout(120)
async def test_what_no_waiting_can_mend_ends_it_with_the_reason(tmp_path: Path) -> None:
    async with service("ingest", tmp_path, "http://no-mongodb") as started:
        _, said = await started.process.communicate()
        assert started.process.returncode == 1
        assert b"can't be read" in said
        assert b"Traceback" not in said


@pytest.mark.timeout(120)
async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        more = {"SIGHTLINE_PORT": port}
        nowhere = f"mongodb://127.0.0.1:{free_port()}/?replicaSet=none"
        async with service("metrics", tmp_path, nowhere, **more) as started:
            _, said = await started.process.communicate()
            assert started.process.returncode == 1
            assert port.encode() in said
            assert b"Traceback" not in said


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"SIGHTLINE_HOST": "0.0.0.0"}, b"SIGHTLINE_UNAUTHENTICATED_NETWORK=true"),
        ({"SIGHTLINE_GRPC_PORT": "many"}, b"SIGHTLINE_GRPC_PORT: "),
    ],
)
async def test_settings_that_are_wrong_are_said_in_a_line(wrong: dict[str, str], says: bytes, tmp_path: Path) -> None:
    async with service("metrics", tmp_path, "mongodb://nowhere", **wrong) as started:
        _, said = await started.process.communicate()
        assert started.process.returncode == 1
        assert says in said
        assert b"Traceback" not in said


@pytest.mark.timeout(120)
async def test_the_switch_for_networks_is_loud(tmp_path: Path) -> None:
    nowhere = f"mongodb://127.0.0.1:{free_port()}/?replicaSet=none"
    async with service("metrics", tmp_path, nowhere, SIGHTLINE_UNAUTHENTICATED_NETWORK="true") as started:
        assert started.process.stderr is not None
        assert b"NO AUTHENTICATION" in await started.process.stderr.readline()
