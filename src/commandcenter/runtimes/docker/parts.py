"""What the runtime is put together from, once it has an engine."""

from contextlib import suppress
from dataclasses import dataclass

from commandcenter.runtimes.docker.containers import Containers
from commandcenter.runtimes.docker.engine import Engine, EngineError, find_socket
from commandcenter.runtimes.docker.hiding import HidingPlace
from commandcenter.runtimes.docker.images import Images
from commandcenter.runtimes.docker.networks import Networks
from commandcenter.runtimes.docker.places import Places
from commandcenter.runtimes.docker.staging import Staging
from commandcenter.runtimes.docker.userland import Userland
from commandcenter.runtimes.docker.volumes import Volumes


@dataclass(frozen=True, slots=True)
class Parts:
    engine: Engine
    containers: Containers
    networks: Networks
    images: Images
    volumes: Volumes
    userland: Userland
    staging: Staging
    hiding: HidingPlace
    places: Places
    is_podman: bool


async def open_parts(places: Places) -> Parts:
    """Raises `RuntimeAwayError`."""
    engine = Engine(find_socket())
    containers = Containers(engine, places)
    try:
        version = await engine.version()
        with suppress(EngineError):
            await containers.remove_stray_helpers()
    except BaseException:
        await engine.close()
        raise
    userland = Userland(engine)
    return Parts(
        engine=engine,
        containers=containers,
        networks=Networks(containers, places),
        images=Images(containers, places),
        volumes=Volumes(containers, userland, places),
        userland=userland,
        staging=Staging(places.mounts),
        hiding=HidingPlace(places.key),
        places=places,
        is_podman=version.is_podman,
    )
