"""Services that answer and ask, for the tests of services."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.runtimes.spec import (
    AttemptSpec,
)
from tests.conformance.runtimes.harness import (
    UnderTest,
    service,
)

# Answers every connection with a word, after the client has said that it sends no more.
ANSWER = """
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", 8000))
listener.listen(64)
print("up", flush=True)
while True:
    connection, _ = listener.accept()
    got = b""
    while chunk := connection.recv(65536):
        got += chunk
    connection.sendall(b"%s " + str(len(got)).encode())
    connection.close()
"""
ASK = """
import socket, sys
for host in sys.argv[1:]:
    try:
        connection = socket.create_connection((host, 8000), 2)
        connection.shutdown(socket.SHUT_WR)
        print(host, connection.recv(100).decode())
    except OSError as error:
        print(host, "failed", type(error).__name__)
"""


def answering(word: str, **fields: object) -> AttemptSpec:
    code = ANSWER % word
    return replace(service(name=word, **fields), command=("python", "-c", code))  # type: ignore[arg-type]


async def ask(under: UnderTest, network: str, *hosts: str, name: str = "asking") -> list[str]:
    spec = replace(service(network=network, name=name), command=("python", "-c", ASK, *hosts))
    handle = await under.runtime.start(spec)
    result = await under.runtime.wait(handle)
    assert result.reason is None
    return [line.text for line in await under.lines(handle)]


async def up(under: UnderTest, spec: AttemptSpec, runtime: Runtime | None = None) -> Handle:
    """Start it and wait for its first line."""
    handle = await (runtime or under.runtime).start(spec)
    async with asyncio.timeout(20):
        async for line in under.runtime.logs(handle, follow=True):
            assert line.text == "up", line.text
            break
    return handle


async def fetch(port: int, data: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
