"""Small disks that are really full, seen by one hub alone: tmpfs in a mount namespace of its own."""

import errno
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

_SCRIPT = 'mkdir -p "$1" && mount -t tmpfs -o size="$2",mode=0700 none "$1" && shift 2 && exec "$@"'


def on_small_disk(mount_point: Path, size: str) -> list[str]:
    """Return the command to run another one with; skips where one may not mount."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is not installed: apt-get install util-linux")
    own_user = [] if os.geteuid() == 0 else ["--map-root-user"]
    inside = [unshare, *own_user, "--mount", "--propagation", "private"]
    tried = subprocess.run([*inside, "true"], capture_output=True, timeout=10, check=False)
    if tried.returncode:
        pytest.skip(f"no mount namespace here: {tried.stderr.decode().strip()}")
    return [*inside, "sh", "-c", _SCRIPT, "sh", str(mount_point), size]


def fill(directory: Path) -> Path:
    """Leave nothing free on the file system; remove the returned file to have room again."""
    file = directory / "filler"
    with file.open("wb", buffering=0) as writing:
        for size in (1024**2, 4096, 1):
            with suppress(OSError):
                while True:
                    writing.write(b"\0" * size)
    with pytest.raises(OSError, match="No space left") as full:
        (directory / "more").write_bytes(b"\0")
    assert full.value.errno == errno.ENOSPC
    with suppress(FileNotFoundError):
        (directory / "more").unlink()
    return file


def settings(tmp_path: Path, **more: str) -> Mapping[str, str]:
    return {"allowed_roots": str(tmp_path), "drain_seconds": "5", **more}
