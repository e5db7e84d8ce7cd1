"""A sandbox whose runner dies before the release never runs its program, and ends."""

import socket
import subprocess
from pathlib import Path

import pytest

from commandcenter.runner import seccomp
from commandcenter.runner.bwrap import find_bubblewrap
from commandcenter.runtimes.sandbox.doctor import can_isolate

pytestmark = pytest.mark.skipif(not can_isolate(), reason="this machine cannot isolate")


@pytest.fixture
def waiting(tmp_path: Path) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """bubblewrap, waiting for its filter as it does in `launch`, and the runner's end."""
    ours, theirs = socket.socketpair()
    with theirs:
        fd = theirs.fileno()
        process = subprocess.Popen(
            [
                find_bubblewrap().path, "--ro-bind", "/", "/", "--bind", tmp_path, tmp_path,
                "--unshare-user", "--unshare-pid", "--die-with-parent", "--new-session",
                "--seccomp", str(fd), "--", "touch", tmp_path / "ran",
            ],
            pass_fds=(fd,),
            stderr=subprocess.PIPE,
        )  # fmt: skip
    return ours, process


def test_the_filter_is_the_release(
    waiting: tuple[socket.socket, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    ours, process = waiting
    with ours, process:
        ours.sendall(seccomp.program())
        ours.shutdown(socket.SHUT_WR)
        assert process.wait(20) == 0
    assert (tmp_path / "ran").exists()


def test_an_end_of_file_is_none(
    waiting: tuple[socket.socket, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    ours, process = waiting
    with process:
        ours.close()
        assert process.wait(20) != 0
    assert not (tmp_path / "ran").exists()
