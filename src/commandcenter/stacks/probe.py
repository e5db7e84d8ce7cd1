"""Asking a service for its health, once, by its real protocol."""

import asyncio
import struct
import time
from dataclasses import dataclass, replace

from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.runtimes.errors import RuntimeAwayError
from commandcenter.stacks.prepared import (
    Check,
    CommandCheck,
    HttpCheck,
    PostgresCheck,
    RedisCheck,
    TcpCheck,
)

_MAX_WORDS = 300
_MAX_ANSWER_BYTES = 8192
_FIRST_ERROR = 400
_POSTGRES_PROTOCOL = 3 << 16
_CANNOT_CONNECT_NOW = "57P03"  # starting up, shutting down or recovering
_GRACE_SECONDS = 2.0
_PROTOCOLS: dict[type[Check], str] = {
    CommandCheck: "command",
    HttpCheck: "http",
    PostgresCheck: "postgres",
    RedisCheck: "redis",
    TcpCheck: "tcp",
}


@dataclass(frozen=True, slots=True)
class Answer:
    healthy: bool
    words: str  # the service's own, for people
    protocol: str = ""
    seconds: float = 0.0  # until it came, or was no longer waited for
    is_known: bool = True  # False: the runtime could not ask it


async def ask(runtime: Runtime, handle: Handle, check: Check, timeout_seconds: float) -> Answer:
    """Return the answer; never raises, and takes hardly longer than its time."""
    began = time.monotonic()
    answer = await _ask(runtime, handle, check, timeout_seconds)
    return replace(answer, protocol=_PROTOCOLS[type(check)], seconds=time.monotonic() - began)


async def _ask(runtime: Runtime, handle: Handle, check: Check, timeout_seconds: float) -> Answer:
    try:
        async with asyncio.timeout(timeout_seconds + _GRACE_SECONDS):
            if isinstance(check, CommandCheck):
                return await _execute(runtime, handle, check, timeout_seconds)
            async with asyncio.timeout(timeout_seconds):
                reader, writer = await runtime.connect(handle, check.port)
                try:
                    return await _speak(check, reader, writer)
                finally:
                    writer.close()
    except TimeoutError:
        return Answer(healthy=False, words=f"no answer within {timeout_seconds:g} s")
    except ProblemError as error:
        away = isinstance(error, RuntimeAwayError)
        return Answer(healthy=False, words=error.detail, is_known=not away)
    except (OSError, EOFError) as error:
        words = error.strerror if isinstance(error, OSError) else "the connection was closed"
        return Answer(healthy=False, words=words or str(error))


async def _speak(
    check: HttpCheck | TcpCheck | RedisCheck | PostgresCheck,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> Answer:
    match check:
        case HttpCheck():
            return await _http(check, reader, writer)
        case RedisCheck():
            return await _redis(check, reader, writer)
        case PostgresCheck():
            return await _postgres(check, reader, writer)
        case TcpCheck():
            return Answer(healthy=True, words=f"port {check.port} accepts connections")


async def _http(
    check: HttpCheck, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Answer:
    request = (
        f"GET {check.path} HTTP/1.1\r\nHost: localhost:{check.port}\r\n"
        "User-Agent: commandcenter\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
    writer.write(request.encode())
    line = await _line(reader)
    parts = line.split(" ", 2)
    if not line.startswith("HTTP/") or len(parts) < 2 or not parts[1].isdigit():  # noqa: PLR2004 - version and status
        return Answer(healthy=False, words=f"GET {check.path}: it does not speak HTTP")
    words = f"GET {check.path}: {' '.join(parts[1:])}"
    return Answer(int(parts[1]) < _FIRST_ERROR, words[:_MAX_WORDS].strip())


async def _redis(
    check: RedisCheck, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Answer:
    if check.password is not None:
        given = check.password.encode()
        writer.write(b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%b\r\n" % (len(given), given))
        answer = await _line(reader)
        if not answer.startswith("+"):
            return Answer(healthy=False, words=answer.lstrip("-")[:_MAX_WORDS])
    writer.write(b"*1\r\n$4\r\nPING\r\n")
    answer = (await _line(reader)).lstrip("+-")
    return Answer(answer == "PONG", answer[:_MAX_WORDS] or "no answer")


async def _postgres(
    check: PostgresCheck, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Answer:
    fields = b"".join(
        text.encode() + b"\0"
        for text in ("user", check.user, "database", check.database, "application_name", "health")
    )
    body = struct.pack("!I", _POSTGRES_PROTOCOL) + fields + b"\0"
    writer.write(struct.pack("!I", len(body) + 4) + body)
    kind, size = struct.unpack("!cI", await reader.readexactly(5))
    if kind != b"E":
        return Answer(healthy=True, words="accepting connections")
    rest = await reader.readexactly(min(max(size - 4, 0), _MAX_ANSWER_BYTES))
    told = {part[:1]: part[1:].decode(errors="replace") for part in rest.split(b"\0") if part}
    message = told.get(b"M", "an error")[:_MAX_WORDS]
    if told.get(b"C") == _CANNOT_CONNECT_NOW:
        return Answer(healthy=False, words=f"rejecting connections: {message}")
    return Answer(healthy=True, words=f"accepting connections: {message}")


async def _line(reader: asyncio.StreamReader) -> str:
    try:
        line = await reader.readline()
    except ValueError:  # longer than the buffer
        return "an endless line"
    if not line:
        raise EOFError
    return line.decode(errors="replace").strip()


async def _execute(
    runtime: Runtime, handle: Handle, check: CommandCheck, timeout_seconds: float
) -> Answer:
    done = await runtime.execute(handle, check.command, timeout_seconds=timeout_seconds)
    words = " ".join(done.output.split())[:_MAX_WORDS]
    if done.exit_code is None:
        return Answer(healthy=False, words=words or f"no answer within {timeout_seconds:g} s")
    return Answer(done.exit_code == 0, words or f"exit code {done.exit_code}")
