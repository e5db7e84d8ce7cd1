"""The model of `agent.yaml`: what an agent is, what it needs, what it promises."""

import hashlib
import json
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from commandcenter.agents.manifest_file import (
    MANIFEST_NAME,
    Document,
    ManifestError,
    Problem,
    parse_manifest_file,
    read_manifest_file,
)
from commandcenter.agents.manifest_values import (
    Argument,
    Duration,
    HostAndPort,
    JsonSchema,
    Size,
    VariableName,
)
from commandcenter.runtimes.spec import Limits, NetworkPolicy, WorkspaceAccess

HUB_PYTHON = "python"  # as argv[0]: the hub's own interpreter

_DEFAULTS = Limits()
_WARM_COMMAND_WORDS = 2  # the interpreter and the file
_MAX_FILES = 20_000
_MAX_FOLDER_BYTES = 512 * 1024**2
_CHUNK_BYTES = 1024**2
_MAX_UNDERSTOOD = 32


class AgentType(StrEnum):
    ANALYSIS = "ANALYSIS"
    MODIFICATION = "MODIFICATION"
    NOTIFICATION = "NOTIFICATION"
    CODING = "CODING"
    UTILITY = "UTILITY"


class Risk(StrEnum):
    AUTO = "AUTO"
    APPROVAL_REQUIRED = "APPROVAL_REQUIRED"


class SecretDelivery(StrEnum):
    FILE = "file"  # /run/secrets/NAME
    ENVIRONMENT = "environment"


class OnLost(StrEnum):
    """What becomes of a step whose attempt was lost, as after a power cut."""

    RETRY = "retry"  # the agent says that running it again does no harm
    FAIL = "fail"


class _Part(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, serialize_by_alias=True, validate_default=True
    )


class LimitsSection(_Part):
    """Hard limits of one attempt; sizes such as "512MiB", `cpu` in cores."""

    cpu: float = Field(_DEFAULTS.cpu, ge=0.01, le=1024)
    memory_bytes: Size = Field(_DEFAULTS.memory_bytes, ge=16 * 1024**2, alias="memory")
    pids: int = Field(_DEFAULTS.pids, ge=1, le=4_000_000)
    disk_bytes: Size = Field(_DEFAULTS.disk_bytes, ge=1024**2, alias="disk")
    log_bytes: Size = Field(_DEFAULTS.log_bytes, ge=64 * 1024, alias="log")


class NetworkSection(_Part):
    """Hosts the agent wants to reach; the operator grants them."""

    allow: tuple[HostAndPort, ...] = ()


class SecretWanted(_Part):
    name: VariableName
    delivery: SecretDelivery = Field(SecretDelivery.FILE, alias="as")


class CheckSection(_Part):
    """How to ask the agent beforehand whether it can do its work, without letting it do it."""

    inputs: Mapping[str, Any] = Field(min_length=1)  # laid over the step's own
    timeout_seconds: Duration = Field(30.0, gt=0, le=600, alias="timeout")


class AgentManifest(_Part):
    """One version of an agent. Build it with `load_manifest` or `from_json`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: str = Field(
        pattern=r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
        r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$",
        max_length=64,
    )
    description: str = Field(min_length=1, max_length=1000)
    type: AgentType
    risk: Risk
    capabilities: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.:-]{0,62}$")], ...] = ()
    inputs: JsonSchema = Field(default_factory=lambda: {"type": "object"})
    outputs: JsonSchema = Field(default_factory=lambda: {"type": "object"})
    command: tuple[Argument, ...] = ()
    image: str | None = Field(None, pattern=r"^[a-z0-9][A-Za-z0-9._:/@-]{0,254}$")
    warm: bool = False
    limits: LimitsSection = LimitsSection()
    timeout_seconds: Duration = Field(60.0, gt=0, le=7 * 86400, alias="timeout")
    grace_seconds: Duration = Field(5.0, ge=0, le=600, alias="grace")
    network: NetworkSection = NetworkSection()
    secrets: tuple[SecretWanted, ...] = ()
    workspace: WorkspaceAccess = WorkspaceAccess.NONE
    requirements: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
    on_lost: OnLost = OnLost.FAIL
    environment: Mapping[VariableName, str] = Field(default_factory=dict)
    check: CheckSection | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.command and self.image is None:
            raise ValueError("give `command` (a list of words), `image`, or both")
        if self.warm and not (len(self.command) == _WARM_COMMAND_WORDS and self.uses_hub_python):
            raise ValueError("`warm` needs a command of exactly [python, FILE] and no image")
        names = [secret.name for secret in self.secrets]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the secret {name} is listed twice")
            if name in self.environment:
                raise ValueError(f"{name} is both a secret and a variable")
        for name, value in self.environment.items():
            if name.upper().startswith("COMMANDCENTER_"):
                raise ValueError(f"the variable {name} is kept for CommandCenter itself")
            if "\0" in value:
                raise ValueError(f"the variable {name} contains a NUL character")
        unknown = set(self.check.inputs if self.check else ()) - set(
            self.inputs.get("properties", {})
        )
        if unknown:
            names_left = ", ".join(sorted(unknown))
            raise ValueError(
                f"`check.inputs` names what `inputs` has no property for: {names_left}"
            )
        return self

    @property
    def uses_hub_python(self) -> bool:
        return self.image is None and bool(self.command) and self.command[0] == HUB_PYTHON

    def for_check(self) -> "AgentManifest":
        """Return the manifest by which the agent is run to check its work beforehand.

        Nobody agreed to anything yet: so it may read, and has no network and no secrets.
        """
        if self.check is None:
            raise LookupError(f"agent {self.name} has no check")
        reads = self.workspace is not WorkspaceAccess.NONE
        return self.model_copy(
            update={
                "workspace": WorkspaceAccess.READ if reads else WorkspaceAccess.NONE,
                "network": NetworkSection(),
                "secrets": (),
                "timeout_seconds": self.check.timeout_seconds,
            }
        )

    def runtime_limits(self) -> Limits:
        part = self.limits
        return Limits(part.cpu, part.memory_bytes, part.pids, part.disk_bytes, part.log_bytes)

    def network_policy(self) -> NetworkPolicy:
        return NetworkPolicy(allow=self.network.allow)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that `from_json` reads back to an equal manifest."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Check JSON values against the model; raises `pydantic.ValidationError`."""
        return cls.model_validate_json(json.dumps(value))


