"""Ports of the host that services ask for: those that are taken are told by their number."""

import re
import socket
from contextlib import suppress

from commandcenter.runtimes.errors import PortTakenError
from commandcenter.runtimes.spec import PublishedPort

_TAKEN = ("port is already allocated", "address already in use")
_WHERE = re.compile(r"(\d+\.\d+\.\d+\.\d+):(\d+)")


def refuse_taken(ports: tuple[PublishedPort, ...]) -> None:
    """Raises `PortTakenError`. What this user may not open is left for the engine to say."""
    for port in ports:
        kind = socket.SOCK_DGRAM if port.protocol == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((port.host, port.host_port))
            except PermissionError:
                continue
            except OSError as error:
                raise taken(port, error.strerror or str(error)) from error


def taken_of(message: str, ports: tuple[PublishedPort, ...]) -> PortTakenError | None:
    """What the engine's refusal to start a container says of a port, if it does."""
    if not any(words in message for words in _TAKEN):
        return None
    for host, number in _WHERE.findall(message):
        for port in ports:
            if (port.host, port.host_port) == (host, int(number)):
                return taken(port, "another program or service has it")
    with suppress(IndexError):
        return taken(ports[0], "another program or service has it")
    return None


def taken(port: PublishedPort, why: str) -> PortTakenError:
    return PortTakenError(
        f"Port {port.host_port} of {port.host} cannot be opened: {why}.",
        hint="Stop the other service or program, or choose another port.",
        fields={"host": port.host, "port": port.host_port},
    )
