"""Small images for the tests of stacks on Docker, made of busybox and removed afterwards."""

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

_APPLETS = ("cat", "date", "echo", "httpd", "id", "ls", "sh", "sleep", "test", "touch", "wc")
_USERS = "root:x:0:0::/:/bin/sh\nkeeper:x:500:501::/:/bin/sh\n"


def docker(*words: str, stdin: bytes | None = None) -> str:
    """Run the engine's own client: it sees what the product does from outside."""
    done = subprocess.run(["docker", *words], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def need_engine() -> Path:
    """Skip, saying why, where there is no engine, or nothing to make an image of; the busybox."""
    found = shutil.which("busybox")
    if found is None or b"INTERP" in _readelf(found):
        pytest.skip("busybox-static is not installed")
    if shutil.which("docker") is None:
        pytest.skip("the client of Docker is not installed")
    done = subprocess.run(["docker", "info"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no Docker engine answers")
    return Path(found)


def _readelf(path: str) -> bytes:
    return subprocess.run(["readelf", "-l", path], capture_output=True, check=False).stdout


@contextmanager
def small_image(busybox: Path) -> Iterator[str]:
    """Give the name of an image with a shell and a web server, and nothing else."""
    name = f"cc-tests/small:{os.getpid()}"
    docker("import", "--change", 'CMD ["/bin/sleep", "600"]', "-", name, stdin=_tar(busybox))
    try:
        yield name
    finally:
        subprocess.run(["docker", "rmi", "-f", name], capture_output=True, check=False)


def _tar(busybox: Path) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for folder in ("bin", "etc", "tmp", "run"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        _add(tar, "bin/busybox", busybox.read_bytes(), 0o755)
        _add(tar, "etc/passwd", _USERS.encode(), 0o644)
        _add(tar, "etc/group", b"root:x:0:\nkeeper:x:501:\n", 0o644)
        for applet in _APPLETS:
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return made.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def remove_all(labels: Mapping[str, str]) -> None:
    """Remove what the hub's data directory has left in the engine: its containers and volumes."""
    filters = [word for name, text in labels.items() for word in ("-f", f"label={name}={text}")]
    for listing, removal in (
        (("ps", "-aq"), ("rm", "-f")),
        (("volume", "ls", "-q"), ("volume", "rm", "-f")),
        (("network", "ls", "-q"), ("network", "rm")),
        (("images", "-q"), ("rmi", "-f")),
    ):
        found = docker(*listing, *filters).split()
        if found:
            subprocess.run(
                ["docker", *removal, *dict.fromkeys(found)], capture_output=True, check=False
            )
