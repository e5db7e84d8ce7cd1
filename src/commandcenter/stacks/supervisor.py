"""Keeping one stack as it should be: one task that decides, and one per service that watches.

Facts (a probe's answer, a process's end, a wish of people) come through one queue, so that nothing
is decided on half a change. What is to be done is put on record before it is done: after a crash
the same attempt id finds what was started, or starts it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from commandcenter.kit.clock import utc_now
from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.runtimes.results import Stats
from commandcenter.stacks import member as members
from commandcenter.stacks.attempt import Attempt, AttemptFacts, Prepare
from commandcenter.stacks.decide import Action, Decision, Drop, GiveUp, Start, Stop, Wait, decide
from commandcenter.stacks.errors import StackBusyError
from commandcenter.stacks.member import Exit, Member
from commandcenter.stacks.model import Stack
from commandcenter.stacks.prepared import Prepared
from commandcenter.stacks.preparing.facts import stored_facts
from commandcenter.stacks.probe import Answer
from commandcenter.stacks.recorder import (
    ServiceRecord,
    StackRecord,
    StackRecorder,
    SupersededError,
)
from commandcenter.stacks.standing import Standing
from commandcenter.stacks.states import Desired, ServiceState, StackState, check_stack

logger = logging.getLogger(__name__)

_SAVE_AGAIN_SECONDS = 2.0
_SETTLED_SECONDS = 2.0
_STAND_SECONDS = 10.0


@dataclass(slots=True)
class Watched:
    """What is known of a service besides its `Member`."""

    handle: dict[str, Any] | None = None
    exit_code: int | None = None
    progress: str = ""  # what is done before its process runs; on no record
    health_words: str = ""
    health_at: datetime | None = None
    is_asked: bool = True  # False: its runtime is away, so how it is now nobody knows
    told_words: str = ""  # as of the last change of state: what is on record
    told_at: datetime | None = None
    runs_as: str = ""
    limits: dict[str, Any] | None = None
    image: dict[str, Any] | None = None
    hardening: dict[str, Any] | None = None
    started_at: datetime | None = None
    attempt: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a supervisor starts from."""

    stack: Stack
    desired: Desired
    state: StackState
    members: Mapping[str, Member]
    records: Mapping[str, ServiceRecord] = field(default_factory=dict)


