"""The table of attempts: start once, follow, keep results, account for what a dead runner left."""

import asyncio
import json
import shutil
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from commandcenter.kit.segments import SegmentWriter
from commandcenter.runner.attempt import Attempt, Use
from commandcenter.runner.bwrap import Contents
from commandcenter.runner.egress_policy import EgressPolicy
from commandcenter.runner.errors import BadRequestError
from commandcenter.runner.execute import Executed
from commandcenter.runner.host import Host, Lease
from commandcenter.runner.own_log import note
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.plan import SandboxPlan, plan_sandbox
from commandcenter.runner.request import ATTEMPT_ID, Ending, JobRequest, Outcome
from commandcenter.runner.services import Services
from commandcenter.runner.warm import WarmPool, end_lease, job_message, warm_shape

_STOP_ALL_GRACE_SECONDS = 1.0


class Supervisor:
    def __init__(self, paths: RunnerPaths, host: Host) -> None:
        self._paths = paths
        self._host = host
        self.closing = False
        self._pool = WarmPool(host)
        self._services = Services(paths, host)
        self._running: dict[str, asyncio.Task[Outcome]] = {}
        self._attempts: dict[str, Attempt] = {}
        # Ended, told to the hub, and kept here alone because the result could not be stored.
        self._told: set[str] = set()
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._tidying: dict[str, asyncio.Task[None]] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        unfinished = self._running.keys() - self._told
        return bool(unfinished or self._starting or self._tidying)

    @property
    def count(self) -> int:
        return len(self._running)

    @property
    def warm(self) -> int:
        return self._pool.idle

    def account_for_lost(self) -> int:
        """Give every attempt that a dead runner left without a result the result `lost`."""
        self._paths.attempts.mkdir(mode=0o700, parents=True, exist_ok=True)
        lost = 0
        for directory in self._paths.attempts.iterdir():
            if (directory / "result.json").exists():
                continue
            lost += 1
            started = datetime.fromtimestamp(directory.stat().st_ctime, UTC)
            message = "The runner ended while this attempt ran; its processes ended with it."
            outcome = Outcome(None, Ending.LOST, message, started, datetime.now(UTC))
            log = SegmentWriter(self._paths.log(directory.name), limit_bytes=1024**2)
            log.append("system", [message])
            log.close()
            self._store(directory.name, outcome, None)
        return lost

    async def start(self, request: JobRequest) -> bool:
        """Start the attempt unless its id is known; whether it was started now."""
        identifier = request.attempt_id
        if identifier in self._running or self._paths.attempt(identifier).exists():
            if pending := self._starting.get(identifier):
                await asyncio.shield(pending)
            return False
        self._paths.attempt(identifier).mkdir(mode=0o700)
        task = asyncio.create_task(self._launch(request))
        self._starting[identifier] = task
        task.add_done_callback(lambda _: self._starting.pop(identifier, None))
        await asyncio.shield(task)
        return True

    async def wait(self, identifier: str) -> Outcome:
        """The outcome, when there is one; `lost` if nothing is known."""
        _check_id(identifier)
        if pending := self._starting.get(identifier):
            with suppress(Exception):
                await asyncio.shield(pending)
        if task := self._running.get(identifier):
            outcome = await asyncio.shield(task)
            if identifier in self._running:
                self._told.add(identifier)
            return outcome
        return self._load(identifier) or Outcome(
            None,
            Ending.LOST,
            "Nothing is known of this attempt here.",
            datetime.now(UTC),
            datetime.now(UTC),
        )

    def known(self, identifier: str) -> bool:
        """Whether the attempt runs or has a result of its own."""
        _check_id(identifier)
        if identifier in self._running or identifier in self._starting:
            return True
        outcome = self._load(identifier)
        return outcome is not None and outcome.reason is not Ending.LOST

    async def stop(self, identifier: str, grace_seconds: float) -> None:
        _check_id(identifier)
        if pending := self._starting.get(identifier):
            with suppress(Exception):
                await asyncio.shield(pending)
        attempt = self._attempts.get(identifier)
        task = self._running.get(identifier)
        if attempt is None or task is None:
            return
        self._services.resume(identifier)  # it has its grace, and can use it
        # A task of its own: the end must come even if the caller goes away in the grace.
        stopping = asyncio.create_task(attempt.stop(grace_seconds))
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        await asyncio.shield(stopping)
        await asyncio.shield(task)

    def use(self, identifier: str) -> Use | None:
        _check_id(identifier)
        if attempt := self._attempts.get(identifier):
            return attempt.use
        with suppress(FileNotFoundError, ValueError, TypeError):
            use = json.loads(self._paths.result(identifier).read_text())["use"]
            return Use(**use) if use else None
        return None

    async def remove(self, identifier: str) -> None:
        """Forget the attempt, ending it first if it still runs. Its log stays."""
        _check_id(identifier)
        await self.stop(identifier, 0.0)
        if tidying := self._tidying.get(identifier):
            await asyncio.shield(tidying)
        self._told.discard(identifier)
        self._running.pop(identifier, None)
        self._attempts.pop(identifier, None)
        self._delete(identifier)

    def _delete(self, identifier: str) -> None:
        for path in (self._paths.result(identifier), self._paths.output(identifier)):
            with suppress(OSError):
                path.unlink()
        directory = self._paths.attempt(identifier)
        try:
            directory.rmdir()
        except OSError:  # it has artifacts
            shutil.rmtree(directory, ignore_errors=True)

    async def execute(
        self, identifier: str, command: tuple[str, ...], timeout_seconds: float
    ) -> Executed:
        """Run a command in a running service. Raises `NotRunningError`."""
        _check_id(identifier)
        if pending := self._starting.get(identifier):
            await asyncio.shield(pending)
        attempt = self._attempts.get(identifier)
        return await self._services.execute(identifier, attempt, command, timeout_seconds)

    async def pause(self, identifier: str, seconds: float) -> None:
        """Let a running service stand still, for at most so long. Raises `NotRunningError`."""
        _check_id(identifier)
        await self._services.pause(identifier, self._attempts.get(identifier), seconds)

    def resume(self, identifier: str) -> bool:
        """Let it go on; whether it has stood still until now. Idempotent."""
        _check_id(identifier)
        return self._services.resume(identifier)

    def volume_users(self, project: str) -> tuple[str, ...]:
        """Names of the running services that have a volume of the project."""
        return self._services.users(project)

    def where(self, identifier: str) -> tuple[str, str]:
        """The network and the address of a running service. Raises `NotRunningError`."""
        _check_id(identifier)
        return self._services.where(identifier, self._attempts.get(identifier))

    def remove_network(self, name: str) -> None:
        """Forget a private network that no service is in. Idempotent."""
        self._host.networks.remove(name)

    async def close(self) -> None:
        """End everything that runs; nothing more is to be started."""
        self.closing = True
        pending = list(self._starting.values())
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await asyncio.gather(
            *(self._abandon(identifier) for identifier in list(self._running)),
            return_exceptions=True,
        )
        await asyncio.gather(*self._tidying.values(), return_exceptions=True)
        try:
            await self._pool.close()
        finally:
            await self._host.close()

    async def _abandon(self, identifier: str) -> None:
        """End an attempt because the runner ends: it is lost, nobody cancelled it."""
        await self._attempts[identifier].stop(_STOP_ALL_GRACE_SECONDS, Ending.LOST)
        await asyncio.shield(self._running[identifier])

    async def _launch_job(self, request: JobRequest) -> tuple[SandboxPlan, Lease, bytes | None]:
        plan = plan_sandbox(request, str(self._paths.data))
        shape = warm_shape(request, plan)
        if lease := self._pool.take(shape) if shape else None:
            return plan, lease, job_message(request, plan.environment)
        contents = Contents(request.input_json, request.secret_files)
        with_egress = bool(request.network_allow)
        lease = await self._host.obtain(plan, contents, request.limits, with_egress=with_egress)
        return plan, lease, None

    async def _launch(self, request: JobRequest) -> None:
        identifier = request.attempt_id
        job = None
        try:
            EgressPolicy.parse(request.network_allow)
            if request.member is not None:
                plan, lease = await self._services.launch(request, request.member)
            else:
                plan, lease, job = await self._launch_job(request)
        except BaseException:
            self._paths.attempt(identifier).rmdir()
            raise
        try:
            attempt = Attempt(request, plan, lease.sandbox, self._paths, job=job)
        except BaseException:  # such as a log that cannot be made on a full disk
            self._services.ended(identifier)
            await end_lease(lease)
            shutil.rmtree(self._paths.attempt(identifier), ignore_errors=True)
            raise
        self._attempts[identifier] = attempt

        async def carry() -> Outcome:
            serving = asyncio.create_task(self._serve_network(attempt, lease))
            try:
                outcome = await attempt.run()
            except Exception as error:  # noqa: BLE001 - becomes the attempt's outcome
                lease.sandbox.kill()
                now = datetime.now(UTC)
                outcome = Outcome(
                    None, Ending.SYSTEM_ERROR, f"The runner failed: {error!r}", now, now
                )
            serving.cancel()
            # Before the end is told: the next one of its name may be started at once.
            self._services.ended(identifier)
            try:
                self._store(identifier, outcome, attempt.use)
            except OSError as error:
                note(f"the result of {identifier} cannot be stored: {error}")
                kept = True
            else:
                kept = False
            # The outcome is told first: taking the sandbox away is not what a caller waits for.
            tidying = asyncio.create_task(lease.give_back())
            self._tidying[identifier] = tidying
            tidying.add_done_callback(lambda _: self._tidying.pop(identifier, None))
            if not kept:  # else this task is where the outcome is asked for
                del self._running[identifier], self._attempts[identifier]
            return outcome

        self._running[identifier] = asyncio.create_task(carry())

    async def _serve_network(self, attempt: Attempt, lease: Lease) -> None:
        """Let the sandbox's allowed connections through until it ends."""
        if lease.egress is None:
            return
        allow = attempt.request.network_allow
        number = await self._host.egress.attach(lease.egress, allow, attempt.say)
        try:
            await attempt.ended.wait()
        finally:
            self._host.egress.detach(number)

    def _store(self, identifier: str, outcome: Outcome, use: Use | None) -> None:
        """One file for both: on ext4 each new one beside files just deleted costs a search."""
        text = outcome.to_json(use=asdict(use) if use else None)
        _replace(self._paths.result(identifier), text)

    def _load(self, identifier: str) -> Outcome | None:
        try:
            return Outcome.from_json(self._paths.result(identifier).read_text())
        except FileNotFoundError:
            return None


def _check_id(identifier: str) -> None:
    if not ATTEMPT_ID.fullmatch(identifier):
        raise BadRequestError(f"{identifier!r} is not an attempt id.")


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(text)
    temporary.replace(path)
