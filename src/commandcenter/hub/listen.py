"""The socket, bound before anything else is started, so that a taken port costs nothing."""

import errno
import ipaddress
import socket

from commandcenter.hub.errors import PortInUseError, RemoteAccessNotAllowedError
from commandcenter.hub.settings import Settings
from commandcenter.kit.errors import InvalidInputError

_BACKLOG = 1024
_DEAD_PEER_MS = 30_000


class HostUnknownError(InvalidInputError):
    code = "host_unknown"


def bind(settings: Settings) -> socket.socket:
    """Return a listening socket; `PortInUseError` and the like say what to do instead."""
    _refuse_remote(settings)
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise HostUnknownError(
            f"COMMANDCENTER_HOST is {settings.host!r}, and no such address is known here.",
            hint="Use 127.0.0.1.",
        ) from error
    # The protocol is named because asyncio switches Nagle's algorithm off only where it is: else
    # an answer's body waits 40 ms, for the client's delayed acknowledgement of its header.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it: a peer that takes no more data is dropped in the end.
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_PEER_MS)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _explain(settings, error) from error
    listener.setblocking(False)
    return listener


def _refuse_remote(settings: Settings) -> None:
    if settings.allow_remote_access or settings.host == "localhost":
        return
    try:
        is_loopback = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise RemoteAccessNotAllowedError(
            f"COMMANDCENTER_HOST is {settings.host}: other machines could reach the hub there.",
            hint="If that is wanted, put TLS in front of it, set COMMANDCENTER_PUBLIC_URL, and "
            "start it with COMMANDCENTER_ALLOW_REMOTE_ACCESS=true.",
        )


def _explain(settings: Settings, error: OSError) -> Exception:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return PortInUseError(
            f"Port {settings.port} on {settings.host} is in use by another program.",
            hint="If a hub runs there, use it or stop it. Else choose another port with "
            "--port 3334 (COMMANDCENTER_PORT; 0 takes any free one); a second hub needs "
            "a --data-directory of its own, too.",
            fields={"port": settings.port},
        )
    if error.errno == errno.EACCES:
        return PortInUseError(
            f"This user may not listen on {where}: ports below 1024 belong to root.",
            hint="Choose another port: --port 3333 (COMMANDCENTER_PORT).",
            fields={"port": settings.port},
        )
    return HostUnknownError(f"Cannot listen on {where}: {error.strerror}.", hint="Use 127.0.0.1.")
