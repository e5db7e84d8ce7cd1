"""The definition of a project's stack: what its folder brings, with people's own wishes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

from commandcenter.stacks.compose.files import FolderFiles
from commandcenter.stacks.compose.read import ComposeRequest, ComposeStack, read_compose
from commandcenter.stacks.default_stack import (
    BACKEND,
    BACKEND_PORT,
    DEFAULT_LIMITS,
    FRONTEND,
    FRONTEND_PORT,
    POSTGRES,
    POSTGRES_PORT,
    REDIS,
    REDIS_PORT,
    StackLayout,
    StackPorts,
    StackSecrets,
    default_stack,
)
from commandcenter.stacks.detect import ComposeFound, detect_stack
from commandcenter.stacks.errors import UnknownServiceError
from commandcenter.stacks.model import DependencyCondition, RestartMode, Service, Stack
from commandcenter.stacks.ports import Key, PortNeed
from commandcenter.stacks.resources import PortRange, Protocol, ServiceLimits

_DEFAULT_PORTS = {
    POSTGRES: POSTGRES_PORT,
    REDIS: REDIS_PORT,
    BACKEND: BACKEND_PORT,
    FRONTEND: FRONTEND_PORT,
}
_LOOPBACKS = frozenset({"127.0.0.1", "::1"})
_LEFT_OUT = {
    BACKEND: "There is no backend/main.py, backend/app/main.py, main.py or app/main.py.",
    FRONTEND: "There is no frontend/package.json or package.json.",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """People's own limits by service, ports by service and its own port; what they accept."""

    limits: Mapping[str, ServiceLimits] = field(default_factory=dict)
    ports: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    accept_unenforced: frozenset[str] = frozenset()  # names of `stacks.limits`
    runtime: str | None = None  # None: the hub's

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Wishes":
        return cls(
            {name: ServiceLimits(**found) for name, found in stored.get("limits", {}).items()},
            {
                name: {int(inside): outside for inside, outside in found.items()}
                for name, found in stored.get("ports", {}).items()
            },
            frozenset(stored.get("accept_unenforced", ())),
            stored.get("runtime"),
        )


@dataclass(frozen=True, slots=True)
class LeftOut:
    service: str
    reason: str


