"""The runner's side of the guardian, the small process that cleans up after a killed runner.

It has a session of its own and lives outside the runner's mount namespace, so that nothing which
ends the runner or its terminal ends it too, and nothing of the runner's is kept by it. It ends with
the runner, whichever way that goes. If it is killed itself, the runner starts another one; if both
are killed, the next runner of the data directory sweeps.
"""

import asyncio
import fcntl
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from commandcenter.runner import kernel
from commandcenter.runner.descriptors import close_all, readable
from commandcenter.runner.own_log import note

_PROGRAM = str(Path(__file__).with_name("guardian_program.py"))
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)
_EXEC_FAILED = 127
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 60.0


class Guardian:
    """Keeps one guardian process for this runner. `mark` is for its sandboxes to hold."""

    def __init__(self, instance: str, cgroups: Sequence[str], staging: Sequence[str]) -> None:
        """Raises OSError. To be made before the runner enters a mount namespace of its own."""
        self._arguments = (instance, *cgroups, "--", *staging)
        self.mark = _sealed_file(f"commandcenter-{instance}", instance.encode())
        self._outside = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        self._life: int | None = None
        self._process: int | None = None
        self.pid = 0

    def start(self) -> None:
        """Start a guardian process, without waiting until it is there. Raises OSError."""
        self._forget()
        life, self._life = os.pipe2(os.O_CLOEXEC)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                self._become(life)
        finally:
            os.close(life)
        self._process = os.pidfd_open(self.pid)

    async def watch(self) -> None:
        """Tell it who the runner is, and start another one whenever it dies. Never returns."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            with suppress(OSError):  # such as a lack of processes, or its death since: once more
                if self._process is None:
                    self.start()
                if self._process is not None and self._life is not None:
                    os.write(self._life, b"%d\n" % os.getpid())
                    await readable(self._process)
            self._forget()
            if time.monotonic() - began > _LONGEST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            note(f"the guardian ended; another one in {pause:g} seconds")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _forget(self) -> None:
        if self.pid:
            with suppress(ChildProcessError):  # a former process of the runner started it
                os.waitpid(self.pid, os.WNOHANG)
        close_all(self._life, self._process)
        self._life = self._process = None
        self.pid = 0

    def _become(self, life: int) -> None:
        """In the forked child: never returns."""
        try:
            os.setsid()
            for number in _IGNORED:  # stays so in the program
                signal.signal(number, signal.SIG_IGN)
            signal.set_wakeup_fd(-1)
            kernel.enter_mount_namespace(self._outside)
            os.chdir("/")
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            for fd in (life, self.mark):
                os.set_inheritable(fd, True)
            python = os.path.realpath(sys.executable)
            command = [python, "-I", "-S", "-B", _PROGRAM, str(life), str(self.mark)]
            os.execve(python, [*command, *self._arguments], {})  # noqa: S606 - no shell is the point
        except BaseException as error:  # noqa: BLE001 - nothing may return into the runner's code
            os.write(2, f"the guardian cannot be started: {error}\n".encode())
        finally:
            os._exit(_EXEC_FAILED)


def _sealed_file(name: str, data: bytes) -> int:
    """A file in memory that nobody can change, so that sandboxes cannot talk through it."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd
