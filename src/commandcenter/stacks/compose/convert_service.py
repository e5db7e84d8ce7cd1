"""One service of the checked tree to its model."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from commandcenter.stacks.compose.convert_build import build_of
from commandcenter.stacks.compose.convert_environment import environment_of, labels_of
from commandcenter.stacks.compose.convert_grants import Source, grants_of
from commandcenter.stacks.compose.convert_health import health_of, restart_of, stop_signal_of
from commandcenter.stacks.compose.convert_limits import limits_of, refuse_scale, ulimits_of
from commandcenter.stacks.compose.convert_mounts import mounts_of
from commandcenter.stacks.compose.convert_networks import HOST_NAME, attachments_of, extra_hosts_of
from commandcenter.stacks.compose.convert_ports import exposed_of, ports_of
from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.files import ProjectFiles
from commandcenter.stacks.compose.loading import Loader
from commandcenter.stacks.compose.merging import dependencies
from commandcenter.stacks.compose.safety import (
    capabilities,
    no_new_privileges,
    refuse_unsafe,
)
from commandcenter.stacks.compose.units import parse_duration
from commandcenter.stacks.model import (
    DEFAULT_STOP_GRACE_SECONDS,
    Dependency,
    DependencyCondition,
    PullPolicy,
    Service,
)
from commandcenter.stacks.resources import GrantKind, Network

_PULL = {word: PullPolicy(word) for word in ("always", "never", "missing", "build")}
_PULL["if_not_present"] = PullPolicy.MISSING
_LONGEST_COMMAND = 64 * 1024
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,400}")
_PLATFORM = re.compile(r"linux/[a-z0-9]+(?:/v[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the services of one stack share while they are read."""

    files: ProjectFiles
    loader: Loader
    environment: Mapping[str, str]
    networks: dict[str, Network]
    volumes: frozenset[str]
    secrets: Mapping[str, Source]
    configs: Mapping[str, Source]


def service_of(name: str, service: Cursor, around: Surroundings) -> Service:
    """Return the service; what is refused is reported and left out."""
    refuse_unsafe(service)
    refuse_scale(service)
    cap_add, cap_drop = capabilities(service)
    build = build_of(service, around.environment, around.files)
    if service.get("image") is None and service.get("build") is None:
        service.invalid("it has neither image nor build", "say what is to be run")
    return Service(
        name=name,
        image=service.parse_at("image", _image, None),
        build=build,
        command=_command(service, "command"),
        entrypoint=_command(service, "entrypoint"),
        environment=environment_of(service, around.environment, around.loader),
        working_directory=service.parse_at("working_dir", _folder, None),
        user=service.parse_at("user", _user, None),
        ports=ports_of(service),
        expose=exposed_of(service),
        mounts=mounts_of(service, around.volumes, around.files),
        files=(
            *grants_of(service, GrantKind.SECRET, around.secrets),
            *grants_of(service, GrantKind.CONFIG, around.configs),
        ),
        networks=attachments_of(service, name, around.networks),
        extra_hosts=extra_hosts_of(service),
        hostname=service.parse_at("hostname", _hostname, None),
        depends_on=_dependencies(service),
        health=health_of(service),
        limits=limits_of(service),
        ulimits=ulimits_of(service),
        restart=restart_of(service),
        stop_signal=stop_signal_of(service),
        stop_grace_seconds=service.parse_at(
            "stop_grace_period", parse_duration, DEFAULT_STOP_GRACE_SECONDS
        ),
        profiles=profiles_of(service),
        labels=labels_of(service, around.loader),
        read_only=service.flag("read_only"),
        init=service.flag("init"),
        tty=service.flag("tty"),
        stdin_open=service.flag("stdin_open"),
        cap_add=cap_add,
        cap_drop=cap_drop,
        no_new_privileges=no_new_privileges(service),
        platform=_platform(service),
        pull_policy=_pull_policy(service),
    )


def profiles_of(service: Cursor) -> tuple[str, ...]:
    profiles = service.get("profiles")
    return tuple(entry.text for entry in profiles.each()) if profiles else ()


def _command(service: Cursor, name: str) -> tuple[str, ...] | None:
    command = service.get(name)
    if command is None:
        return None
    if command.node.is_list:
        return tuple(entry.text for entry in command.each())
    return command.parse(_words, None)


def _words(value: object) -> tuple[str, ...]:
    if len(str(value)) > _LONGEST_COMMAND:
        raise ValueError(f"the command has more than {_LONGEST_COMMAND:,} characters")
    try:
        return tuple(shlex.split(str(value)))
    except ValueError as error:
        raise ValueError(f"the command cannot be split into words: {error}") from None


def _dependencies(service: Cursor) -> tuple[Dependency, ...]:
    found: dict[str, Dependency] = {}
    links = service.get("links")
    for entry in links.each() if links else ():
        target = entry.text.partition(":")[0]
        found[target] = Dependency(target, restart=True)
    attribute = service.get("depends_on")
    if attribute is None:
        return tuple(found.values())
    long = Cursor(dependencies(attribute.node), attribute.path, service.findings, attribute.place)
    for name, entry in long.items():
        found[name] = Dependency(
            name,
            DependencyCondition(entry.text_at("condition") or DependencyCondition.STARTED),
            entry.get("required") is None or entry.flag("required"),
            entry.flag("restart"),
        )
    return tuple(found.values())


def _image(value: object) -> str:
    text = str(value)
    if not _IMAGE.fullmatch(text):
        raise ValueError(f'"{text[:100]}" is not the name of an image')
    return text


def _user(value: object) -> str:
    text = str(value)
    if not _USER.fullmatch(text):
        raise ValueError(f'"{text[:60]}" is not a user; write 1000, 1000:1000 or a name')
    return text


def _folder(value: object) -> str:
    text = str(value)
    if not text.startswith("/"):
        raise ValueError(f'"{text[:100]}" is not an absolute path')
    return text


def _hostname(value: object) -> str:
    text = str(value)
    if not HOST_NAME.fullmatch(text):
        raise ValueError(f'"{text[:60]}" is not a host name')
    return text


def _platform(service: Cursor) -> str | None:
    platform = service.get("platform")
    if platform is None:
        return None
    if not _PLATFORM.fullmatch(platform.text):
        platform.unsupported(f'"{platform.text[:60]}" cannot be run here', "linux/amd64 can")
        return None
    return platform.text


def _pull_policy(service: Cursor) -> PullPolicy:
    policy = service.get("pull_policy")
    if policy is None:
        return PullPolicy.MISSING
    found = _PULL.get(policy.text)
    if found is None:
        policy.unsupported(
            f'"{policy.text[:40]}" is not done here', f"use one of {', '.join(_PULL)}"
        )
    return found or PullPolicy.MISSING
