"""What escapes are tried with, on every runtime: things of the host, and the agent that tries."""

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.probing import GROUPS, PROBES


@pytest.fixture(scope="module")
def canaries() -> Iterator[bytes]:
    """Things of the host that are there to be reached, and must not be."""
    place = Path(tempfile.mkdtemp(prefix="cc-canary-"))
    place.chmod(0o755)
    (place / "canary").write_text("the host's")
    listener = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0cc-canary-{os.getpid()}")
    abstract.listen()
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(place / "socket"))
    (place / "socket").chmod(0o777)
    unix.listen()
    os.environ["HUB_CANARY"] = "CANARY"
    yield json.dumps(
        {
            "file": str(place / "canary"),
            "pid": os.getpid(),
            "port": listener.getsockname()[1],
            "abstract": f"cc-canary-{os.getpid()}",
            "unix": str(place / "socket"),
        }
    ).encode()
    del os.environ["HUB_CANARY"]
    for opened in (listener, abstract, unix):
        opened.close()
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def agent() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="cc-probes-"))
    place.chmod(0o755)
    shutil.copy(PROBES, place)
    for group in GROUPS:  # a warm job is `python FILE` without arguments
        (place / f"{group}.py").write_text(
            "import runpy, sys\n"
            f"sys.argv = ['/agent/probes.py', {group!r}]\n"
            "runpy.run_path('/agent/probes.py', run_name='__main__')\n"
        )
    yield place
    shutil.rmtree(place)
