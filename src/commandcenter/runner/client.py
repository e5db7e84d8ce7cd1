"""The hub's side of the runner's socket."""

import asyncio
import errno
import itertools
import os
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from commandcenter.kit.disk import DiskFullError
from commandcenter.kit.errors import ProblemError
from commandcenter.runner import frames
from commandcenter.runner.attempt import Use
from commandcenter.runner.ensure import ensure_runner, open_connection
from commandcenter.runner.errors import (
    BadRequestError,
    IsolationError,
    NotRunningError,
    PortTakenError,
    RunnerUnavailableError,
    RunnerVersionError,
    ServiceConflictError,
)
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.relay import CONNECTED
from commandcenter.runner.request import JobRequest, Outcome

__all__ = ["RunnerClient", "ensure_runner"]

_RETIRE_SECONDS = 2.0
_TRIES = 3
_ERRORS = {
    error.code: error
    for error in (
        BadRequestError,
        DiskFullError,
        IsolationError,
        NotRunningError,
        PortTakenError,
        RunnerVersionError,
        ServiceConflictError,
    )
}


class _ConnectionLostError(Exception):
    """The runner went away before it answered."""


@dataclass(slots=True)
class _Connection:
    writer: asyncio.StreamWriter
    waiting: dict[int, asyncio.Future[tuple[dict[str, Any], bytes]]]
    reading: asyncio.Task[None]
    instance: str
    alive: bool = True


