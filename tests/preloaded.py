"""Processes of the program that need not import it: forked from one that has.

Importing the hub takes seconds of CPU on a small machine, and the suite starts hubs and commands by
the hundred. What runs here is the real program in a process of its own, with its own environment,
files and signals; only the interpreter's start and its imports are shared. How the program starts
by itself is tested where `subprocess` is used. Linux only.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

_SOURCES = Path(__file__).resolve().parents[1]
_MAX_BYTES = 1 << 18  # of a request; the system's bound of one message is not much higher
_KINDS = 4  # descriptors of a request: input, output, errors, and where to tell the end


class Process:
    """What the tests use of `subprocess.Popen`, of a forked process."""

    def __init__(self, told: int) -> None:
        self._told = os.fdopen(told, "rb", buffering=0)
        line = self._line()
        assert line, "the process that forks others has ended"
        self.pid = int(line)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, minus a signal's number, or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raises `subprocess.TimeoutExpired` after seconds."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            line = self._line()
            self.returncode = int(line) if line else -signal.SIGKILL
            self._told.close()
        return self.returncode

    def _line(self) -> bytes:
        found = b""
        while not found.endswith(b"\n") and (more := self._told.read(1)):
            found += more
        return found


def start(
    program: str,
    *words: str,
    environment: Mapping[str, str],
    directory: Path,
    output: int,
    errors: int,
    stdin: int | None = None,
    new_session: bool = False,
) -> Process:
    """Start a module (or a file, by its path) with open files as its input and outputs."""
    told, telling = os.pipe()
    request = {
        "program": program,
        "words": words,
        "environment": dict(environment),
        "directory": str(directory),
        "new_session": new_session,
    }
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - no path of anybody's
        files = [nothing.fileno() if stdin is None else stdin, output, errors, telling]
        socket.send_fds(_forks(), [json.dumps(request).encode()], files)
    os.close(telling)
    return Process(told)


def run(
    program: str,
    *words: str,
    environment: Mapping[str, str],
    directory: Path,
    seconds: float,
    text: str = "",
) -> "subprocess.CompletedProcess[str]":
    """Run it to its end with a text as its input; raises `subprocess.TimeoutExpired`."""
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        stdin.write(text.encode())
        stdin.seek(0)
        process = start(
            program,
            *words,
            environment=environment,
            directory=directory,
            stdin=stdin.fileno(),
            output=output.fileno(),
            errors=errors.fileno(),
        )
        try:
            code = process.wait(seconds)
        finally:
            process.kill()
        told = []
        for file in (output, errors):
            file.seek(0)
            told.append(file.read().decode())
    return subprocess.CompletedProcess((program, *words), code, *told)


@functools.cache
def _forks() -> socket.socket:
    """The way to the process that forks; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COMMANDCENTER_")}
    subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # not interrupted with the tests
        env={
            **environment,
            "PYTHONPATH": os.pathsep.join(str(_SOURCES / part) for part in ("src", "agents/sdk")),
            "COLUMNS": "120",
            "LINES": "40",
        },
    ).returncode = 0  # it ends by itself when `ours` is closed, and nobody asks how
    theirs.close()
    atexit.register(ours.close)
    return ours


def _serve(requests: socket.socket) -> dict[str, object] | None:
    """Fork whatever is asked for; return its request in the new process, None at the end."""
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests.fileno(), woken], [], [])
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            _reap(running)
        if requests.fileno() not in ready:
            continue
        message, files, _, _ = socket.recv_fds(requests, _MAX_BYTES, _KINDS)
        if not message:
            return None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            _become(files)
            request: dict[str, object] = json.loads(message)
            return request
        os.write(files[-1], b"%d\n" % pid)
        for file in files[:-1]:
            os.close(file)
        running[pid] = files[-1]


def _reap(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        told = running.pop(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(told)


def _become(files: list[int]) -> None:
    """Be as a program is that was just started: its three files, and the usual signals."""
    for number, file in enumerate(files[:-1]):
        os.dup2(file, number)
    os.closerange(3, 1024)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _run(request: dict[str, object]) -> None:
    if request["new_session"]:
        os.setsid()
    environment = request["environment"]
    assert isinstance(environment, dict)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    tempfile.tempdir = None  # is found again in the new environment
    os.chdir(str(request["directory"]))
    program = str(request["program"])
    words = request["words"]
    assert isinstance(words, list)
    sys.argv = [program, *words]
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


def _main() -> None:
    requests = socket.socket(fileno=int(sys.argv[1]))
    from commandcenter import cli  # noqa: PLC0415 - in the process alone

    for module in pkgutil.iter_modules(cli.__path__):
        if module.name != "__main__":
            importlib.import_module(f"{cli.__name__}.{module.name}")
    for name in ("commandcenter.hub.server", "commandcenter.hub.worker"):
        importlib.import_module(name)
    from commandcenter.hub.dump_openapi import openapi_text  # noqa: PLC0415 - as above

    openapi_text()  # makes the routes, which would take each hub's first request a second of CPU
    assert threading.active_count() == 1  # others would not be there after a fork
    gc.collect()
    gc.freeze()
    request = _serve(requests)
    if request is not None:
        requests.detach()  # was closed with all others
        try:
            _run(request)
        except SystemExit as ended:
            _end(ended)


def _end(ended: SystemExit) -> None:
    """End as the interpreter does, without taking all modules apart, which takes long."""
    if not isinstance(ended.code, int):
        raise ended
    threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ended.code)


if __name__ == "__main__":
    _main()
