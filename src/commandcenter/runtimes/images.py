"""Container images, for runtimes that have them: what is wanted, what is there. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Image:
    """The container image that an attempt runs in, for runtimes with `Feature.IMAGES`.

    An attempt without one has the machine's own `/usr`, read-only, as its userland, on every
    runtime.
    """

    reference: str  # as `provide_image` returned it: present on the engine
    entrypoint: tuple[str, ...] | None = None  # None: the image's own; (): none


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """How an image is built, with `Feature.BUILDS`. Nothing outside `context` is read."""

    context: Path  # absolute, inside the project's folder
    dockerfile: str = "Dockerfile"  # relative to the context
    dockerfile_inline: str | None = None  # takes the place of the file
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    no_cache: bool = False
    pull: bool = False
    network: str | None = None  # "none" or the engine's usual one


@dataclass(frozen=True, slots=True)
class ImageWanted:
    reference: str  # a name with or without tag or digest; of a build: what it is called
    build: ImageBuild | None = None
    pull: str = "missing"  # "always", "missing", "never"; "build" with a build: build anew
    platform: str | None = None  # "linux/amd64"
    with_users: bool = False  # the names that it knows are to be looked up


@dataclass(frozen=True, slots=True)
class ImageHealth:
    """The check built into an image. Durations in seconds, None where the image leaves it open."""

    command: tuple[str, ...]  # () : switched off
    is_shell: bool  # one text for /bin/sh -c
    interval_seconds: float | None = None
    timeout_seconds: float | None = None
    retries: int | None = None
    start_period_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image that is present says of itself. `uid` and `gid` are looked up inside it."""

    reference: str  # an id, so that the same bits are run that were looked at
    uid: int  # 0: root
    gid: int
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    tcp_ports: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()  # places inside that the image wants to outlive a container
    health: ImageHealth | None = None
    stop_signal: str | None = None
    working_directory: str = "/"
    users: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # uid and gid, if wanted
    groups: Mapping[str, int] = field(default_factory=dict)