class Definition(Interface):
    """What a stack is made from: the project's folder, or for a fork what its origin ran."""

    @property
    def services(self) -> tuple[str, ...]: ...

    @property
    def port_needs(self) -> tuple[PortNeed, ...]: ...

    @property
    def own_limits(self) -> Mapping[str, ServiceLimits]: ...

    @property
    def wishes(self) -> Wishes: ...

    @property
    def left_out(self) -> tuple[LeftOut, ...]: ...

    def stack(self, ports: Mapping[Key, int], secrets: StackSecrets) -> Stack: ...

    def source(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Outline:
    """What was found in the folder; `stack` completes it once the ports are known."""

    project_name: str
    layout: StackLayout | None  # of the default stack
    compose: ComposeStack | None
    left_out: tuple[LeftOut, ...]
    wishes: Wishes

    @property
    def services(self) -> tuple[str, ...]:
        if self.compose is not None:
            return self.compose.stack.service_names
        gone = {each.service for each in self.left_out}
        return tuple(name for name in _DEFAULT_PORTS if name not in gone)

    @property
    def port_needs(self) -> tuple[PortNeed, ...]:
        if self.compose is None:
            found = [PortNeed(name, _DEFAULT_PORTS[name], None) for name in self.services]
        else:
            found = [
                PortNeed(service.name, port.container, port.published, port.protocol)
                for service in self.compose.stack.services
                for port in service.ports
            ]
        return tuple(
            replace(
                need,
                wanted=wished_port(self.wishes, need.service, need.container) or need.wanted,
            )
            for need in found
        )

    @property
    def own_limits(self) -> Mapping[str, ServiceLimits]:
        """Return what is asked for where people have no wish."""
        if self.compose is not None:
            return {each.name: each.limits for each in self.compose.stack.services}
        return {name: DEFAULT_LIMITS[name] for name in self.services}

    def stack(self, ports: Mapping[Key, int], secrets: StackSecrets) -> Stack:
        """Return the whole stack; `secrets` are only of use to the default one."""
        if self.compose is not None:
            stack = self.compose.stack
            services = tuple(limited(each, self.wishes) for each in stack.services)
            return replace(stack, services=services)
        chosen = {
            name: ports.get((name, inside, Protocol.TCP), 1)
            for name, inside in _DEFAULT_PORTS.items()
        }
        limits = {
            name: over(DEFAULT_LIMITS[name], wish)
            for name, wish in self.wishes.limits.items()
            if name in DEFAULT_LIMITS
        }
        stack = default_stack(
            self.project_name, StackPorts(**chosen), secrets, layout=self.layout, limits=limits
        )
        return _without(stack, {each.service for each in self.left_out})

    def source(self) -> dict[str, Any]:
        """Return where it comes from, for the status: no values of the definition."""
        if self.compose is None:
            return {
                "kind": "default",
                "files": [],
                "notes": [],
                "left_out": [
                    {"service": each.service, "reason": each.reason} for each in self.left_out
                ],
            }
        return {
            "kind": "compose",
            "files": list(self.compose.files),
            "notes": [*_notes(self.compose)],
            "without_restart": [*_without_restart(self.compose.stack)],
            "left_out": [
                {"service": each.service, "reason": each.reason} for each in self.left_out
            ],
        }


def _notes(compose: ComposeStack) -> Iterator[str]:
    for note in compose.notes:
        yield f"{note.place}: {note.path}: {note.message}"
    for service in compose.stack.services:
        if any(port.host_ip not in _LOOPBACKS for port in service.ports):
            yield f"the ports of {service.name} are opened on 127.0.0.1 only"


def _without_restart(stack: Stack) -> Iterator[str]:
    """Yield the services that stay dead when they end; those that are to end are none of them."""
    jobs = {
        each.service
        for service in stack.services
        for each in service.depends_on
        if each.condition is DependencyCondition.COMPLETED
    }
    for service in stack.services:
        if service.restart.mode is RestartMode.NO and service.name not in jobs:
            yield service.name


def outline(project_name: str, folder: Path, wishes: Wishes) -> Outline:
    """Read the folder. Touches the file system: call it off the event loop.

    Raises the errors of the compose reader, and `UnknownServiceError` for a wish about a service
    that there is not.
    """
    files = FolderFiles(folder)
    found = detect_stack(files)
    if isinstance(found, ComposeFound):
        compose = read_compose(files, ComposeRequest(found.files, project_name))
        left = tuple(
            LeftOut(each.name, f"None of its profiles is active: {', '.join(each.profiles)}.")
            for each in compose.inactive
        )
        return Outline(project_name, None, compose, left, wishes)
    left = tuple(LeftOut(name, _LEFT_OUT[name]) for name in found.missing)
    return Outline(project_name, found.layout, None, left, wishes)


def wished_port(wishes: Wishes, service: str, inside: int) -> PortRange | None:
    """Return the port that people want for a port of a service; None: they did not say."""
    port = wishes.ports.get(service, {}).get(inside)
    return PortRange(port, port) if port is not None else None


def limited(service: Service, wishes: Wishes) -> Service:
    """Return the service with the limits that people want."""
    wish = wishes.limits.get(service.name)
    return service if wish is None else replace(service, limits=over(service.limits, wish))


def check_wishes(found: Definition) -> None:
    """Raise `UnknownServiceError` for a wish about a service that the stack does not have."""
    known = {*found.services, *(each.service for each in found.left_out)}
    for name in (*found.wishes.limits, *found.wishes.ports):
        if name not in known:
            raise UnknownServiceError(name, found.services)


def over(asked: ServiceLimits, wish: ServiceLimits) -> ServiceLimits:
    """Return the limits with those that people want put over them."""
    return ServiceLimits(
        cpus=wish.cpus if wish.cpus is not None else asked.cpus,
        memory_bytes=wish.memory_bytes if wish.memory_bytes is not None else asked.memory_bytes,
        pids=wish.pids if wish.pids is not None else asked.pids,
        shm_bytes=asked.shm_bytes,
    )


def _without(stack: Stack, names: set[str]) -> Stack:
    return replace(
        stack,
        services=tuple(
            replace(
                service,
                depends_on=tuple(each for each in service.depends_on if each.service not in names),
            )
            for service in stack.services
            if service.name not in names
        ),
    )


def merged_wishes(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the wishes with changes put over them; None takes one back."""
    made: dict[str, Any] = {}
    for kind in ("limits", "ports"):
        of_kind = {name: dict(found) for name, found in before.get(kind, {}).items()}
        for name, found in changes.get(kind, {}).items():
            given = {str(key): value for key, value in found.items()}
            over = {**of_kind.get(name, {}), **given}
            of_kind[name] = {key: value for key, value in over.items() if value is not None}
        made[kind] = {name: found for name, found in of_kind.items() if found}
    accepted = changes.get("accept_unenforced")
    made["accept_unenforced"] = (
        before.get("accept_unenforced", []) if accepted is None else sorted(set(accepted))
    )
    runtime = changes.get("runtime", before.get("runtime"))
    return made if runtime is None else {**made, "runtime": runtime}
