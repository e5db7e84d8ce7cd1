import io
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from commandcenter.runtimes.docker.runtime import DockerRuntime
from tests.docker_engine import ask_engine

BUSYBOX = Path("/bin/busybox")


@pytest.fixture
def data(docker_host: str) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="cc-docker-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def runtime(data: Path) -> AsyncIterator[DockerRuntime]:
    runtime = DockerRuntime(data)
    can = await runtime.capabilities()
    if not can.available:
        pytest.skip("; ".join(can.problems))
    yield runtime
    await runtime.close()


@pytest.fixture
def busybox(docker_host: str) -> str:
    """A tiny image of this machine's static busybox, with a user `app` (1234:4321)."""
    if not BUSYBOX.exists():
        pytest.skip("busybox is not installed: apt-get install busybox-static")
    name = "cc-test/busybox:1"
    data = archive(
        {
            "bin/busybox": BUSYBOX.read_bytes(),
            "etc/passwd": b"root:x:0:0::/root:/bin/sh\napp:x:1234:4321::/:/bin/sh\n",
            "etc/group": b"root:x:0:\nstaff:x:50:\napp:x:4321:\n",
            "data/from-image": b"of the image\n",
        },
        links={"bin/sh": "busybox", "bin/cat": "busybox", "bin/sleep": "busybox"},
    )
    changes = "&".join(
        f"changes={change}"
        for change in (
            "ENV%20PATH=/bin",
            "USER%20app:staff",
            "ENTRYPOINT%20%5B%22/bin/busybox%22%5D",
            "CMD%20%5B%22echo%22,%22of%20the%20image%22%5D",
            "EXPOSE%208080/tcp%2053/udp",
            "VOLUME%20/data",
            "WORKDIR%20/data",
            "HEALTHCHECK%20--interval=7s%20--retries=4%20CMD%20test%20-e%20/data",
        )
    )
    ask_engine("POST", f"/v1.41/images/create?fromSrc=-&repo=cc-test/busybox&tag=1&{changes}", data)
    return name


def archive(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return buffer.getvalue()
