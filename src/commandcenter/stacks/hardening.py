"""What a service's definition does not say and is done all the same, and what is excepted. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from commandcenter.runtimes.capabilities import Capabilities
from commandcenter.runtimes.spec import AttemptSpec, ServiceSpec
from commandcenter.stacks.model import Service
from commandcenter.stacks.resources import TmpfsMount

_LOOPBACKS = frozenset({"127.0.0.1", "::1"})
_MIB = 1024**2
_LIMITS = {"cpu": "limit of CPU", "memory": "limit of memory", "pids": "limit of processes"}


@dataclass(frozen=True, slots=True)
class Excepted:
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Hardening:
    """In words for people: `added` to the definition, and what could not be had."""

    added: tuple[str, ...] = ()
    excepted: tuple[Excepted, ...] = ()

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> "Hardening":
        if not stored:
            return cls()
        return cls(tuple(stored["added"]), tuple(Excepted(**each) for each in stored["excepted"]))


def hardening(
    service: Service, spec: AttemptSpec, can: Capabilities, *, user_is_asked: bool
) -> Hardening:
    """Return what runs compared with what the definition says.

    `user_is_asked`: the definition, or its image, says itself as whom it runs.
    """
    if spec.service is None or can.isolation == "none":
        return Hardening((), (Excepted("no isolation", f"the runtime {can.name} has none"),))
    added = (
        *_identity(service, spec.service, is_asked=user_is_asked),
        *_privileges(service),
        *_files(service, spec, spec.service),
        *_limits(service, spec, can),
        *_network(service),
    )
    return Hardening(added, tuple(_excepted(spec.service, can)))


def _identity(service: Service, made: ServiceSpec, *, is_asked: bool) -> Iterator[str]:
    """Say it in any case: it is what people look for first."""
    if is_asked or service.user in {f"{made.uid}:{made.gid}", str(made.uid)}:
        why = ", as the definition or its image says"
    else:
        why = f" in place of {service.user}" if service.user else ", not root"
    yield f"runs as user {made.uid}:{made.gid}{why}"


def _privileges(service: Service) -> Iterator[str]:
    if "ALL" not in service.cap_drop:
        yield "all capabilities are dropped"
    if not service.no_new_privileges:
        yield "no new privileges (set-user-ID programs gain nothing)"


def _files(service: Service, spec: AttemptSpec, made: ServiceSpec) -> Iterator[str]:
    if made.read_only_root and not service.read_only:
        yield "the root file system is read-only"
    asked = {mount.target for mount in service.mounts if isinstance(mount, TmpfsMount)}
    for place, size in {"/tmp": spec.limits.disk_bytes, **made.tmpfs}.items():  # noqa: S108 - inside
        if place not in asked:
            yield f"{place} is in memory, at most {size // _MIB} MB"


def _limits(service: Service, spec: AttemptSpec, can: Capabilities) -> Iterator[str]:
    asked, limits = service.limits, spec.limits
    if asked.cpus is None and "cpu" in can.limits:
        yield f"at most {limits.cpu:g} CPU"
    if asked.memory_bytes is None and can.limits | can.watched_limits >= {"memory"}:
        yield f"at most {limits.memory_bytes // _MIB} MB of memory"
    if asked.pids is None and "pids" in can.limits:
        yield f"at most {limits.pids} processes"


def _network(service: Service) -> Iterator[str]:
    open_to_all = sorted(
        {str(port.container) for port in service.ports if port.host_ip not in _LOOPBACKS}, key=int
    )
    if open_to_all:
        many = "s" if len(open_to_all) > 1 else ""
        yield f"port{many} {', '.join(open_to_all)} published on 127.0.0.1 alone"
    yield "a network of the project's own: it reaches the stack's services and nothing else"


def _excepted(made: ServiceSpec, can: Capabilities) -> Iterator[Excepted]:
    if not made.read_only_root:
        yield Excepted(
            "the root file system is writable",
            "the image is not known to work without; read_only: true makes it read-only",
        )
    for name in made.capabilities:
        yield Excepted(
            f"capability {name}",
            "the definition asks for it with cap_add, and it does not reach beyond the service",
        )
    for limit, words in _LIMITS.items():
        if limit in can.watched_limits and limit not in can.limits:
            yield Excepted(f"the {words} is watched", "this machine's kernel is not let enforce it")
        elif limit not in can.limits:
            yield Excepted(
                f"no {words}",
                f"the runtime {can.name} cannot enforce it here; commandcenter doctor says why",
            )
