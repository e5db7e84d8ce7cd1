"""What a service is given: ports, mounts, files, limits, networks. Values only, no behaviour."""

from dataclasses import dataclass, field
from enum import StrEnum


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class PortRange:
    """Host ports, both ends included. More than one: any free one of them will do."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the service reachable from the host."""

    container: int
    published: PortRange | None = None  # None: any free port of the host
    protocol: Protocol = Protocol.TCP
    host_ip: str | None = None  # as the definition asks; None: it did not say
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ExposedPort:
    """A port other services of the stack use; nothing is published on the host."""

    container: int
    protocol: Protocol = Protocol.TCP


@dataclass(frozen=True, slots=True)
class VolumeMount:
    """A volume that outlives the service's process."""

    target: str
    volume: str | None = None  # None: the service's own, known by service and target
    read_only: bool = False
    copy_image_content: bool = True  # fill an empty volume with what the image has at the target


@dataclass(frozen=True, slots=True)
class BindMount:
    """A file or folder of the project. It was inside when read: look again when it is mounted."""

    source: str  # POSIX, relative to the project's folder, normalised; "." is the folder itself
    target: str
    read_only: bool = False
    create: bool = False  # make an empty folder if there is nothing at the source


@dataclass(frozen=True, slots=True)
class TmpfsMount:
    target: str
    size_bytes: int | None = None
    mode: int | None = None


Mount = VolumeMount | BindMount | TmpfsMount


class GrantKind(StrEnum):
    SECRET = "secret"  # noqa: S105 - the kind, not a value
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class FileGrant:
    """A single read-only file inside the service. Exactly one of `source` and `content` is set."""

    kind: GrantKind
    name: str
    target: str
    source: str | None = None  # like BindMount.source
    content: str | None = field(default=None, repr=False)
    uid: str | None = None
    gid: str | None = None
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """Hard limits as asked for; None: the definition asks for none, so the default holds."""

    cpus: float | None = None  # cores
    memory_bytes: int | None = None
    pids: int | None = None
    shm_bytes: int | None = None  # size of /dev/shm


@dataclass(frozen=True, slots=True)
class Ulimit:
    name: str  # nofile, nproc, core, memlock, ...
    soft: int  # -1: no limit
    hard: int


@dataclass(frozen=True, slots=True)
class NetworkAttachment:
    network: str
    aliases: tuple[str, ...] = ()  # names besides the service's own


@dataclass(frozen=True, slots=True)
class ExtraHost:
    name: str
    address: str  # IPv4 or IPv6


@dataclass(frozen=True, slots=True)
class NamedVolume:
    """A volume of this stack alone. `name` is unique within the stack, not on the host."""

    name: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Network:
    """A network of this stack alone; `internal` has no way out."""

    name: str
    internal: bool = False
    labels: dict[str, str] = field(default_factory=dict)
