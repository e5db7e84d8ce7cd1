"""Named volumes of the engine for what a service keeps: `DATA/volumes/PROJECT/NAME` there."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from commandcenter.kit.disk import DiskFullError
from commandcenter.runner.spawn import Identity
from commandcenter.runtimes.docker import config
from commandcenter.runtimes.docker.config import Mount
from commandcenter.runtimes.docker.containers import Containers
from commandcenter.runtimes.docker.engine import EngineError
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.docker.userland import Userland
from commandcenter.runtimes.errors import (
    RuntimeAwayError,
    RuntimeRefusedError,
    ServiceConflictError,
    VolumeCopyError,
)
from commandcenter.runtimes.spec import AttemptSpec

# Only an empty directory is given away: what an image has there keeps its owners.
_GIVE = 'test -n "$(ls -A /volume)" || chown "$0" /volume'
# Reflinks and holes where the file system has them; sizes as the files say them.
_COPY = (
    "/bin/sh",
    "-c",
    "cp -a --sparse=auto --reflink=auto /source/. /target/ && du -s --apparent-size -B1 /target",
)
_COPIER = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP", "MKNOD")
_COPY_SECONDS = 3600.0
_ROOM = (
    "/bin/sh",
    "-c",
    "du -cs --apparent-size -B1 /volumes/* | tail -n 1 | cut -f 1; "
    "df --output=avail -B1 /volumes/0 | tail -n 1",
)
_SYNC = ("/bin/sh", "-c", "for each in /volumes/*; do sync -f $each; done")
_LOOK_SECONDS = 300.0
_MOST_OUTPUT = 64 * 1024
_MIB = 1024**2
_KEPT_FREE_BYTES = 256 * _MIB  # for everything else that lives on the disk


class Volumes:
    def __init__(self, containers: Containers, userland: Userland, places: Places) -> None:
        self._containers = containers
        self._engine = containers.engine
        self._userland = userland
        self._places = places
        self._locks: dict[str, asyncio.Lock] = {}

    async def provide(self, spec: AttemptSpec, owner: Identity) -> list[Mount]:
        """Return the mounts of the service's named volumes, each there and owned by it."""
        mounts: list[Mount] = []
        if spec.service is None:
            return mounts
        for volume in spec.service.volumes:
            if not volume.source.absolute().is_relative_to(self._places.runner.volumes):
                continue
            project, name = self._places.volume(volume.source.absolute())
            copies = spec.image is not None and volume.copy_image_content
            mount = Mount(
                name, volume.target, volume.writable, is_volume=True, copies_content=copies
            )
            async with self._lock(name):
                is_there = await self._is_there(name)
                self._refuse_lost(volume.source, name, is_there=is_there)
                if not is_there:
                    await self._make(name, project)
                if not self._places.volume_mark(name).exists():
                    if copies and spec.image is not None:
                        await self._fill(spec.image.reference, mount)
                    await self._give(name, owner)
                    self._mark(name)
            mounts.append(mount)
        return mounts

    async def run(
        self,
        mounts: tuple[Mount, ...],
        command: tuple[str, ...],
        capabilities: tuple[str, ...],
        seconds: float,
    ) -> str:
        """Run a helper of ours to its end; return what it wrote. Raises `RuntimeRefusedError`."""
        image = await self._userland.provide()
        system = (Mount("/usr", "/usr"),)
        body = config.helper(image, (*system, *mounts), command, capabilities)
        identifier = await self._containers.create_helper(body)
        try:
            await self._containers.start(identifier)
            ended = await self._engine.call(
                "POST", f"containers/{identifier}/wait", seconds=seconds
            )
            text = await self._output(identifier)
            if ended["StatusCode"]:
                raise RuntimeRefusedError(f"A volume cannot be prepared: {text.strip()}.")
            return text
        finally:
            await self._containers.remove(identifier)

    async def _output(self, identifier: str) -> str:
        async with self._engine.stream(
            "GET", f"containers/{identifier}/logs", params={"stdout": True, "stderr": True}
        ) as answer:
            data = b""
            async for (
                chunk
            ) in answer.content.iter_any():  # it comes in as many as there were writes
                data += chunk
                if len(data) >= _MOST_OUTPUT:
                    break
        text, offset = b"", 0
        while offset + 8 <= len(data):
            length = int.from_bytes(data[offset + 4 : offset + 8], "big")
            text += data[offset + 8 : offset + 8 + length]
            offset += 8 + length
        return text.decode("utf-8", "replace")

    async def copy(self, source: Path, target: Path) -> int:
        """Copy to a new volume; how many bytes it holds, 0 if there is no source.

        Raises `VolumeCopyError` if the target is there. What a call that died had begun is not
        there: it has no mark, and is begun anew.
        """
        _, old = self._places.volume(source)
        project, new = self._places.volume(target)
        if not await self._is_there(old):
            return 0
        async with self._lock(new):
            if await self._is_there(new):
                if self._places.volume_mark(new).exists():
                    raise VolumeCopyError(f"There is a volume {target} already.")
                await self._engine.call("DELETE", f"volumes/{new}")
            self._places.volume_mark(new).unlink(missing_ok=True)
            await self._make(new, project)
            mounts = (
                Mount(old, "/source", is_volume=True),
                Mount(new, "/target", writable=True, is_volume=True),
            )
            try:
                told = await self.run(mounts, _COPY, _COPIER, _COPY_SECONDS)
            except BaseException:
                with suppress(EngineError, RuntimeAwayError):
                    await self._engine.call("DELETE", f"volumes/{new}")
                raise
            self._mark(new)
        return int(told.split()[0])

    async def existing(self, project: str) -> tuple[Path, ...]:
        """The places of the volumes that are complete, by name."""
        home = self._places.runner.volumes / project
        prefix = self._places.volume(home / "x")[1].removesuffix("x")
        return tuple(
            home / name.removeprefix(prefix)
            for name in sorted(await self._names(project))
            if self._places.volume_mark(name).exists()
        )

    async def check_room(self, volumes: Sequence[Path]) -> int:
        """How many bytes copies would take. Raises DiskFullError if there is no room for them."""
        names = [self._places.volume(each)[1] for each in volumes]
        there = {name for name in set(names) if await self._is_there(name)}
        mounts = _numbered([name for name in names if name in there])
        if not mounts:
            return 0
        told = await self.run(mounts, _ROOM, ("DAC_OVERRIDE",), _LOOK_SECONDS)
        needed, free = (int(word) for word in told.split())
        if needed + _KEPT_FREE_BYTES > free:
            raise DiskFullError(
                f"The copy would take {needed // _MIB} MiB, and {free // _MIB} MiB are free where "
                f"the engine keeps volumes, of which {_KEPT_FREE_BYTES // _MIB} MiB are kept.",
                hint="Free space there, or give it more.",
            )
        return needed

    async def owners(self, names: tuple[str, ...]) -> dict[str, str]:
        """Whose each of the engine's volumes is, as `uid:gid`. Raises `RuntimeRefusedError`."""
        if not names:
            return {}
        mounts = _numbered(names)
        told = await self.run(
            mounts, ("stat", "-c", "%u:%g", *(m.target for m in mounts)), (), 60.0
        )
        return dict(zip(names, told.split(), strict=True))

    async def sync(self, project: str) -> None:
        """Return when the project's volumes are on the disk."""
        if mounts := _numbered(await self._names(project)):
            await self.run(mounts, _SYNC, ("DAC_READ_SEARCH",), _LOOK_SECONDS)

    async def _names(self, project: str) -> list[str]:
        filters = json.dumps(self._places.with_labels(project=project))
        told = await self._engine.call("GET", "volumes", params={"filters": filters})
        return [str(volume["Name"]) for volume in told.get("Volumes") or []]

    async def remove_all(self, project: str) -> None:
        """Idempotent. Raises `ServiceConflictError` while a service uses one."""
        names = await self._names(project)
        for name in names:
            using = json.dumps({"volume": [name]})
            if await self._engine.call("GET", "containers/json", params={"filters": using}):
                raise ServiceConflictError(
                    f"A service of {project} still uses the volume {name}.", hint="Stop it first."
                )
        for name in names:
            self._places.volume_mark(name).unlink(missing_ok=True)
            try:
                await self._engine.call("DELETE", f"volumes/{name}")
            except EngineError as error:
                if error.is_conflict:
                    self._mark(name)
                    raise ServiceConflictError(
                        f"The volume {name} is in use by a container that is not ours.",
                        hint=f"Look: docker ps --all --filter volume={name}",
                    ) from error
                if not error.is_missing:
                    raise

    async def _is_there(self, name: str) -> bool:
        try:
            await self._engine.call("GET", f"volumes/{name}")
        except EngineError as error:
            if error.is_missing:
                return False
            raise
        return True

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    def _refuse_lost(self, source: Path, name: str, *, is_there: bool) -> None:
        """An empty one must not silently take the place of lost data."""
        mark = self._places.volume_mark(name)
        if not is_there and mark.exists():
            raise RuntimeRefusedError(
                f"The volume {source.name} is gone from the engine ({name} there), with its data.",
                hint="Bring it back (docker volume create, and fill it from a backup). To begin "
                f"with an empty one instead: rm {mark}, and start the service again.",
            )

    async def _make(self, name: str, project: str) -> None:
        labels = self._places.labels(project=project)
        await self._engine.call("POST", "volumes/create", body={"Name": name, "Labels": labels})

    async def _fill(self, image: str, mount: Mount) -> None:
        """The engine copies what the image has at the place when a container is made with it."""
        body = {
            "Image": image,
            "Cmd": ["-"],
            "NetworkDisabled": True,
            "HostConfig": {"NetworkMode": "none", "Mounts": [mount.to_engine()]},
        }
        await self._containers.remove(await self._containers.create_helper(body))

    async def _give(self, name: str, owner: Identity) -> None:
        mount = Mount(name, "/volume", writable=True, is_volume=True)
        command = ("/bin/sh", "-c", _GIVE, f"{owner.uid}:{owner.gid}")
        await self.run((mount,), command, ("CHOWN",), 60.0)

    def _mark(self, name: str) -> None:
        mark = self._places.volume_mark(name)
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark.touch(mode=0o600)


def _numbered(names: Sequence[str]) -> tuple[Mount, ...]:
    return tuple(
        Mount(name, f"/volumes/{number}", is_volume=True) for number, name in enumerate(names)
    )