class StackSupervisor(AttemptFacts):
    """The supervisor of one project's stack, from a start to its stop, or the hub's end."""

    def __init__(
        self,
        project_id: str,
        beginning: Beginning,
        *,
        runtime: Runtime,
        recorder: StackRecorder,
        prepare: Prepare,
        on_answer: Callable[[Answer], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.project_id = project_id
        self.stack = beginning.stack
        self.desired = beginning.desired
        self.state = beginning.state
        self.reason = ""
        self._members = dict(beginning.members)
        self._watched = {name: Watched() for name in self._members}
        for name, record in beginning.records.items():
            self._watched[name] = Watched(
                handle=record.handle,
                exit_code=record.exit_code,
                health_words=record.health_words,
                health_at=record.health_at,
                told_words=record.health_words,
                told_at=record.health_at,
                runs_as=record.runs_as,
                limits=record.limits,
                image=record.image,
                hardening=record.hardening,
                started_at=record.started_at,
            )
        self._runtime = runtime
        self._recorder = recorder
        self._prepare = prepare
        self._on_answer = on_answer
        self._clock = clock
        self._facts: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        self._standing = Standing()
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._settling: list[asyncio.Future[None]] = []

    # What others ask and look at.

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    async def wait_ended(self) -> None:
        """Return when the stack is stopped, or this supervisor was superseded."""
        await self._ended.wait()

    def begin(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"stack {self.project_id}")

    def ask(self, desired: Desired) -> None:
        """Have the stack running or stopped; returns at once."""
        self._facts.put_nowait(lambda: self._set_desired(desired))

    def ask_restart(self, service: str) -> None:
        """Have one service ended and started again; returns at once."""
        self._facts.put_nowait(lambda: self._restart(service))

    async def settled(self) -> None:
        """Return once what was asked before is on record; or after a while, if it cannot be."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._facts.put_nowait(lambda: self._settling.append(told))
        if not self.has_ended:
            await asyncio.wait([told], timeout=_SETTLED_SECONDS)

    def member(self, service: str) -> Member:
        return self._members[service]

    def watched(self, service: str) -> Watched:
        return self._watched[service]

    @property
    def stands_for(self) -> str:
        """Why its services stand still, for people; "" while they do not."""
        return self._standing.words

    async def stand(self, words: str) -> dict[str, Handle]:
        """Begin nothing and ask no service anything until `go_on`; the services that run.

        They are for the caller to pause. A stop on people's word is still done. Raises
        `StackBusyError` when a service is just being started or ended; `go_on` is called after
        that, too.
        """
        self._standing.begin(words)
        self._facts.put_nowait(lambda: None)
        try:
            async with asyncio.timeout(_STAND_SECONDS):
                await self._standing.reached.wait()
        except TimeoutError:
            raise StackBusyError(
                "a service of the stack is just being started or ended",
                hint="Try again when it is up.",
            ) from None
        return {
            name: watched.attempt.handle
            for name, watched in self._watched.items()
            if watched.attempt is not None and watched.attempt.handle is not None
        }

    def go_on(self) -> None:
        """Go on where `stand` was called; idempotent."""
        self._standing.end()
        self._facts.put_nowait(lambda: None)

    def _all_run(self) -> bool:
        return all(
            found.state is not ServiceState.STOPPING
            and (attempt := self._watched[name].attempt) is not None
            and attempt.handle is not None
            for name, found in self._members.items()
            if found.state.is_active
        )

    async def until_going(self) -> int:
        return await self._standing.until_over()

    async def stats(self, service: str) -> Stats | None:
        """Limits read back and present use; None while no process is there."""
        attempt = self._watched[service].attempt
        if attempt is None or attempt.handle is None:
            return None
        try:
            async with asyncio.timeout(2.0):
                return await self._runtime.stats(attempt.handle)
        except (ProblemError, OSError, TimeoutError):
            return None

    async def leave(self) -> None:
        """Stop watching; what runs goes on running."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        watching = self._watching()
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)

    def _watching(self) -> list[asyncio.Task[None]]:
        return [
            task
            for watched in self._watched.values()
            if watched.attempt is not None
            for task in watched.attempt.tasks
        ]

    # Facts, told by attempts.

    def told(self, service: str, number: int, words: str) -> None:
        if self._members[service].number == number:  # nothing is decided on it
            self._watched[service].progress = words

    def started(self, service: str, number: int, handle: Handle, prepared: Prepared) -> None:
        self._facts.put_nowait(lambda: self._started(service, number, handle, prepared))

    def probed(
        self, service: str, number: int, answer: Answer, *, counts: bool, retries: int
    ) -> None:
        def apply() -> None:
            if self._members[service].number != number:
                return
            watched = self._watched[service]
            self._on_answer(answer)
            watched.health_words, watched.health_at = answer.words, utc_now()
            watched.is_asked = answer.is_known
            self._change(
                service,
                members.probed(
                    self._members[service],
                    self._clock(),
                    healthy=answer.healthy,
                    counts=counts,
                    retries=retries,
                ),
            )

        self._facts.put_nowait(apply)

    def ended(self, service: str, number: int, exit_: Exit) -> None:
        self._facts.put_nowait(lambda: self._service_ended(service, number, exit_))

    def is_healthy(self, service: str) -> bool:
        return self._members[service].state is ServiceState.HEALTHY

    # The task.

    async def _run(self) -> None:
        try:
            self._adopt()
            while not await self._step():
                pass
            await self._forget_network()
        except SupersededError:
            logger.warning("the stack of %s has another supervisor now", self.project_id)
        finally:
            for task in self._watching():
                task.cancel()
            self._tell_settled()
            self._ended.set()

    async def _step(self) -> bool:
        """Do what follows and wait for the next fact; whether the stack is stopped for good."""
        try:
            if self._standing.words and self.desired is Desired.RUNNING:
                wake_at = None
                if self._all_run():
                    self._standing.reached.set()
            else:
                wake_at = await self._turn()
            if self.state is StackState.STOPPED and self.desired is Desired.STOPPED:
                return True
            await self._wait(wake_at)
        except (SupersededError, asyncio.CancelledError):
            raise
        except Exception:
            # A mistake about one fact must not leave services without anybody who looks after them.
            logger.exception("the supervisor of the stack of %s stumbled", self.project_id)
            await asyncio.sleep(_SAVE_AGAIN_SECONDS)
        return False

    def _adopt(self) -> None:
        """Watch what was started before this supervisor; or start it, under the same id."""
        for name, found in self._members.items():
            if found.state.is_active:
                self._launch(name, found.number, self._watched[name].handle)

    async def _wait(self, wake_at: float | None) -> None:
        timeout = None if wake_at is None else max(0.0, wake_at - self._clock())
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                apply = await self._facts.get()
                apply()
        while not self._facts.empty():
            self._facts.get_nowait()()

    async def _turn(self) -> float | None:
        """Do what follows from the present states, until nothing does; when to look again."""
        while True:
            decision = decide(
                self.desired,
                self.stack,
                self._members,
                before=self.state,
                now=self._clock(),
            )
            launches = [name for action in decision.actions if (name := self._perform(action))]
            self._conclude(decision)
            await self._save()
            for name in launches:
                self._launch(name, self._members[name].number, None)
            if not any(not isinstance(action, Stop) for action in decision.actions):
                self._tell_settled()
                return decision.wake_at

    def _tell_settled(self) -> None:
        for told in self._settling:
            if not told.done():
                told.set_result(None)
        self._settling.clear()

    def _perform(self, action: Action) -> str | None:
        """Change the states as the action begins; the name of a service to be started."""
        found = self._members[action.service]
        watched = self._watched[action.service]
        match action:
            case Start():
                watched.handle = watched.exit_code = None
                watched.health_words, watched.health_at = "", None
                watched.started_at = utc_now()
                self._change(
                    action.service,
                    found.to(
                        ServiceState.STARTING,
                        number=found.number + 1,
                        retry_at=None,
                        misses=0,
                        message="" if found.state is ServiceState.PENDING else found.message,
                    ),
                )
                return action.service
            case Stop():
                if self.desired is Desired.STOPPED:
                    self._change(
                        action.service, found.to(ServiceState.STOPPING, restart_asked=False)
                    )
                if watched.attempt is not None:
                    watched.attempt.stop()
            case GiveUp(why=why):
                self._change(action.service, found.to(ServiceState.FAILED, message=why))
            case Wait(why=why):
                self._change(action.service, replace(found, message=why))
            case Drop():
                self._change(
                    action.service,
                    found.to(ServiceState.STOPPED, retry_at=None, message=found.message),
                )
        return None

    def _conclude(self, decision: Decision) -> None:
        if decision.state is not self.state:
            self.state = check_stack(self.state, decision.state)
        self.reason = decision.reason

    def _launch(self, name: str, number: int, handle: dict[str, Any] | None) -> None:
        attempt = Attempt(
            name,
            number,
            facts=self,
            runtime=self._runtime,
            prepare=self._prepare,
            clock=self._clock,
        )
        self._watched[name].attempt = attempt
        attempt.begin(Handle(**handle) if handle is not None else None)

    async def _save(self) -> None:
        """Put the states on record; a database that is away for a while is waited for."""
        while True:
            try:
                await self._recorder.save(
                    StackRecord(self.state, self.reason),
                    [self._record(name) for name in self._members],
                )
            except (SupersededError, asyncio.CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the stack goes on
                logger.warning("the state of a stack cannot be stored: %s", error)
                await asyncio.sleep(_SAVE_AGAIN_SECONDS)
            else:
                return

    def _record(self, name: str) -> ServiceRecord:
        found, watched = self._members[name], self._watched[name]
        return ServiceRecord(
            name=name,
            state=found.state,
            message=found.message,
            number=found.number,
            handle=watched.handle,
            was_healthy=found.was_healthy,
            failures=found.failures,
            restarts=found.restarts,
            exit_code=watched.exit_code,
            health_words=watched.told_words,
            health_at=watched.told_at,
            runs_as=watched.runs_as,
            limits=watched.limits,
            image=watched.image,
            hardening=watched.hardening,
            started_at=watched.started_at,
            cause=found.cause,
        )

    # Applying facts.

    def _change(self, name: str, changed: Member) -> None:
        watched = self._watched[name]
        if changed.state is not self._members[name].state:
            # Every probe on record would be a write every few seconds; those that matter are.
            watched.told_words, watched.told_at = watched.health_words, watched.health_at
        self._members[name] = changed

    def _set_desired(self, desired: Desired) -> None:
        self.desired = desired
        if desired is Desired.RUNNING:
            for name, found in self._members.items():
                if found.state.is_settled and found.state is not ServiceState.COMPLETED:
                    self._change(name, members.asked_to_start(found))

    def _restart(self, name: str) -> None:
        for each in self.stack.services:
            if any(need.restart and need.service == name for need in each.depends_on):
                self._restart(each.name)
        found = self._members[name]
        attempt = self._watched[name].attempt
        if found.state is ServiceState.STOPPING or self.desired is Desired.STOPPED:
            return
        if found.state.is_active and attempt is not None:
            self._change(
                name,
                found.to(
                    ServiceState.STOPPING,
                    restart_asked=True,
                    failures=0,
                    was_healthy=False,
                    restarts=0,
                ),
            )
            attempt.stop()
        else:
            self._change(name, members.asked_to_start(found))

    def _started(self, name: str, number: int, handle: Handle, prepared: Prepared) -> None:
        found = self._members[name]
        if found.number != number:
            return
        watched = self._watched[name]
        watched.handle = asdict(handle)
        watched.progress = ""
        watched.runs_as = prepared.runs_as
        watched.image = stored_facts(prepared.image)
        watched.hardening = prepared.hardening.stored()
        if found.state is ServiceState.STARTING:
            self._change(
                name,
                members.started(found, self._clock(), has_probe=prepared.check is not None),
            )
        elif found.started_at is None:
            now = self._clock()
            healthy_since = now if found.state is ServiceState.HEALTHY else None
            self._members[name] = replace(found, started_at=now, healthy_since=healthy_since)

    def _service_ended(self, name: str, number: int, exit_: Exit) -> None:
        found, watched = self._members[name], self._watched[name]
        if found.number != number:
            return
        if found.state is ServiceState.UNHEALTHY:
            exit_ = Exit(
                succeeded=False,
                is_passing=found.was_healthy,
                words=f"It was not healthy: {watched.health_words or 'it gave no answer'}.",
                cause="unhealthy",
            )
        watched.exit_code = exit_.exit_code
        watched.attempt = None
        watched.progress = ""
        self._change(name, members.ended(found, self._clock(), exit_))

    async def _forget_network(self) -> None:
        with suppress(ProblemError, OSError, TimeoutError):
            async with asyncio.timeout(5.0):
                await self._runtime.remove_network(self.project_id)
