"""Letting no process of a sandbox run for a while, so that its files are those of one moment.

Each process is sent SIGSTOP until a pass over all finds none that runs. A cgroup freezer is not
used: in version 1 what is frozen cannot be killed, so that a runner that was killed itself would
leave services that nobody can end. What is stopped by a signal ends with its runner as ever, and
nothing in the sandbox is left to wake it.
"""

import asyncio
import os
import signal
import time
from contextlib import suppress

from commandcenter.runner.errors import IsolationError
from commandcenter.runner.watch import descendants

_DEADLINE_SECONDS = 5.0
_AFRESH_SECONDS = 0.5
_PASS_SECONDS = 0.001
_QUIET_PASSES = 2  # one alone may miss a process that got another parent while it was made
_STANDING = frozenset("TtZX")

_Thread = tuple[int, int]  # process and thread


class Stillness:
    """The processes of one sandbox, standing still from `begin` to `end`."""

    def __init__(self, init_pid: int) -> None:
        self._init_pid = init_pid
        self._held: dict[int, int] = {}  # process: a descriptor of it
        self._switches: dict[_Thread, str] = {}

    async def begin(self) -> None:
        """Return when every process stands still. Raises `IsolationError`, and then all go on."""
        try:
            await self._stop_all()
            self._switches = self._read_switches()
        except BaseException:
            self._go_on()
            raise

    async def _stop_all(self) -> None:
        now = time.monotonic()
        deadline, afresh = now + _DEADLINE_SECONDS, now + _AFRESH_SECONDS
        quiet = 0
        while quiet < _QUIET_PASSES:
            quiet = 0 if self._stop_running() else quiet + 1
            now = time.monotonic()
            if quiet == 0 and now > deadline:
                raise IsolationError(
                    "The service's processes do not stand still.",
                    hint="One may be waiting for a disk; try again.",
                )
            if quiet == 0 and now > afresh:
                # Whoever waits for a child to become another program cannot be stopped before that,
                # and the child was.
                self._go_on()
                afresh = now + _AFRESH_SECONDS
            await asyncio.sleep(_PASS_SECONDS)

    def end(self) -> bool:
        """Let all go on; whether none of them has run in between. Idempotent."""
        present = self._read_switches()
        stood = bool(self._switches) and all(
            self._switches.get(thread) == switches for thread, switches in present.items()
        )
        self._switches = {}
        self._go_on()
        return stood

    def _stop_running(self) -> bool:
        """SIGSTOP for each process that runs; whether there was one."""
        ran = False
        for pid in descendants(self._init_pid):
            if _stands_still(pid):
                continue
            ran = True
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._hold(pid), signal.SIGSTOP)
        return ran

    def _hold(self, pid: int) -> int:
        """A descriptor of the process. Raises ProcessLookupError if the number is another's."""
        if pid not in self._held:
            held = os.pidfd_open(pid)
            try:
                ours = os.stat(f"/proc/{self._init_pid}/ns/pid")
                theirs = os.stat(f"/proc/{pid}/ns/pid")
            except FileNotFoundError as error:
                os.close(held)
                raise ProcessLookupError from error
            if not os.path.samestat(ours, theirs):
                os.close(held)
                raise ProcessLookupError
            self._held[pid] = held
        return self._held[pid]

    def _go_on(self) -> None:
        """SIGCONT for those that were stopped here: what was stopped before stays so."""
        for held in self._held.values():
            with suppress(OSError):
                signal.pidfd_send_signal(held, signal.SIGCONT)
            os.close(held)
        self._held.clear()

    def _read_switches(self) -> dict[_Thread, str]:
        """How often each thread was given a processor: it changes whenever one has run."""
        found: dict[_Thread, str] = {}
        for pid in descendants(self._init_pid):
            for thread in _threads(pid):
                with suppress(OSError):
                    path = f"/proc/{pid}/task/{thread}/status"
                    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                        lines = [line for line in file if "ctxt_switches" in line]
                    found[pid, thread] = "".join(lines)
        return found


def _threads(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(thread) for thread in os.listdir(f"/proc/{pid}/task")]
    return []


def _stands_still(pid: int) -> bool:
    for thread in _threads(pid):
        with suppress(OSError):
            with open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:  # noqa: PTH123
                state = file.read().rpartition(b")")[2].split()[0]
            if state.decode() not in _STANDING:
                return False
    return True
