"""One attempt from the moment its program may start to its stored outcome."""

import asyncio
import math
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from commandcenter.kit.redaction import Redactor
from commandcenter.kit.segments import SegmentWriter
from commandcenter.runner.capture import LogCapture
from commandcenter.runner.collect import Collected, collect
from commandcenter.runner.descriptors import readable
from commandcenter.runner.execute import Executed, Place, execute
from commandcenter.runner.launch import Sandbox
from commandcenter.runner.network_namespaces import Namespaces
from commandcenter.runner.paths import RunnerPaths
from commandcenter.runner.plan import SandboxPlan, remove_planted_redirection
from commandcenter.runner.request import Ending, JobRequest, Outcome
from commandcenter.runner.spawn import Identity
from commandcenter.runner.verdict import judge, say_late, say_overdue
from commandcenter.runner.watch import tree_use

_WATCH_SECONDS = 0.02
_QUIET_SECONDS = 0.5
_DRAIN_SECONDS = 5.0
_KILL_DEADLINE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Use:
    """Limits as read back (None: not enforced by the kernel) and use."""

    actual_cpu: float | None
    actual_memory_bytes: int | None
    actual_pids: int | None
    cpu_seconds: float
    memory_bytes: int
    memory_peak_bytes: int
    pids: int


class Attempt:
    """A running attempt. `run` carries it to its end; `stop` may be called at any time."""

    def __init__(
        self,
        request: JobRequest,
        plan: SandboxPlan,
        sandbox: Sandbox,
        paths: RunnerPaths,
        *,
        job: bytes | None = None,
    ) -> None:
        """`job` is the message for a warm sandbox; None starts a cold one's program."""
        self._job = job
        self.request = request
        self._plan = plan
        self._sandbox = sandbox
        self._paths = paths
        self._redactor = Redactor(request.secret_values)
        self._capture = LogCapture(
            SegmentWriter(paths.log(request.attempt_id), limit_bytes=request.limits.log_bytes),
            self._redactor,
            limit_bytes=request.limits.log_bytes,
        )
        self._ending: Ending | None = None
        self._overdue = ""
        self.ended = asyncio.Event()
        self._killer: asyncio.Task[None] | None = None
        self._peak = 0
        self._commondir = bool(plan.git_directory) and os.path.lexists(
            f"{plan.git_directory}/commondir"
        )
        self._refused_processes = 0
        self._last_use = Use(None, None, None, 0.0, 0, 0, 0)

    @property
    def use(self) -> Use:
        """Limits and use now; after the end the last values."""
        if self._sandbox.exit_status is None:
            with suppress(OSError, ValueError):
                self._last_use = self._read_use()
        return self._last_use

    @property
    def init_pid(self) -> int:
        """The first process of the sandbox; of no use once it has ended."""
        return self._sandbox.init_pid

    def say(self, text: str) -> None:
        """Add a line of the runtime's own to the log while the attempt runs."""
        if not self.ended.is_set():
            self._capture.say(text)

    async def execute(
        self,
        namespaces: Namespaces,
        identity: Identity | None,
        command: tuple[str, ...],
        timeout_seconds: float,
        seccomp: bytes,
    ) -> Executed:
        """Run a command beside the service; its output is redacted as the log is."""
        place = Place(
            init_pid=self._sandbox.init_pid,
            namespaces=namespaces,
            identity=identity,
            leaf=self._sandbox.leaf,
            seccomp=seccomp,
            directory=self._plan.directory,
            environment=self._plan.environment,
        )
        executed = await execute(place, command, timeout_seconds)
        return replace(executed, output=self._redactor.redact(executed.output))

    async def run(self) -> Outcome:
        """Let the program start, follow it to its end and store the outcome."""
        sandbox = self._sandbox
        self._started_at = datetime.now(UTC)
        started = time.monotonic()
        if self.request.member is not None:  # its limits are told however soon it ends
            with suppress(OSError, ValueError):
                self._last_use = self._read_use()
        self._capture.attach("stdout", sandbox.stdout)
        self._capture.attach("stderr", sandbox.stderr)
        helpers = [asyncio.create_task(self._watch_memory())]
        if math.isfinite(self.request.timeout_seconds):
            helpers.append(asyncio.create_task(self._expire()))
        if self._job is None:
            sandbox.release()
        else:
            helpers.append(asyncio.create_task(sandbox.send_job(self._job)))
        code = await sandbox.reap()
        elapsed = time.monotonic() - started
        for helper in helpers:
            helper.cancel()
        if self._killer is not None:
            self._killer.cancel()
        self.ended.set()
        await asyncio.gather(*helpers, return_exceptions=True)
        return await self._finish(code, elapsed)

    async def stop(self, grace_seconds: float, ending: Ending = Ending.CANCELLED) -> None:
        """SIGTERM, after the grace SIGKILL; returns when the processes are dead."""
        if self.ended.is_set():
            return
        if self._ending is None:
            self._ending = ending
        await self._end(grace_seconds)

    async def _end(self, grace_seconds: float) -> None:
        member = self.request.member
        stop_signal = member.stop_signal if member else signal.SIGTERM
        self._sandbox.terminate(stop_signal)
        if grace_seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(grace_seconds):
                    await self.ended.wait()
        if not self.ended.is_set():
            self._overdue = say_overdue(grace_seconds, stop_signal)
            self._sandbox.kill()
            async with asyncio.timeout(_KILL_DEADLINE_SECONDS):
                await self.ended.wait()

    async def _expire(self) -> None:
        await asyncio.sleep(self.request.timeout_seconds)
        if self._ending is None:
            self._ending = Ending.TIMEOUT
            self._capture.say(say_late(self.request.timeout_seconds))
        # Not in this task: it is cancelled at the end of the very process it ends.
        self._killer = asyncio.create_task(self._end(self.request.grace_seconds))

    async def _watch_memory(self) -> None:
        leaf = self._sandbox.leaf
        if leaf is None:
            await self._poll_memory()
            return
        event = leaf.register_oom_event()
        if event is None:
            return
        try:
            await readable(event)
            if leaf.out_of_memory() or not self.ended.is_set():
                self._run_out_of_memory()
        finally:
            os.close(event)

    async def _poll_memory(self) -> None:
        limit = self.request.limits.memory_bytes
        longest = 3 * _WATCH_SECONDS if self.request.member is None else _QUIET_SECONDS
        pause = _WATCH_SECONDS
        before = 0
        while True:
            use = tree_use(self._sandbox.init_pid, precise_above=limit).memory_bytes
            self._peak = max(self._peak, use)
            if use > limit:
                self._run_out_of_memory()
                return
            # Services may be many, and stand still for days: those that do are looked at less.
            if use - before > limit / 100:
                pause = 3 * _WATCH_SECONDS
            if use > limit * (0.25 if self.request.member is None else 0.75):
                pause = _WATCH_SECONDS
            await asyncio.sleep(pause)
            pause = min(longest, pause * 1.5)
            before = use

    def _run_out_of_memory(self) -> None:
        if self._ending is None:
            self._ending = Ending.OUT_OF_MEMORY
        self._sandbox.kill()

    def _read_use(self) -> Use:
        leaf = self._sandbox.leaf
        if leaf is None:
            found = tree_use(self._sandbox.init_pid, precise_above=self.request.limits.memory_bytes)
            self._peak = max(self._peak, found.memory_bytes)
            pids = self.request.limits.pids
            return Use(
                None, None, pids, found.cpu_seconds, found.memory_bytes, self._peak, found.processes
            )
        cpu, now, peak, processes = leaf.usage()
        cores, memory, pids = leaf.actual_limits()
        return Use(cores, memory, pids, cpu, now, peak, processes)

    def _use_at_the_end(self) -> Use:
        """Without a cgroup: what the kernel added up for the dead processes."""
        cpu, peak = self._sandbox.spent
        pids = self.request.limits.pids
        return Use(None, None, pids, cpu, 0, max(self._peak, peak), 0)

    async def _finish(self, code: int, elapsed: float) -> Outcome:
        sandbox = self._sandbox
        leaf = sandbox.leaf
        with suppress(OSError, ValueError):
            self._last_use = self._read_use() if leaf else self._use_at_the_end()
        if leaf is not None and self._ending is None and leaf.out_of_memory():
            self._ending = Ending.OUT_OF_MEMORY
        with suppress(OSError):
            self._refused_processes = leaf.refused_processes() if leaf is not None else 0
        full = _is_full(sandbox.out_directory) or _is_full(sandbox.tmp_directory)
        await self._capture.drain(_DRAIN_SECONDS)
        try:
            collected = await self._collect()
        except OSError as error:
            collected = Collected(not_stored=error.strerror or str(error))
        git = self._plan.git_directory
        if git and not self._commondir and remove_planted_redirection(git):
            self._capture.say("removed .git/commondir, which the program had planted")
        ending, message = judge(
            self.request.limits,
            self.request.timeout_seconds,
            ending=self._ending,
            lost_by="runner",
            code=code,
            elapsed=elapsed,
            collected=collected,
            full=full,
            overdue=self._overdue,
        )
        if self._refused_processes:
            refused = (
                f"It reached its limit of {self.request.limits.pids} processes, and was refused "
                f"further ones {self._refused_processes:,} times."
            )
            self._capture.say(refused)
            message = f"{message} {refused}" if ending is not None else message
        if ending is not None and ending is not Ending.EXIT_CODE:
            self._capture.say(message)
        for note in collected.notes:
            self._capture.say(note)
        self._capture.close()
        sandbox.close()
        return Outcome(
            exit_code=None if self._ending else code,
            reason=ending,
            message=message,
            started_at=self._started_at,
            finished_at=datetime.now(UTC),
            cpu_seconds=self._last_use.cpu_seconds,
            memory_peak_bytes=self._last_use.memory_peak_bytes,
            has_output=collected.has_output,
            has_artifacts=collected.has_artifacts,
        )

    async def _collect(self) -> Collected:
        if self.request.member is not None:  # a service has no results
            return Collected()
        identifier = self.request.attempt_id
        return await collect(
            self._sandbox.out_directory,
            output=self._paths.output(identifier),
            artifacts=self._paths.artifacts(identifier),
            redactor=self._redactor,
            limit_bytes=self.request.limits.disk_bytes,
        )


def _is_full(directory: int) -> bool:
    state = os.fstatvfs(directory)
    return state.f_blocks > 0 and (state.f_bavail == 0 or state.f_favail == 0)
