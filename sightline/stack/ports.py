"""Ports on this machine."""

from __future__ import annotations

import contextlib
import socket

from sightline.stack.options import Refused


def free_ports(host: str, count: int) -> list[int]:
    """So many different ports that nobody listens on."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(_bound(host, 0)) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]


def refuse_taken(host: str, port: int, option: str) -> None:
    """Say now, and clearly, what a service would find out later."""
    try:
        _bound(host, port).close()
    except PermissionError:
        raise Refused(f"{option} {port}: this user may not listen on it; choose one from 1024 on") from None
    except OSError as error:
        raise Refused(
            f"{option} {port}: another program already listens on {host}:{port} ({error.strerror}); choose another"
        ) from None


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    probe = socket.socket(family, socket.SOCK_STREAM)
    # As the servers do: a port whose connections have just been closed is free.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, port))
    except OSError:
        probe.close()
        raise
    return probe
