"""A container engine of the tests' own: a dockerd with its own data, socket and networks.

One serves all workers of a test session: the first that needs it starts it, the last one ends it,
and nothing stays: no container, mount, network, bridge or file. `DOCKER_HOST` names another engine to
be used instead, from which only what the tests made is removed.
"""

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_START_SECONDS = 60.0
_STOP_SECONDS = 40.0


def why_not() -> str | None:
    """Say why no engine can be started here."""
    if os.geteuid() != 0:
        return "a container engine of the tests' own needs root; DOCKER_HOST can name another"
    for program in ("dockerd", "iptables"):
        if shutil.which(program) is None:
            return f"{program} is not installed: apt-get install docker.io iptables"
    return None


def ask_engine(
    method: str, path: str, body: bytes | None = None, *, socket_path: Path | None = None
) -> Any:
    """Make one call of an engine's API (that of `DOCKER_HOST`) to look behind the runtime."""
    place = socket_path or Path(os.environ["DOCKER_HOST"].removeprefix("unix://"))
    connection = http.client.HTTPConnection("localhost", timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(str(place))
        headers = {"Content-Type": "application/x-tar"} if body else {}
        with contextlib.suppress(BrokenPipeError):  # it answers before it has read all
            connection.request(method, path, body=body, headers=headers)
        text = connection.getresponse().read()
    finally:
        connection.close()
    with contextlib.suppress(ValueError):
        return json.loads(text) if text.strip() else None
    return text


class DockerEngine:
    """One dockerd below a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = directory / "docker.sock"
        self._log = directory / "dockerd.log"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it and return when it answers. Raises RuntimeError with the end of its log."""
        arguments = [
            "dockerd", "--host", self.url, "--data-root", str(self.directory / "data"),
            "--exec-root", str(self.directory / "exec"), "--pidfile", str(self._pidfile),
            "--bridge", "none", "--storage-driver", _storage_driver(self.directory),
            "--config-file", str(self.directory / "none.json"), "--log-level", "warn",
            "--shutdown-timeout", "5",
        ]  # fmt: skip
        (self.directory / "none.json").write_text("{}")
        # Not ended with this worker: others may use it still.
        with self._log.open("ab") as log:
            redirect = [(os.POSIX_SPAWN_DUP2, log.fileno(), number) for number in (1, 2)]
            program = str(shutil.which("dockerd"))
            pid = os.posix_spawn(program, arguments, os.environ, file_actions=redirect, setsid=True)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and _runs(pid):
            if self.socket.exists() and self._answers():
                return
            time.sleep(0.05)
        raise RuntimeError(f"dockerd did not start:\n{self._log.read_text()[-3000:]}")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it by its process id and wait until it is gone. Idempotent."""
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            pid = int(self._pidfile.read_text())
            if str(self.socket).encode() not in Path(f"/proc/{pid}/cmdline").read_bytes():
                return
            os.kill(pid, number)
            deadline = time.monotonic() + _STOP_SECONDS
            while _runs(pid):
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.02)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._pidfile.unlink(missing_ok=True)

    def remove(self) -> None:
        """End it with all that was made in it, and remove its directory."""
        if self.socket.exists() and self._answers():
            for identifier in self.call("GET", "/containers/json?all=1") or []:
                self.call("DELETE", f"/containers/{identifier['Id']}?force=1&v=1")
            self.call("POST", "/networks/prune")
        self.stop()
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            place = line.split()[4]
            if place.startswith(f"{self.directory}/"):
                subprocess.run(["umount", "-l", place], check=False, capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def call(self, method: str, path: str, body: bytes | None = None) -> Any:
        return ask_engine(method, path, body, socket_path=self.socket)

    @property
    def _pidfile(self) -> Path:
        return self.directory / "dockerd.pid"

    def _answers(self) -> bool:
        try:
            return self.call("GET", "/_ping") is not None
        except OSError:
            return False


@contextmanager
def shared_engine(session: str) -> Iterator[DockerEngine]:
    """The engine of a test session, whichever worker comes first and last."""
    home = Path("/tmp") / f"cc-dockerd-{session}"
    with _locked(home) as users:
        engine = DockerEngine(home / "engine")
        if not users.exists() or not engine.socket.exists():
            engine.directory.mkdir(exist_ok=True)
            try:
                engine.start()
            except BaseException:
                engine.remove()
                raise
        _count(users, 1)
    try:
        yield engine
    finally:
        with _locked(home) as users:
            if _count(users, -1) == 0:
                engine.remove()
                shutil.rmtree(home, ignore_errors=True)
                (home.parent / f"{home.name}.lock").unlink(missing_ok=True)


@contextmanager
def own_engine() -> Iterator[DockerEngine]:
    """An engine of one test's own, to be stopped and started."""
    directory = Path(tempfile.mkdtemp(prefix="ccd-", dir="/tmp"))
    engine = DockerEngine(directory)
    try:
        engine.start()
        yield engine
    finally:
        engine.remove()


@contextmanager
def _locked(home: Path) -> Iterator[Path]:
    home.mkdir(mode=0o711, exist_ok=True)
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        home.mkdir(mode=0o711, exist_ok=True)
        yield home / "users"


def _count(users: Path, change: int) -> int:
    number = (int(users.read_text()) if users.exists() else 0) + change
    users.write_text(str(number))
    return number


def _storage_driver(directory: Path) -> str:
    """`overlay2` unless the directory is on an overlay itself, where it cannot be."""
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", str(directory)], check=True, capture_output=True, text=True
    ).stdout.strip()
    return "vfs" if kind == "overlayfs" else "overlay2"


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
