"""The proxy outside the sandboxes: HTTP and CONNECT to allowed destinations, nothing else.

It runs in a process of its own without privileges (see `egress`), because what it reads comes from
agents and from the network.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from commandcenter.runner.egress_policy import (
    Destination,
    EgressPolicy,
    EgressRefusedError,
    check_address,
    literal_address,
    parse_destination,
)

_MAX_HEAD_BYTES = 32 * 1024
_HEAD_SECONDS = 30.0
_CONNECT_SECONDS = 15.0
_IDLE_SECONDS = 900.0
_MAX_CONNECTIONS = 64
_CHUNK_BYTES = 64 * 1024
_HOP_HEADERS = (b"proxy-", b"connection:", b"keep-alive:", b"host:", b"te:", b"upgrade:")

Resolve = Callable[[Destination], Awaitable[list[str]]]


class _AnswerError(Exception):
    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status


async def resolve(destination: Destination) -> list[str]:
    """The addresses of a destination, asked for once."""
    if literal_address(destination.host) is not None:
        return [destination.host]
    found = await asyncio.get_running_loop().getaddrinfo(
        destination.host, destination.port, type=socket.SOCK_STREAM
    )
    return [str(entry[4][0]) for entry in found]


class EgressProxy:
    """Serves one sandbox. `say` is told every refusal, for the attempt's log."""

    def __init__(
        self, policy: EgressPolicy, say: Callable[[str], None], resolver: Resolve = resolve
    ) -> None:
        self._policy = policy
        self._say = say
        self._resolve = resolver
        self._connections = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections > _MAX_CONNECTIONS:
                raise _AnswerError("503 Busy", "too many connections at once")  # noqa: TRY301
            await self._serve(reader, writer)
        except _AnswerError as error:
            body = f"{error}\n".encode()
            writer.write(
                f"HTTP/1.1 {error.status}\r\nContent-Type: text/plain\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        except Exception as error:  # noqa: BLE001 - one connection's failure must not hide
            self._say(f"network: the proxy failed, {error!r}")
        finally:
            self._connections -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise _AnswerError("431 Too Large", "the request's head is too large") from None
        first, _, headers = head.partition(b"\r\n")
        parts = first.decode("latin-1").split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):  # noqa: PLR2004
            raise _AnswerError("400 Bad Request", "not an HTTP request")
        method, target, _ = parts
        if method == "CONNECT":
            upstream = await self._connect(_destination(target, None))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            upstream, request = await self._plain(method, target, headers)
            upstream[1].write(request)
        await _relay(reader, writer, *upstream)

    async def _plain(
        self, method: str, target: str, headers: bytes
    ) -> tuple[tuple[asyncio.StreamReader, asyncio.StreamWriter], bytes]:
        try:
            url = urlsplit(target)
        except ValueError:
            raise _AnswerError("400 Bad Request", "not a URL") from None
        if url.scheme != "http" or not url.netloc or "@" in url.netloc:
            raise _AnswerError("400 Bad Request", "this is a proxy: use an absolute http:// URL")
        destination = _destination(url.netloc, 80)
        upstream = await self._connect(destination)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        kept = [
            line
            for line in headers.split(b"\r\n")
            if line and not line.lower().startswith(_HOP_HEADERS)
        ]
        start = f"{method} {path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close".encode()
        return upstream, b"\r\n".join([start, *kept, b"", b""])

    async def _connect(
        self, destination: Destination
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Check the name, resolve it once, check the address, dial that address."""
        try:
            self._policy.check_name(destination)
            async with asyncio.timeout(_CONNECT_SECONDS):
                addresses = await self._resolve(destination)
            for text in addresses:
                address = literal_address(text.partition("%")[0])
                if address is None:
                    raise EgressRefusedError(f"{destination} has no usable address")  # noqa: TRY301
                check_address(destination, address)
        except EgressRefusedError as error:
            self._say(f"network: refused, {error}")
            raise _AnswerError("403 Forbidden", str(error)) from None
        except (OSError, TimeoutError) as error:
            raise _AnswerError("502 Bad Gateway", f"{destination}: {error}") from None
        last: Exception = OSError("it has no address")
        for text in addresses:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(text, destination.port)
            except (OSError, TimeoutError) as error:
                last = error
        raise _AnswerError("502 Bad Gateway", f"{destination} cannot be reached: {last}")


def _destination(text: str, default_port: int | None) -> Destination:
    try:
        return parse_destination(text, default_port=default_port)
    except ValueError as error:
        raise _AnswerError("400 Bad Request", str(error)) from None


async def _relay(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream_reader: asyncio.StreamReader,
    upstream_writer: asyncio.StreamWriter,
) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, upstream_writer))
            group.create_task(_pump(upstream_reader, writer))
    except* (OSError, TimeoutError):
        pass
    finally:
        upstream_writer.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while True:
        async with asyncio.timeout(_IDLE_SECONDS):
            data = await source.read(_CHUNK_BYTES)
            if not data:
                break
            target.write(data)
            await target.drain()
    if target.can_write_eof():
        target.write_eof()


async def serve(listener: socket.socket, proxy: EgressProxy) -> asyncio.Server:
    return await asyncio.start_server(proxy.handle, sock=listener, limit=_MAX_HEAD_BYTES)
