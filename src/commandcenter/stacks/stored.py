"""A stack as it was started last, whatever the project's folder says by now."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from commandcenter.models import ProjectStack
from commandcenter.secrets.cipher import Sealed
from commandcenter.secrets.service import SecretService
from commandcenter.stacks.default_stack import StackSecrets, at_ports
from commandcenter.stacks.definition import LeftOut, Wishes, limited, wished_port
from commandcenter.stacks.model import Service, Stack
from commandcenter.stacks.ports import Key, PortNeed
from commandcenter.stacks.preparing.common import volume_name
from commandcenter.stacks.resources import Port, PortRange, ServiceLimits, VolumeMount
from commandcenter.stacks.snapshot import SnapshotError, from_text


@dataclass(frozen=True, slots=True)
class StoredDefinition:
    """The definition of a fork: that of its origin, at ports of its own."""

    kept: Stack
    told: Mapping[str, Any]  # where it comes from, as in `Outline.source`
    wishes: Wishes
    left_out: tuple[LeftOut, ...] = ()

    @property
    def services(self) -> tuple[str, ...]:
        return self.kept.service_names

    @property
    def port_needs(self) -> tuple[PortNeed, ...]:
        """Any port will do, whatever the origin's definition asks for."""
        return tuple(
            PortNeed(name, inside, wished_port(self.wishes, name, inside), protocol)
            for name, inside, protocol in ports_of(self.kept)
        )

    @property
    def own_limits(self) -> Mapping[str, ServiceLimits]:
        return {each.name: each.limits for each in self.kept.services}

    def stack(self, ports: Mapping[Key, int], secrets: StackSecrets) -> Stack:  # noqa: ARG002
        """Return the whole stack; it holds the secrets that it was started with."""
        return self.moved(ports)

    def moved(self, ports: Mapping[Key, int]) -> Stack:
        """Return the stack at these ports of the host."""
        services = tuple(
            limited(_at_ports(service, ports), self.wishes) for service in self.kept.services
        )
        moved = replace(self.kept, services=services)
        return at_ports(moved, ports) if self.told.get("kind") == "default" else moved

    def source(self) -> dict[str, Any]:
        return dict(self.told)


def ports_of(stack: Stack) -> Iterator[Key]:
    """Yield the ports that are to be reached from the host."""
    for service in stack.services:
        for port in service.ports:
            yield service.name, port.container, port.protocol


def volumes_of(stack: Stack, volumes: Sequence[Path]) -> dict[Path, str]:
    """Return those of the volumes that are the stack's, each with the first service that has it.

    Volumes without a name in the definition begin with their service's.
    """
    found: dict[Path, str] = {}
    for service in stack.services:
        named = {
            volume_name(service, mount)
            for mount in service.mounts
            if isinstance(mount, VolumeMount)
        }
        for volume in volumes:
            if volume.name in named or volume.name.startswith(f"{service.name}-"):
                found.setdefault(volume, service.name)
    return found


def _at_ports(service: Service, ports: Mapping[Key, int]) -> Service:
    def published(port: Port) -> PortRange | None:
        given = ports.get((service.name, port.container, port.protocol))
        return PortRange(given, given) if given is not None else None

    moved = tuple(replace(port, published=published(port)) for port in service.ports)
    return replace(service, ports=moved)


def mentions(stack: Stack, ports: Mapping[Key, int]) -> Iterator[str]:
    """Yield, in words, which variables of services name one of the ports of the host."""
    for service in stack.services:
        for name, value in service.environment.items():
            for port in sorted(set(ports.values())):
                if re.search(rf"(localhost|127\.0\.0\.1):{port}(?!\d)", value):
                    yield f"{name} of {service.name} names port {port}"


def unsealed(vault: SecretService, row: ProjectStack) -> str:
    """Return the text of the definition (`snapshot`) that runs, or ran last.

    Raises `SnapshotError` when there is none, and the errors of the vault.
    """
    if row.definition is None or row.definition_nonce is None or row.definition_key is None:
        raise SnapshotError("no definition was stored")
    sealed = Sealed(row.definition_key, row.definition_nonce, row.definition)
    return vault.unseal(sealed, row_id=_sealed_for(row))


def stored_stack(vault: SecretService, row: ProjectStack) -> Stack:
    """Return the same as a stack."""
    return from_text(unsealed(vault, row))


def seal(vault: SecretService, row: ProjectStack, text: str) -> None:
    """Store the definition for the row's present epoch."""
    sealed = vault.seal(text, row_id=_sealed_for(row))
    row.definition_key = sealed.key_id
    row.definition_nonce = sealed.nonce
    row.definition = sealed.ciphertext


def _sealed_for(row: ProjectStack) -> str:
    return f"stack:{row.project_id}:{row.epoch}"
