"""Named volumes of the engine for what a service keeps: `DATA/volumes/PROJECT/NAME` there."""

import asyncio

from commandcenter.runner.spawn import Identity
from commandcenter.runtimes.docker import config
from commandcenter.runtimes.docker.config import Mount
from commandcenter.runtimes.docker.containers import Containers
from commandcenter.runtimes.docker.engine import EngineError
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.docker.userland import Userland
from commandcenter.runtimes.errors import RuntimeRefusedError
from commandcenter.runtimes.spec import AttemptSpec

# Only an untouched directory is given away: what an image has there keeps its owners.
_GIVE = 'test -n "$(ls -A /volume)" || test "$(stat -c %u /volume)" != 0 || chown "$0" /volume'


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
                if await self._make(name, project) or not self._places.volume_mark(name).exists():
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
        body = config.helper(self._places, image, (*system, *mounts), command, capabilities)
        answer = await self._engine.call("POST", "containers/create", body=body)
        identifier = str(answer["Id"])
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
            data = await answer.content.read(64 * 1024)
        text, offset = b"", 0
        while offset + 8 <= len(data):
            length = int.from_bytes(data[offset + 4 : offset + 8], "big")
            text += data[offset + 8 : offset + 8 + length]
            offset += 8 + length
        return text.decode("utf-8", "replace")

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    async def _make(self, name: str, project: str) -> bool:
        """Whether it was not there."""
        try:
            await self._engine.call("GET", f"volumes/{name}")
        except EngineError as error:
            if not error.is_missing:
                raise
        else:
            return False
        labels = self._places.labels(project=project)
        await self._engine.call("POST", "volumes/create", body={"Name": name, "Labels": labels})
        return True

    async def _fill(self, image: str, mount: Mount) -> None:
        """The engine copies what the image has at the place when a container is made with it."""
        body = {
            "Image": image,
            "Cmd": ["-"],
            "Labels": self._places.labels(kind="helper"),
            "NetworkDisabled": True,
            "HostConfig": {"NetworkMode": "none", "Mounts": [mount.to_engine()]},
        }
        answer = await self._engine.call("POST", "containers/create", body=body)
        await self._containers.remove(str(answer["Id"]))

    async def _give(self, name: str, owner: Identity) -> None:
        mount = Mount(name, "/volume", writable=True, is_volume=True)
        command = ("/bin/sh", "-c", _GIVE, f"{owner.uid}:{owner.gid}")
        await self.run((mount,), command, ("CHOWN",), 60.0)

    def _mark(self, name: str) -> None:
        mark = self._places.volume_mark(name)
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark.touch(mode=0o600)
