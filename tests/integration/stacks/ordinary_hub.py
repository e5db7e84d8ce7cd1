"""A hub of an ordinary user, started by root: it may not limit what its services use."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli.conftest import SOURCES

USER = 54323
# "$1" and what follows up to "--" are shown where they are, though they lie below "$0".
_SCRIPT = """\
hidden=$0 kept=/mnt number=0
mount -t tmpfs none "$kept" || exit 1
for path; do
  shift
  [ "$path" = -- ] && break
  number=$((number + 1))
  mkdir "$kept/$number" && mount --bind "$path" "$kept/$number" || exit 1
  paths="$paths $path"
done
if [ "$number" -gt 0 ]; then
  mount -t tmpfs -o mode=0755 none "$hidden" || exit 1
  number=0
  for path in $paths; do
    number=$((number + 1))
    mkdir -p "$path" && mount --bind "$kept/$number" "$path" || exit 1
  done
fi
exec setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups "$@"
"""


def as_ordinary_user() -> tuple[str, ...]:
    """Return what to put before a command of this Python; skips where it cannot be done."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv") or not shutil.which("unshare"):
        pytest.skip("setpriv or unshare is not installed: apt-get install util-linux")
    needed = [Path(os.path.realpath(sys.base_prefix)), SOURCES]
    hidden = next((found for path in needed if (found := _closed_above(path))), None)
    shown = [str(path) for path in needed if hidden and path.is_relative_to(hidden)]
    prefix = (
        *("unshare", "--mount", "--propagation", "private"),
        *("sh", "-c", f"USER_ID={USER}\n{_SCRIPT}", str(hidden or "/"), *shown, "--"),
    )
    tried = subprocess.run(
        [*prefix, sys.executable, "-c", "import commandcenter"],
        capture_output=True,
        cwd="/",
        timeout=20,
        check=False,
    )
    if tried.returncode:
        pytest.skip(f"no ordinary user can run this Python: {tried.stderr.decode()[-300:]}")
    return prefix


def _closed_above(path: Path) -> Path | None:
    """Return the topmost folder above that others may not enter."""
    for parent in reversed(path.parents):
        if not parent.stat().st_mode & 0o001:
            return parent
    return None
