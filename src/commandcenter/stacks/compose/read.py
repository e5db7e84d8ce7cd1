"""A project's compose files to a stack. Pure over `ProjectFiles`: no clock, no host environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from commandcenter.stacks.compose.convert_grants import sources_of
from commandcenter.stacks.compose.convert_networks import networks_of, volumes_of
from commandcenter.stacks.compose.convert_service import Surroundings, profiles_of, service_of
from commandcenter.stacks.compose.cursor import Cursor
from commandcenter.stacks.compose.files import PathKind, ProjectFileError, ProjectFiles
from commandcenter.stacks.compose.loading import MAX_SERVICES, Loader
from commandcenter.stacks.compose.problems import (
    ComposeRefusedError,
    Findings,
    Note,
    Place,
    Refusal,
)
from commandcenter.stacks.compose.safety import refuse_unsafe
from commandcenter.stacks.compose.source import Node, scalar, with_child
from commandcenter.stacks.compose.validation import validate
from commandcenter.stacks.model import Service, Stack
from commandcenter.stacks.order import DependencyCycleError, levels_of
from commandcenter.stacks.resources import GrantKind, NetworkAttachment

_ENV_FILE = ".env"
_ALL_PROFILES = "*"
_SECTIONS = ("services", "networks", "volumes", "secrets", "configs")
_OTHER_FILES = ("COMPOSE_FILE", "COMPOSE_ENV_FILES")


@dataclass(frozen=True, slots=True)
class ComposeRequest:
    """What is to be read. Nothing of the host's environment is seen but `environment`."""

    files: tuple[str, ...]  # relative to the project's folder; each is put over those before it
    project_name: str  # takes the place of the file's own `name`
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # wins over .env
    profiles: frozenset[str] | None = None  # None: those of COMPOSE_PROFILES in .env; "*": all


@dataclass(frozen=True, slots=True)
class InactiveService:
    """A service left out because none of its profiles is active."""

    name: str
    profiles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComposeStack:
    """The stack, what is done in another way than written, and the files it came from."""

    stack: Stack
    notes: tuple[Note, ...] = ()
    inactive: tuple[InactiveService, ...] = ()
    files: tuple[str, ...] = ()  # all that were read: compose files, env files; not secrets
    places: Mapping[str, Place] = field(default_factory=dict)  # where each service is written


def read_compose(files: ProjectFiles, request: ComposeRequest) -> ComposeStack:
    """Return the stack; ComposeRefusedError lists everything that stands against it.

    Idempotent; the same files and request give an equal stack.
    """
    return _Reading(files, request).run()


def _emptied(root: Node, concerned: frozenset[tuple[str, ...]]) -> Node:
    """Return the tree with broken networks, volumes, ... emptied: they were reported, and what
    uses them can still be looked at.
    """
    for section, name in (path for path in concerned if len(path) > 1):
        entries = root.get(section)
        if section in _SECTIONS[1:] and entries is not None and name in entries.value:
            emptied = with_child(entries, name, scalar(None, entries.value[name].place))
            root = with_child(root, section, emptied)
    return root


