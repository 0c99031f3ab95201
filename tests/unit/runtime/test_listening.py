"""The ports of a service."""

import socket
from contextlib import ExitStack, closing

import pytest

from services.common.runtime.http import CantListen, listeners
from services.common.runtime.settings import Settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_is_a_process_own_unless_it_is_shared() -> None:
    with ExitStack() as opened:

        def listen(settings: Settings) -> list[int]:
            sockets = [opened.enter_context(closing(each)) for each in listeners(settings)]
            for each in sockets:
                each.listen()
            return [each.getsockname()[1] for each in sockets]

        shared = free_port()
        one, two = (listen(Settings(shared_port=shared)) for _ in range(2))
        assert one[1] == two[1] == shared
        assert one[0] != two[0]
        for port in (shared, one[0]):
            with pytest.raises(CantListen, match=f"port {port}"):
                listeners(Settings(port=port))


def test_where_one_port_cannot_be_had_the_other_is_let_go() -> None:
    port, shared = free_port(), free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", shared))
        taken.listen()
        with pytest.raises(CantListen):
            listeners(Settings(port=port, shared_port=shared))
    for opened in listeners(Settings(port=port, shared_port=shared)):
        opened.close()
