"""Wake-ups between processes of a machine, by datagrams. One may be lost: who waits also looks by itself."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress

from typing_extensions import override

RECORDS = b"r"
MEMBERS = b"m"


class Bell:
    """Rings at ports of this machine, from any thread."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def ring(self, ports: Iterable[int], why: bytes) -> None:
        """Say `why` at each port."""
        for port in ports:
            with suppress(OSError):  # nobody there any more, or a full buffer: then it is awake
                self._socket.sendto(why, ("127.0.0.1", port))

    def close(self) -> None:
        """Ring no more."""
        self._socket.close()


class Ear(asyncio.DatagramProtocol):
    """Listens at a port of its own, chosen by the system."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard = heard

    @classmethod
    async def open(cls, heard: Callable[[bytes], None]) -> tuple[asyncio.DatagramTransport, int]:
        """Call `heard` with what is rung at the port that is given back."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: cls(heard), local_addr=("127.0.0.1", 0))
        return transport, transport.get_extra_info("sockname")[1]

    @override
    def datagram_received(self, data: bytes, addr: object) -> None:
        self._heard(data)
