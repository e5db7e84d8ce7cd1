"""A hub in a process of its own, on the fake runtime, and the program as people call it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from commandcenter.cli.local_hub import retire_runner
from tests import migrated, preloaded, web

MODULE = "commandcenter.cli"
PROGRAM = (sys.executable, "-m", MODULE)
SOURCES = Path(__file__).resolve().parents[3]
_START_SECONDS = 40.0
_STOP_SECONDS = 20.0
_COMMAND_SECONDS = 60.0


def environment(**more: str) -> dict[str, str]:
    """Return an environment without this machine's own hub, whose output is plain."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("COMMANDCENTER_")}
    kept["PYTHONPATH"] = os.pathsep.join([str(SOURCES / "src"), str(SOURCES / "agents" / "sdk")])
    return {**kept, "COLUMNS": "120", "LINES": "40", **more}


def wait_for(what: str, look: Callable[[], Any], *, seconds: float = 30.0) -> Any:
    """Return the first truthy thing `look` returns; tell the last one when the time is over."""
    deadline = time.monotonic() + seconds
    seen: Any = None
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {seconds} s; last seen: {seen!r}")


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Hub:
    data: Path
    projects: Path
    arguments: tuple[str, ...] = ("--no-demo", "--runtime", "fake")
    port: int = 0
    prefix: tuple[str, ...] = ()  # of the command that starts it
    process: "subprocess.Popen[bytes] | preloaded.Process | None" = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.data.parent / "hub.out"

    @property
    def environment(self) -> dict[str, str]:
        return environment(
            COMMANDCENTER_DATA_DIRECTORY=str(self.data),
            COMMANDCENTER_ALLOWED_ROOTS=str(self.projects),
            COMMANDCENTER_DRAIN_SECONDS="8",
        )

    @property
    def url(self) -> str:
        return (self.data / "hub.lock").read_text()

    def start(self) -> None:
        if not self.prefix:  # whoever that makes of it could not read what is put there
            migrated.fill(self.data)
        words = ("up", "--port", str(self.port), *self.arguments)
        with self.log.open("ab") as log:
            if self.prefix:
                self.process = subprocess.Popen(
                    [*self.prefix, *PROGRAM, *words],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.data.parent,
                )
            else:
                self.process = self._begun(words, log.fileno())
        wait_for("the hub", self._answers, seconds=_START_SECONDS)
        self.port = int(self.url.rsplit(":", 1)[1])

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the hub has ended: {self.log.read_text()}")
        try:
            return web.get(f"{self.url}/health").is_success
        except (OSError, httpx.HTTPError):
            return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(_STOP_SECONDS)

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_STOP_SECONDS)
            raise

    def retire_runner(self) -> None:
        """End the runner, which would otherwise wait for the next hub."""
        asyncio.run(retire_runner(self.data))

    def run(self, *words: str, stdin: str | None = None, code: int | None = 0) -> Done:
        """Run the program to its end; `code` is what it must exit with, None for anything."""
        done = preloaded.run(
            MODULE,
            *words,
            environment=self.environment,
            directory=self.data.parent,
            text=stdin or "",
            seconds=_COMMAND_SECONDS,
        )
        assert code is None or done.returncode == code, (
            f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _begun(self, words: tuple[str, ...], output: int) -> preloaded.Process:
        return preloaded.start(
            MODULE,
            *words,
            environment=self.environment,
            directory=self.data.parent,
            output=output,
            errors=output,
        )

    def json(self, *words: str, code: int = 0) -> Any:
        return self.run(*words, "--json", code=code).json

    @contextmanager
    def begin(self, *words: str) -> Iterator["Started"]:
        """Start the program; it is ended with the block if it has not ended by itself."""
        file = self.data.parent / "begun.out"
        with file.open("wb") as out:
            process = self._begun(words, out.fileno())
        try:
            yield Started(process, file)
        finally:
            process.kill()
            process.wait(_STOP_SECONDS)


@dataclass
class Started:
    process: preloaded.Process
    file: Path

    @property
    def out(self) -> str:
        return self.file.read_text()

    def says(self, words: str) -> None:
        """Wait until it has said so; fail with all it said once it has ended or time is over."""

        def look() -> bool:
            ended = self.process.poll()
            if words in self.out:
                return True
            assert ended is None, f"it ended with {ended} and never said {words!r}:\n{self.out}"
            return False

        try:
            wait_for(words, look)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said:\n{self.out}") from error


AGENTS = {
    "pretend": """\
        name: pretend
        version: 1.0.0
        description: Does what its input says.
        type: ANALYSIS
        risk: AUTO
        command: [python, main.py]
        workspace: none
        inputs: {type: object}
        outputs: {type: object}
        """,
    "risky": """\
        name: risky
        version: 1.0.0
        description: Would change something.
        type: MODIFICATION
        risk: APPROVAL_REQUIRED
        command: [python, main.py]
        workspace: none
        inputs:
          type: object
          properties:
            patchContent: {type: string, contentMediaType: text/x-diff}
        outputs: {type: object}
        """,
    "careful": """\
        name: careful
        version: 1.0.0
        description: Looks before it would change something.
        type: MODIFICATION
        risk: APPROVAL_REQUIRED
        command: [python, main.py]
        workspace: none
        inputs: {type: object, properties: {fake: {type: object}}}
        outputs: {type: object}
        check:
          inputs:
            fake:
              stdout: "looked at it\\n"
              output: {message: "it fits \\e[2J", filesModified: [a.txt, b.txt]}
        """,
    "hopeless": """\
        name: hopeless
        version: 1.0.0
        description: Finds that it cannot change anything.
        type: MODIFICATION
        risk: APPROVAL_REQUIRED
        command: [python, main.py]
        workspace: none
        inputs: {type: object, properties: {fake: {type: object}}}
        outputs: {type: object}
        check:
          inputs:
            fake:
              exit_code: 1
              stderr: "error: it is in the way\\n"
              output: {message: it does not fit, conflicts: [{file: a.txt, reason: edited}]}
        """,
}
WORKFLOWS = {
    "quick": """\
        name: quick
        inputs:
          word: {type: string, default: hello}
        nodes:
          say:
            agent: pretend
            with:
              word: "{{inputs.word}}"
              fake:
                stdout: "line one\\nline two\\n"
                output:
                  score: 71
                  findings: [{severity: warning, file: a.py, line: 3, message: odd}]
                artifacts:
                  report.sarif: >-
                    {"version": "2.1.0", "runs": [{"results": [{"level": "warning"}]}]}
          then: {agent: pretend, needs: [say]}
        """,
    "broken": """\
        name: broken
        nodes:
          fine: {agent: pretend}
          bad:
            agent: pretend
            needs: [fine]
            with: {fake: {exit_code: 3, stderr: "it went wrong\\n"}}
        """,
    "slow": """\
        name: slow
        nodes:
          long: {agent: pretend, with: {fake: {seconds: 40, stdout: "still at it\\n"}}}
        """,
    "gated": """\
        name: gated
        inputs:
          patch: {type: string}
        nodes:
          look: {agent: pretend}
          change: {agent: risky, needs: [look], with: {patchContent: "{{{inputs.patch}}}"}}
        """,
    "checked": """\
        name: checked
        nodes:
          change: {agent: careful}
        """,
    "in-vain": """\
        name: in-vain
        nodes:
          change: {agent: hopeless}
        """,
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with agents and workflows for tests; one for the tests of a module."""
    root = tmp_path_factory.mktemp("cli")
    hub = Hub(root / "data", root / "projects")
    hub.projects.mkdir()
    hub.start()
    try:
        furnish(hub)
        yield hub
    finally:
        hub.stop()


def furnish(hub: Hub) -> None:
    """Register agents and workflows the way people do."""
    for name, manifest in AGENTS.items():
        folder = hub.projects / "agents" / name
        folder.mkdir(parents=True)
        (folder / "agent.yaml").write_text(textwrap.dedent(manifest))
        (folder / "main.py").write_text("print('never run by the fake runtime')\n")
        hub.run("agents", "register", str(folder))
    for name, source in WORKFLOWS.items():
        file = hub.projects / f"{name}.yaml"
        file.write_text(textwrap.dedent(source))
        hub.run("workflows", "add", str(file))


@pytest.fixture(scope="session")
def patch() -> str:
    return "--- a/hello.txt\n+++ b/hello.txt\n@@ -1 +1 @@\n-hello\n+good\u202ebye\x1b[2J\n"
