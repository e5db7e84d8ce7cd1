"""Keeping one stack as it should be: one task that decides, and one per service that watches.

Facts (a probe's answer, a process's end, a wish of people) come through one queue, so that nothing
is decided on half a change. What is to be done is put on record before it is done: after a crash
the same attempt id finds what was started, or starts it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.base import Handle, Runtime
from commandcenter.runtimes.results import Stats
from commandcenter.stacks.attempt import Attempt, AttemptFacts, Prepare
from commandcenter.stacks.decide import Stop, decide
from commandcenter.stacks.errors import StackBusyError
from commandcenter.stacks.member import Exit
from commandcenter.stacks.prepared import Prepared
from commandcenter.stacks.probe import Answer
from commandcenter.stacks.recorder import StackRecord, StackRecorder, SupersededError
from commandcenter.stacks.roster import Beginning, Roster
from commandcenter.stacks.standing import Standing
from commandcenter.stacks.states import Desired, ServiceState, StackState, check_stack

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 2.0
_SETTLED_SECONDS = 2.0
_STAND_SECONDS = 10.0


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
        self.desired = beginning.desired
        self.state = beginning.state
        self.reason = ""
        self.roster = Roster(beginning, clock)
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

    def ask_restart(self, service: str, limits: dict[str, Any]) -> None:
        """Have one service ended and started again, with these limits; returns at once."""
        self._facts.put_nowait(lambda: self._restart(service, limits))

    async def settled(self) -> None:
        """Return once what was asked before is on record; or after a while, if it cannot be."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._facts.put_nowait(lambda: self._settling.append(told))
        if not self.has_ended:
            await asyncio.wait([told], timeout=_SETTLED_SECONDS)

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
                "A service of the stack is just being started or ended.",
                hint="Try again when it is up.",
            ) from None
        return self.roster.handles

    def go_on(self) -> None:
        """Go on where `stand` was called; idempotent."""
        self._standing.end()
        self._facts.put_nowait(lambda: None)

    async def until_going(self) -> int:
        return await self._standing.until_over()

    async def stats(self, service: str) -> Stats | None:
        """Limits read back and present use; None while no process is there."""
        handle = self.roster.handles.get(service)
        if handle is None:
            return None
        try:
            async with asyncio.timeout(2.0):
                return await self._runtime.stats(handle)
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
        return [task for attempt in self.roster.attempts for task in attempt.tasks]

    # Facts, told by attempts.

    def told(self, service: str, number: int, words: str) -> None:
        self.roster.told(service, number, words)

    def started(self, service: str, number: int, handle: Handle, prepared: Prepared) -> None:
        self._facts.put_nowait(lambda: self.roster.started(service, number, handle, prepared))

    def probed(
        self, service: str, number: int, answer: Answer, *, counts: bool, retries: int
    ) -> None:
        def apply() -> None:
            if self.roster.members[service].number == number:
                self._on_answer(answer)
            self.roster.probed(service, number, answer, counts=counts, retries=retries)

        self._facts.put_nowait(apply)

    def ended(self, service: str, number: int, exit_: Exit) -> None:
        self._facts.put_nowait(lambda: self.roster.ended(service, number, exit_))

    def is_healthy(self, service: str) -> bool:
        return self.roster.members[service].state is ServiceState.HEALTHY

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
                if self.roster.all_run:
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
            await asyncio.sleep(_AGAIN_SECONDS)
        return False

    def _adopt(self) -> None:
        """Watch what was started before this supervisor; or start it, under the same id."""
        for name, found in self.roster.members.items():
            if found.state.is_active:
                self._launch(name, found.number, self.roster.watched[name].handle)

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
                self.roster.stack,
                self.roster.members,
                before=self.state,
                now=self._clock(),
            )
            launches = [
                name
                for action in decision.actions
                if (name := self.roster.perform(action, self.desired))
            ]
            if decision.state is not self.state:
                self.state = check_stack(self.state, decision.state)
            self.reason = decision.reason
            await self._recorder.save_at_last(
                StackRecord(self.state, self.reason), self.roster.records()
            )
            for name in launches:
                self._launch(name, self.roster.members[name].number, None)
            if not any(not isinstance(action, Stop) for action in decision.actions):
                self._tell_settled()
                return decision.wake_at

    def _tell_settled(self) -> None:
        for told in self._settling:
            if not told.done():
                told.set_result(None)
        self._settling.clear()

    def _launch(self, name: str, number: int, handle: dict[str, Any] | None) -> None:
        attempt = Attempt(
            name,
            number,
            self.roster.limits(name),
            facts=self,
            runtime=self._runtime,
            prepare=self._prepare,
            clock=self._clock,
        )
        self.roster.watched[name].attempt = attempt
        attempt.begin(Handle(**handle) if handle is not None else None)

    def _set_desired(self, desired: Desired) -> None:
        self.desired = desired
        if desired is Desired.RUNNING:
            self.roster.ask_all()

    def _restart(self, service: str, limits: dict[str, Any]) -> None:
        if self.desired is Desired.RUNNING:
            self.roster.limit(service, limits)
            self.roster.restart(service)

    async def _forget_network(self) -> None:
        with suppress(ProblemError, OSError, TimeoutError):
            async with asyncio.timeout(5.0):
                await self._runtime.remove_network(self.project_id)
