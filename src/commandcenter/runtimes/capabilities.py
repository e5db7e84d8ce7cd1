"""What a runtime can on this machine, as data; and what a request needs of it."""

from dataclasses import dataclass
from enum import StrEnum

from commandcenter.runtimes.errors import RuntimeRefusedError
from commandcenter.runtimes.spec import AttemptSpec


class Feature(StrEnum):
    """What only some runtimes can; a spec that needs one that is missing is refused."""

    IMAGES = "images"
    BUILDS = "builds"
    UDP_PORTS = "udp_ports"
    EXTRA_HOSTS = "extra_hosts"
    ULIMITS = "ulimits"
    FILES = "files"  # anywhere, not only under /run/secrets
    CAPABILITIES = "capabilities"
    WRITABLE_ROOT = "writable_root"
    TTY = "tty"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this runtime enforces on this machine, as data."""

    name: str
    available: bool
    isolation: str  # "full" or "none"; a fake is "none"
    limits: frozenset[str]  # of "cpu", "memory", "pids", "disk"
    watched_limits: frozenset[str]  # enforced by polling, not by the kernel
    network_off: bool
    network_allow_list: bool
    services: bool
    live_workspace: bool
    warm_pool: bool
    features: frozenset[Feature] = frozenset()
    problems: tuple[str, ...] = ()  # each says what is missing and what to do about it


def needed_features(spec: AttemptSpec) -> frozenset[Feature]:
    """Return what the attempt needs that not every runtime can."""
    found = {Feature.IMAGES} if spec.image is not None else set()
    service = spec.service
    if service is not None:
        asked = {
            Feature.UDP_PORTS: any(port.protocol != "tcp" for port in service.ports),
            Feature.EXTRA_HOSTS: service.hosts,
            Feature.ULIMITS: service.ulimits,
            Feature.FILES: service.files,
            Feature.CAPABILITIES: service.capabilities,
            Feature.WRITABLE_ROOT: not service.read_only_root,
            Feature.TTY: service.tty,
        }
        found |= {feature for feature, is_asked in asked.items() if is_asked}
    return frozenset(found)


def refuse_unmet(spec: AttemptSpec, can: Capabilities) -> None:
    """Raise `RuntimeRefusedError` naming what the attempt needs and the runtime has not."""
    unmet = sorted(needed_features(spec) - can.features)
    if unmet:
        raise RuntimeRefusedError(
            f"The runtime {can.name} has no {', '.join(unmet)}.",
            hint="Choose a runtime that has: commandcenter doctor lists them.",
        )