class _Reading:
    def __init__(self, files: ProjectFiles, request: ComposeRequest) -> None:
        self._files = files
        self._request = request
        self._findings = Findings()
        self._loader = Loader(files, self._findings)

    def run(self) -> ComposeStack:
        environment = self._environment()
        root = self._loader.load(self._request.files, environment)
        if root is None:
            raise self._refused()
        concerned = validate(root, self._findings)
        if any(len(path) == 0 or (len(path) == 1 and path[0] in _SECTIONS) for path in concerned):
            raise self._refused()
        whole = Cursor.at(_emptied(root, concerned), "", self._findings)
        self._top_level(whole)
        stack, inactive = self._stack(whole, environment, concerned)
        if self._findings.problems:
            raise self._refused()
        services = whole.get("services")
        places = {name: each.place for name, each in services.items()} if services else {}
        return ComposeStack(stack, self._findings.notes, inactive, tuple(self._loader.read), places)

    def _refused(self) -> ComposeRefusedError:
        return ComposeRefusedError(self._request.files[0], self._findings.problems)

    def _environment(self) -> dict[str, str]:
        given = {"COMPOSE_PROJECT_NAME": self._request.project_name}
        outside = {**self._request.environment, **given}
        try:
            has_file = self._files.kind(_ENV_FILE) is not PathKind.MISSING
        except ProjectFileError:
            has_file = True  # reading it says what is wrong
        if not has_file:
            return outside
        found = self._loader.environment(_ENV_FILE, outside, Place(_ENV_FILE))
        for name in _OTHER_FILES:
            if found.get(name):
                message = f"{name} would choose other files than those that are read here"
                self._findings.refuse(Refusal.UNSUPPORTED, name, Place(_ENV_FILE), message)
        return {**found, **outside}

    def _top_level(self, whole: Cursor) -> None:
        version, name, models = whole.get("version"), whole.get("name"), whole.get("models")
        if version is not None:
            version.note("version has no meaning any more")
        if name is not None and name.text != self._request.project_name:
            name.note(f"the project is called {self._request.project_name} here")
        if models is not None and models.node.value:
            models.unsupported("language models are not started as part of a stack")

    def _stack(
        self, whole: Cursor, environment: Mapping[str, str], concerned: frozenset[tuple[str, ...]]
    ) -> tuple[Stack, tuple[InactiveService, ...]]:
        services = whole.get("services")
        entries = list(services.named()) if services else []
        if not entries and not self._findings.problems:
            whole.invalid("there are no services", "write at least one under services")
        if len(entries) > MAX_SERVICES:
            whole.invalid(f"more than {MAX_SERVICES} services")
            entries = entries[:MAX_SERVICES]
        networks, volumes = networks_of(whole), volumes_of(whole)
        around = Surroundings(
            self._files,
            self._loader,
            environment,
            networks,
            frozenset(volumes),
            sources_of(whole, GrantKind.SECRET, environment, self._files),
            sources_of(whole, GrantKind.CONFIG, environment, self._files),
        )
        profiles = self._profiles(environment)
        found: list[Service] = []
        cursors: dict[str, Cursor] = {}
        inactive: dict[str, InactiveService] = {}
        for name, cursor in entries:
            cursors[name] = cursor
            if ("services", name) in concerned or not cursor.node.is_mapping:
                refuse_unsafe(cursor)  # the rest is looked at once the service is well formed
                continue
            wanted = profiles_of(cursor)
            if wanted and not (profiles & {*wanted, _ALL_PROFILES}):
                inactive[name] = InactiveService(name, wanted)
            else:
                found.append(service_of(name, cursor, around))
        found = self._with_links(found, cursors)
        found = self._resolved(found, cursors, inactive)
        used = {each.network for service in found for each in service.networks}
        stack = Stack(
            self._request.project_name,
            tuple(found),
            tuple(volumes.values()),
            tuple(network for name, network in networks.items() if name in used),
        )
        return stack, tuple(inactive.values())

    def _profiles(self, environment: Mapping[str, str]) -> frozenset[str]:
        if self._request.profiles is not None:
            return self._request.profiles
        words = environment.get("COMPOSE_PROFILES", "").split(",")
        return frozenset(word.strip() for word in words if word.strip())

    def _with_links(self, services: list[Service], cursors: Mapping[str, Cursor]) -> list[Service]:
        """Give a linked service the alias it is called by, on the networks it is in."""
        aliases: dict[str, list[str]] = {}
        for service in services:
            links = cursors[service.name].get("links")
            for entry in links.each() if links else ():
                target, _, alias = entry.text.partition(":")
                if not alias or alias == target:
                    continue
                if alias in cursors:
                    entry.invalid(f'"{alias[:100]}" is the name of another service')
                entry.note(f"{target[:100]} is called {alias[:100]} by every service it can reach")
                aliases.setdefault(target, []).append(alias)
        return [
            replace(
                service,
                networks=tuple(
                    NetworkAttachment(
                        each.network,
                        tuple(dict.fromkeys((*each.aliases, *aliases.get(service.name, ())))),
                    )
                    for each in service.networks
                ),
            )
            for service in services
        ]

    def _resolved(
        self,
        services: list[Service],
        cursors: Mapping[str, Cursor],
        inactive: Mapping[str, InactiveService],
    ) -> list[Service]:
        """Return the services with dependencies that exist; others and cycles are reported."""
        resolved: list[Service] = []
        active = {service.name for service in services}
        for service in services:
            where = cursors[service.name].get("depends_on") or cursors[service.name]
            kept = []
            for dependency in service.depends_on:
                name = dependency.service
                if name in active:
                    kept.append(dependency)
                elif name not in cursors:
                    where.invalid(f'there is no service "{name[:100]}"')
                elif name in inactive and dependency.required:
                    profiles = ", ".join(inactive[name].profiles)
                    where.invalid(
                        f'the service "{name}" is not active', f"activate its profile: {profiles}"
                    )
                elif name in inactive:
                    where.note(f"{name} is not active, so it is not waited for")
            resolved.append(replace(service, depends_on=tuple(kept)))
        try:
            levels_of({each.name: [need.service for need in each.depends_on] for each in resolved})
        except DependencyCycleError as error:
            first = cursors[error.cycle[0]]
            (first.get("depends_on") or first).invalid(error.detail, error.hint)
        return resolved