def load_manifest(folder: Path) -> AgentManifest:
    """Read and check `folder/agent.yaml`, and that the files it names are there.

    Raises `ManifestError` naming file, line and field of each problem.
    """
    path = folder / MANIFEST_NAME
    document, manifest = _understood(path, read_manifest_file(path))
    problems = [
        document.problem(where, f"there is no file {name!r} in {folder}")
        for where, name in _files_named(manifest)
        if ".." in Path(name).parts or not (folder / name).is_file()
    ]
    if problems:
        raise ManifestError.of(path, problems)
    return manifest


# Registering reads the same words several times: in the folder, in the copy, at the next start.
_known: OrderedDict[bytes, tuple[Document, AgentManifest]] = OrderedDict()


def _understood(path: Path, content: bytes) -> tuple[Document, AgentManifest]:
    """Parse and check a manifest, or remember what the very same content came to."""
    key = hashlib.sha256(content).digest()
    known = _known.get(key)
    if known is not None:
        return known
    document = parse_manifest_file(path, content)
    try:
        manifest = AgentManifest.from_json(document.value)
    except ValidationError as error:
        raise ManifestError.of(
            path,
            [
                document.problem(found["loc"], found["msg"].removeprefix("Value error, "))
                for found in error.errors(include_url=False, include_input=False)
            ],
        ) from None
    _known[key] = document, manifest
    while len(_known) > _MAX_UNDERSTOOD:
        _known.popitem(last=False)
    return document, manifest


def _files_named(manifest: AgentManifest) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if manifest.uses_hub_python and len(manifest.command) > 1:
        program = manifest.command[1]
        if not program.startswith(("-", "/")):  # such as -m, or a program of the system's
            yield ("command", 1), program
    elif manifest.image is None and manifest.command[0].find("/") > 0:
        yield ("command", 0), manifest.command[0]
    if manifest.requirements is not None:
        yield ("requirements",), manifest.requirements


def digest(folder: Path) -> str:
    """Return the SHA-256 (hex) of an agent's files: names, executable bits and contents.

    `__pycache__` anywhere and `tests` at the top do not count. Raises `ManifestError` for anything
    that is neither a folder nor a regular file: what a symbolic link leads to could change later.
    """
    total = hashlib.sha256()
    budget = _MAX_FOLDER_BYTES
    paths = sorted(_regular_files(folder), key=lambda path: os.fsencode(path.relative_to(folder)))
    if len(paths) > _MAX_FILES:
        raise ManifestError.of(folder, [Problem(None, "", f"more than {_MAX_FILES} files")])
    for path in paths:
        name = os.fsencode(path.relative_to(folder))
        content = hashlib.sha256()
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            executable = os.fstat(file.fileno()).st_mode & stat.S_IXUSR
            while chunk := file.read(_CHUNK_BYTES):
                content.update(chunk)
                budget -= len(chunk)
                if budget < 0:
                    words = f"larger than {_MAX_FOLDER_BYTES // 1024**2} MiB"
                    raise ManifestError.of(folder, [Problem(None, "", words)])
        total.update(b"%d:%s:%c:" % (len(name), name, b"x" if executable else b"-"))
        total.update(content.digest())
    return total.hexdigest()


def _regular_files(folder: Path) -> Iterator[Path]:
    for directory, folders, files in os.walk(folder):
        here = Path(directory)
        folders[:] = [
            name
            for name in folders
            if name != "__pycache__" and not (here == folder and name == "tests")
        ]
        for name in (*folders, *files):
            path = here / name
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                yield path
            elif not stat.S_ISDIR(mode):
                kind = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
                relative = path.relative_to(folder)
                problem = Problem(None, "", f"{relative} is {kind}: put a regular file there")
                raise ManifestError.of(folder, [problem])
