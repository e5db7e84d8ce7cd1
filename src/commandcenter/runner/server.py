"""The runner's socket: greets, takes requests, answers them in any order."""

import asyncio
import os
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from commandcenter.kit.disk import disk_full
from commandcenter.kit.errors import ProblemError
from commandcenter.runner import frames
from commandcenter.runner.errors import BadRequestError
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.request import JobRequest
from commandcenter.runner.supervisor import Supervisor

_CREDENTIALS = struct.Struct("3i")
_Answer = tuple[dict[str, Any], bytes]
_WRITE_HIGH_WATER = 64 * 1024**2


class Server:
    def __init__(
        self,
        supervisor: Supervisor,
        paths: RunnerPaths,
        *,
        instance: str,
        status: Callable[[], dict[str, Any]],
        retire: Callable[[], None],
    ) -> None:
        self._supervisor = supervisor
        self._paths = paths
        self._instance = instance
        self._status = status
        self._retire = retire
        self._connections = 0
        self._idle_since = time.monotonic()
        self._tasks: set[asyncio.Task[None]] = set()
        self._operations: dict[str, Callable[[dict[str, Any], bytes], Awaitable[_Answer]]] = {
            "start": self._start,
            "wait": self._wait,
            "stop": self._stop,
            "known": self._known,
            "use": self._use,
            "remove": self._remove,
            "execute": self._execute,
            "pause": self._pause,
            "resume": self._resume,
            "volume_users": self._volume_users,
            "where": self._where,
            "remove_network": self._remove_network,
            "status": self._tell_status,
            "retire": self._retire_if_idle,
        }

    @property
    def idle_seconds(self) -> float:
        """How long there has been nothing to do and nobody to ask for it."""
        if self._connections or self._supervisor.busy:
            self._idle_since = time.monotonic()
        return time.monotonic() - self._idle_since

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not _same_user(writer.get_extra_info("socket")):
            writer.close()
            return
        self._connections += 1
        writer.transport.set_write_buffer_limits(high=_WRITE_HIGH_WATER)
        mine: set[asyncio.Task[None]] = set()
        try:
            writer.write(
                frames.encode(
                    {
                        "version": frames.PROTOCOL_VERSION,
                        "instance": self._instance,
                        "pid": os.getpid(),
                    }
                )
            )
            while True:
                header, payload = await frames.read(reader)
                task = asyncio.create_task(self._answer(header, payload, writer))
                mine.add(task)
                task.add_done_callback(mine.discard)
        except (asyncio.IncompleteReadError, ConnectionError, frames.FrameError):
            pass
        finally:
            self._connections -= 1
            self._idle_since = time.monotonic()
            for task in mine:
                task.cancel()
            writer.close()

    async def _answer(
        self, header: dict[str, Any], payload: bytes, writer: asyncio.StreamWriter
    ) -> None:
        number = header.get("id")
        if self._supervisor.closing and header.get("op") == "start":
            writer.close()  # the caller asks again, and finds the next runner
            return
        try:
            operation = self._operations.get(str(header.get("op")))
            if operation is None:
                raise BadRequestError(f"Unknown operation {header.get('op')!r}.")  # noqa: TRY301
            answer, data = await operation(header, payload)
            frame = frames.encode({"id": number, "ok": True, **answer}, data)
        except ProblemError as error:
            frame = frames.encode({"id": number, "error": _problem(error)})
        except Exception as error:  # noqa: BLE001 - told to the caller, the runner goes on
            problem = disk_full(error, self._paths.data) or ProblemError(
                f"The runner failed: {type(error).__name__}: {error}"
            )
            frame = frames.encode({"id": number, "error": _problem(problem)})
        if not writer.is_closing():
            writer.write(frame)

    async def _start(self, header: dict[str, Any], payload: bytes) -> _Answer:
        request = JobRequest.from_wire(header["request"], payload)
        return {"started": await self._supervisor.start(request)}, b""

    async def _wait(self, header: dict[str, Any], _: bytes) -> _Answer:
        identifier = str(header["attempt"])
        outcome = await self._supervisor.wait(identifier)
        output = b""
        if outcome.has_output:
            output = self._paths.output(identifier).read_bytes()
        return {"outcome": outcome.to_json()}, output

    async def _stop(self, header: dict[str, Any], _: bytes) -> _Answer:
        await self._supervisor.stop(str(header["attempt"]), float(header["grace_seconds"]))
        return {}, b""

    async def _known(self, header: dict[str, Any], _: bytes) -> _Answer:
        return {"known": self._supervisor.known(str(header["attempt"]))}, b""

    async def _use(self, header: dict[str, Any], _: bytes) -> _Answer:
        use = self._supervisor.use(str(header["attempt"]))
        return {"use": asdict(use) if use else None}, b""

    async def _remove(self, header: dict[str, Any], _: bytes) -> _Answer:
        await self._supervisor.remove(str(header["attempt"]))
        return {}, b""

    async def _execute(self, header: dict[str, Any], _: bytes) -> _Answer:
        command = tuple(str(part) for part in header["command"])
        if not command or any("\0" in part for part in command):
            raise BadRequestError("The command is empty or has a NUL byte.")
        executed = await self._supervisor.execute(
            str(header["attempt"]), command, float(header["timeout_seconds"])
        )
        return {"exit_code": executed.exit_code, "seconds": executed.seconds}, executed.output

    async def _pause(self, header: dict[str, Any], _: bytes) -> _Answer:
        await self._supervisor.pause(str(header["attempt"]), float(header["seconds"]))
        return {}, b""

    async def _resume(self, header: dict[str, Any], _: bytes) -> _Answer:
        return {"stood": self._supervisor.resume(str(header["attempt"]))}, b""

    async def _volume_users(self, header: dict[str, Any], _: bytes) -> _Answer:
        return {"names": self._supervisor.volume_users(str(header["project"]))}, b""

    async def _where(self, header: dict[str, Any], _: bytes) -> _Answer:
        network, address = self._supervisor.where(str(header["attempt"]))
        return {"network": network, "address": address}, b""

    async def _remove_network(self, header: dict[str, Any], _: bytes) -> _Answer:
        self._supervisor.remove_network(str(header["network"]))
        return {}, b""

    async def _tell_status(self, header: dict[str, Any], _: bytes) -> _Answer:  # noqa: ARG002
        return self._status(), b""

    async def _retire_if_idle(self, header: dict[str, Any], _: bytes) -> _Answer:  # noqa: ARG002
        """End this runner when nothing runs (another version wants to take over)."""
        if self._supervisor.busy:
            return {"retired": False}, b""
        self._retire()
        return {"retired": True}, b""


def _same_user(connection: socket.socket) -> bool:
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid = _CREDENTIALS.unpack(data)[1]
    return uid in (0, os.geteuid())


def _problem(error: ProblemError) -> dict[str, Any]:
    return {"code": error.code, "detail": error.detail, "hint": error.hint, "fields": error.fields}