class RunnerClient:
    """Calls to the runner of one data directory, which is started when it is not there.

    One connection serves any number of concurrent calls of one event loop. Every call is
    idempotent, so that it is sent again when the connection breaks.
    """

    def __init__(self, data_directory: Path) -> None:
        self.paths = RunnerPaths(data_directory.resolve())
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._numbers = itertools.count(1)

    async def start(self, request: JobRequest) -> bool:
        """Start the attempt, or find it started; whether it was started by this call."""
        fields, payload = request.to_wire()
        header, _ = await self._call("start", {"request": fields}, payload)
        return bool(header["started"])

    async def wait(self, attempt_id: str) -> tuple[Outcome, bytes | None]:
        header, payload = await self._call("wait", {"attempt": attempt_id})
        outcome = Outcome.from_json(header["outcome"])
        return outcome, payload if outcome.has_output else None

    async def stop(self, attempt_id: str, grace_seconds: float) -> None:
        await self._call("stop", {"attempt": attempt_id, "grace_seconds": grace_seconds})

    async def known(self, attempt_id: str) -> bool:
        header, _ = await self._call("known", {"attempt": attempt_id})
        return bool(header["known"])

    async def use(self, attempt_id: str) -> Use | None:
        header, _ = await self._call("use", {"attempt": attempt_id})
        return Use(**header["use"]) if header["use"] else None

    async def remove(self, attempt_id: str) -> None:
        await self._call("remove", {"attempt": attempt_id})

    async def execute(
        self, attempt_id: str, command: tuple[str, ...], timeout_seconds: float
    ) -> tuple[int | None, bytes, float]:
        """Exit code (None at the time limit), output, seconds."""
        fields = {"attempt": attempt_id, "command": command, "timeout_seconds": timeout_seconds}
        header, output = await self._call("execute", fields)
        return header["exit_code"], output, header["seconds"]

    async def pause(self, attempt_id: str, seconds: float) -> None:
        await self._call("pause", {"attempt": attempt_id, "seconds": seconds})

    async def resume(self, attempt_id: str) -> bool:
        """Whether it has stood still from `pause` to now.

        False also for an answer that was lost on the way: the call is sent again, and finds that
        it goes on already.
        """
        header, _ = await self._call("resume", {"attempt": attempt_id})
        return bool(header["stood"])

    async def volume_users(self, project: str) -> tuple[str, ...]:
        """Names of the services that have a volume of the project."""
        header, _ = await self._call("volume_users", {"project": project})
        return tuple(header["names"])

    async def connect(
        self, attempt_id: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to a running service's port from its network's switch.

        Raises `NotRunningError`, and ConnectionRefusedError when nothing listens there.
        """
        header, _ = await self._call("where", {"attempt": attempt_id})
        gate = self.paths.gate(header["network"])
        directory = os.open(gate.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            path = f"/proc/self/fd/{directory}/{gate.name}"
            reader, writer = await asyncio.open_unix_connection(path)
        finally:
            os.close(directory)
        try:
            writer.write(IPv4Address(header["address"]).packed + port.to_bytes(2, "big"))
            accepted = await reader.read(1)
        except BaseException:
            writer.close()
            raise
        if accepted != CONNECTED:
            writer.close()
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"Port {port} of the service does not accept connections"
            )
        return reader, writer

    async def remove_network(self, name: str) -> None:
        await self._call("remove_network", {"network": name})

    async def status(self) -> dict[str, Any]:
        header, _ = await self._call("status", {})
        return header

    async def retire_if_idle(self) -> None:
        """End the runner when it runs nothing; results not yet taken stay on disk for the next."""
        if self._connection is None:
            return
        # Over a connection of its own: the one in use may be broken, and none is to be started.
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, frames.FrameError):
            async with asyncio.timeout(_RETIRE_SECONDS):
                reader, writer, _ = await open_connection(self.paths)
                try:
                    writer.write(frames.encode({"id": 1, "op": "retire"}))
                    await frames.read(reader)
                finally:
                    writer.close()

    async def close(self) -> None:
        """Let go of the connection; attempts go on."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.reading.cancel()
            connection.writer.close()
            await asyncio.gather(connection.reading, return_exceptions=True)

    async def _call(
        self, operation: str, fields: dict[str, Any], payload: bytes = b""
    ) -> tuple[dict[str, Any], bytes]:
        for _ in range(_TRIES):
            try:
                connection = await self._connected()
            except _ConnectionLostError:
                continue
            number = next(self._numbers)
            future: asyncio.Future[tuple[dict[str, Any], bytes]] = (
                asyncio.get_running_loop().create_future()
            )
            connection.waiting[number] = future
            try:
                connection.writer.write(
                    frames.encode({"id": number, "op": operation, **fields}, payload)
                )
                header, data = await future
            except (_ConnectionLostError, OSError):
                connection.alive = False
                continue
            finally:
                connection.waiting.pop(number, None)
            if "error" in header:
                raise _error(header["error"])
            return header, data
        raise RunnerUnavailableError(
            f"The runner went away {_TRIES} times while it was asked to {operation}.",
            hint=f"Look at {self.paths.own_log}.",
        )

    async def _connected(self) -> _Connection:
        async with self._connecting:
            if self._connection is not None and self._connection.alive:
                return self._connection
            await ensure_runner(self.paths.data)
            try:
                reader, writer, greeting = await open_connection(self.paths)
            except (OSError, TimeoutError, asyncio.IncompleteReadError, frames.FrameError):
                raise _ConnectionLostError from None  # it ended in between: there will be another
            waiting: dict[int, asyncio.Future[tuple[dict[str, Any], bytes]]] = {}
            reading = asyncio.create_task(self._read(reader, waiting))
            self._connection = _Connection(writer, waiting, reading, str(greeting["instance"]))
            return self._connection

    async def _read(
        self,
        reader: asyncio.StreamReader,
        waiting: dict[int, asyncio.Future[tuple[dict[str, Any], bytes]]],
    ) -> None:
        try:
            while True:
                header, payload = await frames.read(reader)
                future = waiting.get(header.get("id", 0))
                if future is not None and not future.done():
                    future.set_result((header, payload))
        except (asyncio.IncompleteReadError, OSError, frames.FrameError):
            pass
        finally:
            connection = self._connection
            if connection is not None and connection.waiting is waiting:
                connection.alive = False
                connection.writer.close()
            for future in waiting.values():
                if not future.done():
                    future.set_exception(_ConnectionLostError())


def _error(fields: dict[str, Any]) -> ProblemError:
    kind = _ERRORS.get(fields["code"], ProblemError)
    return kind(fields["detail"], hint=fields.get("hint"), fields=fields.get("fields"))
