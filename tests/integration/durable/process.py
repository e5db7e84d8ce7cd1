"""Hubs, workers and runners as processes that can be killed, stopped and looked at from outside."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import httpx

from tests import migrated, preloaded, web

T = TypeVar("T")

_START_SECONDS = 40.0
_ROOT = Path(__file__).parents[3]


class ServerProcess:
    """A hub or worker over one data directory. `start` and `kill` as often as wanted."""

    def __init__(
        self,
        data: Path,
        *,
        kind: str = "hub",
        settings: Mapping[str, str] | None = None,
        inside: Sequence[str] = (),
    ) -> None:
        """`inside` is a command that ends by executing the rest of its arguments."""
        self.data = data
        self._kind = kind
        self._inside = inside
        self.settings = dict(settings or {})
        self.executor_id = ""
        self._process: subprocess.Popen[bytes] | preloaded.Process | None = None
        self._told: BinaryIO | None = None
        self.url = ""
        self._token = ""
        self.log = data.parent / f"{kind}-{id(self):x}.log"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        migrated.fill(self.data)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(_ROOT / part) for part in ("src", "agents/sdk")),
            "COMMANDCENTER_DATA_DIRECTORY": str(self.data),
            "COMMANDCENTER_PORT": "0",
            **{f"COMMANDCENTER_{name.upper()}": value for name, value in self.settings.items()},
        }
        told, telling = os.pipe()
        self._told = os.fdopen(told, "rb")
        try:
            with self.log.open("ab") as log:
                self._process = self._begin(environment, telling, log.fileno())
        finally:
            os.close(telling)
        ready = self._ready_line()
        if self._kind == "hub":
            self.url = ready["url"]
            self._token = self.seen(Path(ready["token"])).read_text().strip()
        else:
            self.executor_id = ready["executor"]

    def _begin(
        self, environment: dict[str, str], output: int, errors: int
    ) -> "subprocess.Popen[bytes] | preloaded.Process":
        program = str(Path(__file__).with_name("serve.py"))
        words = [] if self._kind == "hub" else [self._kind]
        if not self._inside:
            return preloaded.start(
                program,
                *words,
                environment=environment,
                directory=self.data.parent,
                output=output,
                errors=errors,
                new_session=True,
            )
        return subprocess.Popen(
            [*self._inside, sys.executable, program, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )

    def seen(self, path: Path) -> Path:
        """The path as the process sees it, which may have mounts of its own."""
        return Path(f"/proc/{self.pid}/root{path}")

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """As a power cut does: nothing is told beforehand."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._close()

    def terminate(self, *, seconds: float = 30.0) -> int:
        """Stop it in order; return its exit code."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(seconds)
        return self._close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        with web.client(
            url=self.url, headers={"Authorization": f"Bearer {self._token}"}, timeout=20.0
        ) as client:
            return client.request(method, f"/api/v1{path}", **options)

    def get(self, path: str) -> Any:
        response = self.request("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, **options: Any) -> Any:
        response = self.request("POST", path, **options)
        assert response.status_code in {200, 201, 202}, response.text
        return response.json()

    def _ready_line(self) -> dict[str, str]:
        assert self._told is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._told, selectors.EVENT_READ)
            if not selector.select(_START_SECONDS):
                self.kill()
                raise AssertionError(f"not ready in {_START_SECONDS} s:\n{self._log_end()}")
        line = self._told.readline()
        if not line:
            self.kill()
            raise AssertionError(f"the {self._kind} ended at its start:\n{self._log_end()}")
        found: dict[str, str] = json.loads(line)
        return found

    def _close(self) -> int:
        assert self._process is not None
        code = self._process.wait(10)
        if self._told is not None:
            self._told.close()
        return code

    def _log_end(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


def eventually(look: Callable[[], T], holds: Callable[[T], bool], *, seconds: float) -> T:
    """Return what `look` gives once it holds; after the time, fail with what it gave last."""
    deadline = time.monotonic() + seconds
    while True:
        last = look()
        if holds(last):
            return last
        if time.monotonic() > deadline:
            raise AssertionError(f"not after {seconds} s; the last state was: {last}")
        time.sleep(0.05)


def processes_with(words: str) -> dict[int, str]:
    """Return the command lines, by process id, that contain the words. Not this process's."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words in line:
            found[int(entry.name)] = line.strip()
    return found


def runner_of(data: Path) -> int | None:
    found = processes_with("commandcenter.runner ")
    return next((pid for pid, line in found.items() if f"--data {data} " in line), None)
