"""What is run in place of an image: PostgreSQL, Redis, Python and Node.js of this machine.

Nothing is installed here. What a project's own program needs and does not find is an error with
the command that installs it.
"""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter.runtimes.capabilities import Feature
from commandcenter.runtimes.sandbox import recipes
from commandcenter.runtimes.sandbox.programs import find_node, find_postgres, find_redis
from commandcenter.stacks.errors import ServiceUnsupportedError
from commandcenter.stacks.model import Service
from commandcenter.stacks.preparing import common
from commandcenter.stacks.preparing.known_images import official_name
from commandcenter.stacks.preparing.packages import ProjectFolder, node_module, python_for
from commandcenter.stacks.resources import BindMount, VolumeMount

OFFICIAL = ("postgres", "redis", "python", "node")
_IMAGES = frozenset({Feature.IMAGES})
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_POSTGRES_PLACE = "/var/lib/postgresql"
_PYTHONS = frozenset({"python", "python3"})


@dataclass(frozen=True, slots=True)
class StandIn:
    """How a program of this machine does an image's work."""

    command: tuple[str, ...]
    words: str
    environment: Mapping[str, str] = field(default_factory=dict)
    secret_files: Mapping[str, str] = field(default_factory=dict, repr=False)
    programs: tuple[Path, ...] = ()
    uid: int | None = None  # None: as the definition says
    data: str | None = None  # where the server keeps its data
    directory: str | None = None
    stop_signal: int = signal.SIGTERM
    password: str | None = field(default=None, repr=False)  # of a Redis that asks for one


def stand_in_for(
    service: Service, folder: Path, volume: Callable[[str], Path], memory_bytes: int
) -> StandIn:
    """Return what is run in place of the service's image.

    `volume` gives the directory of a named volume. Raises `ServiceUnsupportedError`,
    `ServiceNotPreparedError` or `ProgramMissingError`.
    """
    program = official(service.image)
    if program is None:
        raise ServiceUnsupportedError(
            f"{service.name} runs the image {service.image or 'of its own making'}, and the "
            "sandbox has no images.",
            hint=f"Only the official images of {', '.join(OFFICIAL)} can be stood in for by "
            "programs of this machine.",
            fields={"service": service.name, "image": service.image},
            needs=_IMAGES,
        )
    if service.entrypoint is not None:
        raise ServiceUnsupportedError(
            f"{service.name} replaces the entrypoint of {service.image}, which is of the image.",
            hint="Write what is to be run as command.",
            fields={"service": service.name},
            needs=_IMAGES,
        )
    match program:
        case "postgres":
            return _postgres(service, volume, memory_bytes)
        case "redis":
            return _redis(service)
        case "python":
            return _python(service, folder)
        case _:
            return _node(service, folder)


def official(image: str | None) -> str | None:
    """Return which of the stood-in images it is; None for all others."""
    found = official_name(image)
    return found if found in OFFICIAL else None


def _postgres(service: Service, volume: Callable[[str], Path], memory_bytes: int) -> StandIn:
    environment = service.environment
    password = environment.get("POSTGRES_PASSWORD")
    if not password:
        raise ServiceUnsupportedError(
            f"{service.name} has no POSTGRES_PASSWORD, and a database open to all is not started.",
            hint="Set POSTGRES_PASSWORD in the environment of the service.",
            fields={"service": service.name},
        )
    user = environment.get("POSTGRES_USER", "postgres")
    database = environment.get("POSTGRES_DB", user)
    major = None
    for mount in service.mounts:
        if isinstance(mount, VolumeMount) and mount.target.startswith(_POSTGRES_PLACE):
            major = recipes.postgres_major(volume(common.volume_name(service, mount)))
        elif isinstance(mount, BindMount):
            raise ServiceUnsupportedError(
                f"{service.name} has {mount.source} mounted at {mount.target}, which the system's "
                "PostgreSQL would not look at.",
                fields={"service": service.name},
                needs=_IMAGES,
            )
    recipe = recipes.postgres(
        user=user,
        password=password,
        database=database,
        memory_bytes=memory_bytes,
        major=major,
    )
    program = find_postgres(major)
    return StandIn(
        command=(*recipe.command, *_server_arguments(service, "postgres")),
        words=_words("PostgreSQL", program.version, service.image, wheel=program.from_wheel),
        environment={"PATH": f"{program.directory}:{_SYSTEM_PATH}", **recipe.environment},
        secret_files=recipe.secret_files,
        programs=recipe.programs,
        uid=recipe.uid,
        data=recipe.data,
        directory="/",
        stop_signal=recipe.stop_signal,
    )


def _redis(service: Service) -> StandIn:
    recipe = recipes.redis()
    program = find_redis()
    arguments = _server_arguments(service, "redis-server")
    return StandIn(
        command=(*recipe.command, *arguments),
        password=common.password_of_redis(arguments),
        words=_words("Redis", program.version, service.image, wheel=program.from_wheel),
        environment={"PATH": f"{program.directory}:{_SYSTEM_PATH}"},
        programs=recipe.programs,
        uid=recipe.uid,
        data=recipe.data,
        directory="/",
        stop_signal=recipe.stop_signal,
    )


def _server_arguments(service: Service, program: str) -> tuple[str, ...]:
    """Return what the definition's command adds to the server's own."""
    if not service.command:
        return ()
    if service.command[0] == program:
        return service.command[1:]
    if service.command[0].startswith("-"):
        return service.command
    raise ServiceUnsupportedError(
        f"{service.name} runs {service.command[0]} in place of {program}.",
        hint=f"Write a command that begins with {program}.",
        fields={"service": service.name},
        needs=_IMAGES,
    )


def _python(service: Service, folder: Path) -> StandIn:
    command = _needed_command(service)
    place = ProjectFolder.of(service, folder)
    python = python_for(service, place)
    if command[0] in _PYTHONS:
        command = (python.command, *command[1:])
    elif (module := python.module_of(command[0])) is not None:
        command = (python.command, "-m", module, *command[1:])
    return StandIn(
        command=command,
        words=_words("Python", python.version, service.image, more=python.words),
        environment={
            "PATH": f"{python.directory}:{_SYSTEM_PATH}",
            "PYTHONDONTWRITEBYTECODE": "1",  # nothing is written into the project's folder
            "PYTHONUNBUFFERED": "1",
        },
        programs=python.trees,  # a shell of the service, or its health check, looks for it, too
    )


def _node(service: Service, folder: Path) -> StandIn:
    command = _needed_command(service)
    program = find_node()
    if command[0] == "npx" and len(command) > 1:
        script = node_module(service, ProjectFolder.of(service, folder), command[1])
        command = (str(program.path), script, *command[2:])
    elif command[0] == "node":
        command = (str(program.path), *command[1:])
    return StandIn(
        command=command,
        words=_words("Node.js", program.version, service.image, wheel=program.from_wheel),
        environment={"PATH": f"{program.directory}:{_SYSTEM_PATH}"},
        programs=program.trees,
    )


def _needed_command(service: Service) -> tuple[str, ...]:
    if service.command:
        return service.command
    raise ServiceUnsupportedError(
        f"{service.name} has no command, and the image {service.image} alone runs nothing useful.",
        hint="Write what is to be run as command.",
        fields={"service": service.name},
    )


def _words(
    program: str,
    version: tuple[int, ...],
    image: str | None,
    *,
    wheel: bool = False,
    more: str = "",
) -> str:
    number = ".".join(map(str, version))
    whose = "the Python wheel's" if wheel else "the system's"
    if more:
        return f"runs {program} {number} {more} in place of image {image}"
    return f"runs {whose} {program} {number} in place of image {image}"
