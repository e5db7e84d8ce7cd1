"""An image without a file: what an attempt that names no image sees is the machine's own, mounted.

It has only the places where mounts go, and the same links at the top as the machine. `/sbin` is a
directory of its own, because engines put their small process 1 there and could not on a link that
leads into a read-only mount; what the machine has there is found in `/usr/sbin`.
"""

import asyncio
import hashlib
import io
import json
import tarfile

from commandcenter.runner.plan import system_links
from commandcenter.runtimes.docker.engine import Engine, EngineError

REPOSITORY = "commandcenter/userland"
_DIRECTORIES = ("dev", "etc", "home", "opt", "proc", "run", "sbin", "sys", "tmp", "usr")
_OPEN = {"tmp": 0o1777}


def archive() -> bytes:
    """The image's only layer; the same bytes on every call on this machine."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in _DIRECTORIES:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, _OPEN.get(name, 0o755)
            tar.addfile(entry)
        for path, target in sorted(system_links()):
            if path != "/sbin":
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
                tar.addfile(entry)
    return buffer.getvalue()


class Userland:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._making = asyncio.Lock()
        self._is_there = False
        self._data = archive()
        digest = hashlib.sha256(self._data).hexdigest()[:12]
        self.reference = f"{REPOSITORY}:{digest}"

    async def provide(self) -> str:
        """Return the image's name; it is made at the first use, and again if it was removed."""
        async with self._making:
            if not self._is_there:
                try:
                    await self._engine.call("GET", f"images/{self.reference}/json")
                except EngineError as error:
                    if not error.is_missing:
                        raise
                    await self._make()
                self._is_there = True
        return self.reference

    def forget(self) -> None:
        """It turned out not to be there any more."""
        self._is_there = False

    async def _make(self) -> None:
        async with self._engine.stream(
            "POST",
            "images/create",
            params={"fromSrc": "-"},
            data=self._data,
            headers={"Content-Type": "application/x-tar"},
            seconds=60.0,
        ) as answer:
            told = json.loads((await answer.text()).splitlines()[-1])
        # Podman names no image while it imports it.
        repository, _, tag = self.reference.partition(":")
        identifier = str(told.get("status") or told.get("id") or told.get("stream")).strip()
        await self._engine.call(
            "POST", f"images/{identifier}/tag", params={"repo": repository, "tag": tag}
        )
