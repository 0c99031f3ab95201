"""A way to a stack that holds one upload back in the middle of its body, for as long as a test wants to look."""

from __future__ import annotations

import contextlib
import socket
import threading
import uuid
from io import BufferedIOBase
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import httpx

from services.ingest.catalog import proposed_id, request_id
from sightline.domain.names import DEFAULT_PROJECT
from tests.e2e.stack import Stack

PATIENCE_SECONDS = 120
_CHUNK = 64 << 10


class Gate:
    """Passes everything on to a stack, and of the first upload to `path…:import` only a share, until it is opened.

    The upload gets an Idempotency-Key if it has none, so that its job can be asked for while it runs.
    """

    def __init__(self, stack: Stack, target: str, share: float) -> None:
        self.target = target.encode()
        self.share = share
        self.key = uuid.uuid4().hex
        self._taken = threading.Event()
        self._opened = threading.Event()
        self._stack = stack
        self._held = threading.Event()
        self._answered = threading.Event()
        self._is_cut = False

    def __enter__(self) -> Gate:
        self._server = _Server(self, self._stack.port)
        self._serving = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._serving.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()

    def open(self) -> None:
        """Let the rest of the upload go."""
        self._opened.set()

    def cut(self) -> None:
        """Break the connection of the upload that is held."""
        self._is_cut = True
        self._opened.set()

    def is_held(self) -> bool:
        """Whether the share has gone through."""
        return self._held.is_set()

    def hold(self) -> None:
        """The share has gone through: stand still until opened."""
        self._held.set()
        assert self._opened.wait(PATIENCE_SECONDS)
        if self._is_cut:
            raise ConnectionAbortedError

    def answer(self) -> None:
        """The upload's answer went back to who sent it."""
        self._answered.set()

    def wait_for_answer(self) -> None:
        """Until who sends the upload has its answer."""
        assert self._answered.wait(PATIENCE_SECONDS)

    def take(self, head: bytes) -> bool:
        """Whether a request is the one to hold."""
        method, path, _ = head.split(b" ", 2)
        is_it = method == b"POST" and path.split(b"?")[0].endswith(self.target) and not self._taken.is_set()
        if is_it:
            self._taken.set()
        return is_it

    @property
    def job_id(self) -> str:
        """The import that the upload has begun."""
        return proposed_id("imp", DEFAULT_PROJECT, request_id(self.key))

    def job(self) -> dict[str, Any] | None:
        """That import as the stack shows it; None while the upload isn't held or the import hasn't begun."""
        if not self._held.is_set():
            return None
        answer = httpx.get(f"{self._stack.url}/v1/imports/{self.job_id}", timeout=60)
        return None if answer.status_code == 404 else answer.raise_for_status().json()


class _Server(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, gate: Gate, upstream: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.gate = gate
        self.upstream = upstream


class _Connection(StreamRequestHandler):
    server: _Server
    _carries_it = False

    def handle(self) -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server.upstream)) as upstream:
            threading.Thread(target=self._relay, args=(upstream,), daemon=True).start()
            try:
                while line := self.rfile.readline():
                    self._pass_on(line, upstream)
            finally:  # a close alone isn't heard of while the other thread reads
                upstream.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, line: bytes, upstream: socket.socket) -> None:
        gate = self.server.gate
        is_held = gate.take(line)
        headers: list[bytes] = []
        size = 0
        key = b""
        while (header := self.rfile.readline()) not in (b"\r\n", b""):
            headers.append(header)
            if header.lower().startswith(b"content-length:"):
                size = int(header.split(b":")[1])
            if header.lower().startswith(b"idempotency-key:"):
                key = header.split(b":")[1].strip()
        if is_held and key:
            gate.key = key.decode()
        elif is_held:
            headers.append(b"Idempotency-Key: %s\r\n" % gate.key.encode())
        upstream.sendall(b"".join([line, *headers, b"\r\n"]))
        before = int(size * gate.share) if is_held else size
        _copy(self.rfile, upstream, before)
        if is_held:
            gate.hold()
            self._carries_it = True
        _copy(self.rfile, upstream, size - before)

    def _relay(self, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := upstream.recv(_CHUNK):
                self.connection.sendall(data)
                if self._carries_it:
                    self.server.gate.answer()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _copy(source: BufferedIOBase, target: socket.socket, size: int) -> None:
    while size and (data := source.read(min(size, _CHUNK))):
        target.sendall(data)
        size -= len(data)
