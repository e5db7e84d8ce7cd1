"""What a person sees: the live tree, in a pseudo-terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.cli.conftest import PROGRAM, Hub, wait_for

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program in a terminal of 40 lines of 140 characters."""

    def __init__(self, hub: Hub, *words: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
        size = {"COLUMNS": "140", "LINES": "40"}
        self.process = subprocess.Popen(
            [*PROGRAM, *words],
            env={**hub.environment, **size, "TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            cwd=hub.data.parent,
        )
        os.close(slave)
        self.seen = ""

    @property
    def words(self) -> str:
        return _CONTROL.sub("", self.seen)

    def read(self) -> None:
        while select.select([self._master], [], [], 0.05)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return  # the other end is closed
            if not data:
                return
            self.seen += data.decode(errors="replace")

    def wait_for(self, *texts: str, seconds: float = 40.0) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.read()
            if all(text in self.words for text in texts):
                return
        raise AssertionError(f"{texts} did not appear; seen: {self.words[-3000:]}")

    def wait(self) -> int:
        def ended() -> bool:
            self.read()
            return self.process.poll() is not None

        wait_for("the end of the program", ended)
        self.read()
        assert self.process.returncode is not None
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        os.close(self._master)


@contextmanager
def terminal(hub: Hub, *words: str) -> Iterator[Terminal]:
    made = Terminal(hub, *words)
    try:
        yield made
    finally:
        made.close()


def test_a_live_tree_shows_states_and_the_last_log_line(hub: Hub) -> None:
    with terminal(hub, "run", "slow") as seen:
        seen.wait_for("slow@1", "long  running", "still at it")
        assert "\x1b[" in seen.seen
        # Ctrl-C detaches: the run goes on.
        seen.process.send_signal(signal.SIGINT)
        assert seen.wait() == 130
        assert "goes on" in seen.words
        assert "runs watch run_" in seen.words
    assert hub.json("runs", "show", "latest")["state"] == "running"
    hub.run("runs", "cancel", "latest", "--wait")


def test_the_tree_waits_at_an_approval_and_ends_with_a_summary(hub: Hub) -> None:
    with terminal(hub, "run", "gated", "--input", "patch=none") as seen:
        seen.wait_for("change  waiting", "Approval needed for change", "approve apr_")
        hub.run("approve", "latest")
        assert seen.wait() == 0
        assert "└─ ✔ change" in seen.words
        assert "gated succeeded after" in seen.words
