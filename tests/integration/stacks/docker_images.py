"""Small images for the tests of stacks on Docker, made of busybox."""

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

_APPLETS = ("cat", "date", "echo", "httpd", "id", "ls", "sh", "sleep", "test", "touch", "wc")
_USERS = "root:x:0:0::/:/bin/sh\nkeeper:x:500:501::/:/bin/sh\n"


def docker(host: str, *words: str, stdin: bytes | None = None) -> str:
    """Run the engine's own client: it sees what the product does from outside."""
    environment = {**os.environ, "DOCKER_HOST": host}
    done = subprocess.run(
        ["docker", *words], input=stdin, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def need_programs() -> Path:
    """Skip, saying why, where there is no client or nothing to make an image of; the busybox."""
    if shutil.which("docker") is None:
        pytest.skip("the client of Docker is not installed")
    for place in ("/bin/busybox", "/usr/bin/busybox"):
        shown = subprocess.run(["readelf", "-l", place], capture_output=True, check=False)
        if shown.returncode == 0 and b"INTERP" not in shown.stdout:
            return Path(place)
    pytest.skip("busybox-static is not installed")


def make_small_image(host: str, busybox: Path, name: str) -> None:
    """Make an image with a shell and a web server, and nothing else."""
    change = 'CMD ["/bin/sleep", "600"]'
    docker(host, "import", "--change", change, "-", name, stdin=_tar(busybox))


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
