"""Calls on the containers of this data directory; each container is found by its attempt's id."""

import asyncio
import json
import secrets
import signal
from contextlib import suppress
from typing import Any

from commandcenter.runtimes.docker.engine import Engine, EngineError
from commandcenter.runtimes.docker.places import LABEL_PROCESS, Places
from commandcenter.runtimes.errors import RuntimeAwayError, RuntimeRefusedError

_KILL_SECONDS = 30.0
_PROCESS = secrets.token_hex(8)  # only one uses a data directory at a time
_FREEZE_AGAIN_SECONDS = (0.0, 0.05, 0.1, 0.2, 0.4)  # before each try


class Containers:
    def __init__(self, engine: Engine, places: Places) -> None:
        self.engine = engine
        self._places = places

    async def create(self, name: str, config: dict[str, Any]) -> str:
        """Make a container, not yet started; return its id."""
        answer = await self.engine.call(
            "POST", "containers/create", params={"name": name}, body=config
        )
        return str(answer["Id"])

    async def create_helper(self, config: dict[str, Any]) -> str:
        """Make a container that does one thing for us, without a name; return its id."""
        labels = self._places.labels(kind="helper", process=_PROCESS)
        answer = await self.engine.call(
            "POST", "containers/create", body={**config, "Labels": labels}
        )
        return str(answer["Id"])

    async def remove_stray_helpers(self) -> None:
        """Remove those of processes that died over them: they keep volumes in use."""
        filters = json.dumps(self._places.with_labels(kind="helper"))
        told = await self.engine.call(
            "GET", "containers/json", params={"all": True, "filters": filters}
        )
        for each in told or []:
            if each["Labels"].get(LABEL_PROCESS) != _PROCESS:
                await self.remove(each["Id"])

    async def start(self, name: str) -> None:
        await self.engine.call("POST", f"containers/{name}/start")

    async def inspect(self, attempt_id: str) -> dict[str, Any] | None:
        """None if there is no container of this attempt."""
        try:
            told = await self.engine.call(
                "GET", f"containers/{self._places.container(attempt_id)}/json"
            )
        except EngineError as error:
            if error.is_missing:
                return None
            raise
        return dict(told)

    async def wait(self, attempt_id: str) -> None:
        """Return when it does not run (any more), or is not there."""
        name = self._places.container(attempt_id)
        try:
            async with self.engine.stream(
                "POST", f"containers/{name}/wait", params={"condition": "not-running"}
            ) as answer:
                await answer.read()
        except EngineError as error:
            if not error.is_missing:
                raise

    async def signal(self, attempt_id: str, number: int) -> None:
        """Nothing if it does not run."""
        name = self._places.container(attempt_id)
        try:
            await self.engine.call(
                "POST", f"containers/{name}/kill", params={"signal": signal.Signals(number).name}
            )
        except EngineError as error:
            over = error.is_missing or error.is_conflict or "only kill running" in error.message
            if not over:
                raise

    async def kill(self, attempt_id: str) -> None:
        await self.signal(attempt_id, signal.SIGKILL)

    async def end(
        self, attempt_id: str, number: int, grace_seconds: float, dead: asyncio.Event | None = None
    ) -> None:
        """Send the signal, after the grace SIGKILL to all; return when it is dead.

        `dead` is set by somebody who waits for the end anyway.
        """
        waiting = asyncio.create_task(dead.wait() if dead else self.wait(attempt_id))
        try:
            await self.resume(attempt_id)
            if grace_seconds > 0:
                await self.signal(attempt_id, number)
                with suppress(TimeoutError):
                    async with asyncio.timeout(grace_seconds):
                        await asyncio.shield(waiting)
                        return
            await self.kill(attempt_id)
            async with asyncio.timeout(_KILL_SECONDS):
                await waiting
        except TimeoutError as error:
            raise RuntimeAwayError(
                f"The container engine did not end {attempt_id} within {_KILL_SECONDS:g} s.",
                hint="Look at the engine's own log.",
            ) from error
        finally:
            waiting.cancel()
            with suppress(asyncio.CancelledError, RuntimeAwayError, EngineError):
                await waiting

    async def pause(self, attempt_id: str) -> None:
        """Idempotent. The engine gives up on what forks while it is frozen: it is asked again.

        Raises `RuntimeRefusedError` when that does not help; the container runs then.
        """
        path = f"containers/{self._places.container(attempt_id)}/pause"
        for seconds in _FREEZE_AGAIN_SECONDS:
            await asyncio.sleep(seconds)
            try:
                await self.engine.call("POST", path)
            except EngineError as error:
                if "already paused" in error.message:
                    return
                if "unable to freeze" not in error.message:
                    raise
            else:
                return
        raise RuntimeRefusedError(
            f"The container engine could not bring {attempt_id} to a standstill, "
            f"though asked {len(_FREEZE_AGAIN_SECONDS)} times: it starts processes all the time.",
            hint="Stop it first, or try again when it has less to do.",
        )

    async def resume(self, attempt_id: str) -> bool:
        """Whether it was paused; nothing if it was not, or is not there."""
        told = await self.inspect(attempt_id)
        if told is None or not told["State"].get("Paused"):
            return False
        name = self._places.container(attempt_id)
        with suppress(EngineError):
            await self.engine.call("POST", f"containers/{name}/unpause")
        return True

    async def running(self, **labels: str) -> list[dict[str, Any]]:
        """Those that run, paused ones among them, with these labels of ours."""
        filters = {
            **self._places.with_labels(**labels),
            "status": ["running", "paused"],
        }
        told = await self.engine.call(
            "GET", "containers/json", params={"filters": json.dumps(filters)}
        )
        return list(told or [])

    async def remove(self, name: str) -> None:
        """End and remove a container with its anonymous volumes; idempotent."""
        try:
            await self.engine.call(
                "DELETE", f"containers/{name}", params={"force": True, "v": True}
            )
        except EngineError as error:
            if not (error.is_missing or "already in progress" in error.message):
                raise

    async def discard(self, attempt_id: str) -> None:
        """Remove an ended attempt's container; what does not work now is done by `remove` later."""
        with suppress(RuntimeAwayError, EngineError):
            await self.remove(self._places.container(attempt_id))

    async def stats(self, attempt_id: str) -> dict[str, Any] | None:
        name = self._places.container(attempt_id)
        try:
            told = await self.engine.call(
                "GET",
                f"containers/{name}/stats",
                params={"stream": False, "one-shot": True},
                seconds=10.0,
            )
        except EngineError:
            return None
        return dict(told or {})
