"""Run a short command in a running service's container, and connect to its ports."""

import asyncio
import json
import os
import signal
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from commandcenter.runtimes.docker.containers import Containers
from commandcenter.runtimes.docker.engine import Engine, EngineError
from commandcenter.runtimes.errors import NotRunningError, RuntimeAwayError

MAX_OUTPUT_BYTES = 64 * 1024
_HEADER = struct.Struct(">BxxxI")
_NOT_FOUND = 127
_CANNOT_START = (126, 127)
_SHORT_PAUSE_SECONDS = 0.01
# The end of the output tells of the end, unless something left behind holds it open.
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.1, 0.4
_DRAIN_SECONDS = 0.2  # for output that came with the very end
_END_SECONDS = 5.0
_NOT_STARTABLE = ("executable file not found", "no such file or directory", "permission denied")


class Execution:
    """One command; `run` carries it to its end or its time limit."""

    def __init__(self, engine: Engine, name: str, container_id: str) -> None:
        self._engine = engine
        self._name = name
        self._container_id = container_id
        self._id = ""
        self._begun = asyncio.Event()
        self.output = bytearray()

    async def run(self, command: tuple[str, ...], seconds: float) -> int | None:
        """Return the exit code, None if it was killed. Raises `EngineError`, `RuntimeAwayError`."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                self._id = await self._create(command)
        except TimeoutError:
            return None
        seconds -= time.monotonic() - began
        reading = asyncio.create_task(self._read())
        try:
            try:
                async with asyncio.timeout(seconds):
                    return await self._ended(reading)
            except TimeoutError:
                await self._kill()
                return None
        finally:
            # What it left running in the service may hold the stream; that is not waited for.
            with suppress(TimeoutError, EngineError, RuntimeAwayError):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await asyncio.shield(reading)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _create(self, command: tuple[str, ...]) -> str:
        """Return the command's id. A container that is paused takes none, and is waited for."""
        body = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        while True:
            try:
                answer = await self._engine.call("POST", f"containers/{self._name}/exec", body=body)
            except EngineError as error:
                if "is paused" not in error.message:
                    raise
                await asyncio.sleep(_FIRST_PAUSE_SECONDS)
            else:
                return str(answer["Id"])

    async def _ended(self, reading: asyncio.Task[None]) -> int:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            await asyncio.wait({reading}, timeout=pause)
            if not (self._begun.is_set() or reading.done()):
                continue
            told = await self._inspect()
            if not told["Running"] and told.get("ExitCode") is not None:
                return int(told["ExitCode"])
            if reading.done():
                reading.result()
                await asyncio.sleep(_SHORT_PAUSE_SECONDS)
            pause = min(_LAST_PAUSE_SECONDS, pause * 1.5)

    async def _inspect(self) -> dict[str, Any]:
        return dict(await self._engine.call("GET", f"exec/{self._id}/json"))

    async def _read(self) -> None:
        """Take all that comes; what is too much is forgotten."""
        data = json.dumps({"Detach": False, "Tty": False}).encode()
        rest = b""
        async with self._engine.stream("POST", f"exec/{self._id}/start", data=data) as answer:
            self._begun.set()
            async for chunk in answer.content.iter_chunked(MAX_OUTPUT_BYTES):
                rest = self._unpack(rest + chunk)

    def _unpack(self, data: bytes) -> bytes:
        offset = 0
        while len(data) - offset >= _HEADER.size:
            _, length = _HEADER.unpack_from(data, offset)
            if len(data) - offset - _HEADER.size < length:
                break
            start = offset + _HEADER.size
            offset = start + length
            room = MAX_OUTPUT_BYTES - len(self.output)
            if room > 0:
                self.output += data[start : min(offset, start + room)]
        return data[offset:]

    async def _kill(self) -> None:
        """End the command with its process group."""
        with suppress(EngineError, RuntimeAwayError, TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                while True:
                    told = await self._inspect()
                    pid = int(told.get("Pid") or 0)
                    if not told["Running"] and pid:
                        return
                    if pid:
                        await self._kill_group(pid)
                    await asyncio.sleep(_SHORT_PAUSE_SECONDS)

    async def _kill_group(self, pid: int) -> None:
        if not _is_in(pid, self._container_id):
            return
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        except PermissionError:
            await self._kill_inside(pid)

    async def _kill_inside(self, pid: int) -> None:
        """As an ordinary user: another command in the container, which is the same user there."""
        inside = _number_inside(pid)
        if inside is None:
            return
        body = {"Cmd": ["kill", "-KILL", "--", f"-{inside}"]}
        answer = await self._engine.call("POST", f"containers/{self._name}/exec", body=body)
        await self._engine.call("POST", f"exec/{answer['Id']}/start", body={"Detach": True})


async def execute(
    containers: Containers,
    told: dict[str, Any],
    command: tuple[str, ...],
    timeout_seconds: float,
) -> tuple[int | None, bytes, float]:
    """Return exit code, output of both streams, and seconds. Raises `NotRunningError`.

    `told` is the engine's inspection of the running container.
    """
    started = time.monotonic()
    execution = Execution(containers.engine, told["Id"], told["Id"])
    try:
        code = await execution.run(command, timeout_seconds)
    except EngineError as error:
        if any(words in error.message.lower() for words in _NOT_STARTABLE):
            return _NOT_FOUND, _not_found(command), time.monotonic() - started
        raise NotRunningError(
            f"The command cannot be run in the service: {error.message}."
        ) from error
    output = bytes(execution.output)
    if code in _CANNOT_START and b"OCI runtime exec failed" in output:
        return _NOT_FOUND, _not_found(command), time.monotonic() - started
    return code, output, time.monotonic() - started


async def connect(
    told: dict[str, Any], network: str, port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to a port of the container, over its network or its published port.

    Raises ConnectionRefusedError, and OSError when it cannot be reached from here.
    """
    settings = told.get("NetworkSettings") or {}
    address = ((settings.get("Networks") or {}).get(network) or {}).get("IPAddress")
    published = (settings.get("Ports") or {}).get(f"{port}/tcp") or []
    last: OSError | None = None
    if address:
        try:
            return await asyncio.open_connection(address, port)
        except ConnectionRefusedError:
            raise
        except OSError as error:
            last = error
    for place in published:
        with suppress(OSError):
            return await asyncio.open_connection(place["HostIp"], int(place["HostPort"]))
    raise last or OSError(
        0, f"port {port} cannot be reached from here: the engine keeps its networks apart"
    )


def _not_found(command: tuple[str, ...]) -> bytes:
    return f"{command[0]}: no such program in the service\n".encode()


def _is_in(pid: int, container_id: str) -> bool:
    """Whether a process of the host is in that container: a number may have gone to another."""
    with suppress(OSError):
        return container_id in Path(f"/proc/{pid}/cgroup").read_text()
    return False


def _number_inside(pid: int) -> int | None:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return None
