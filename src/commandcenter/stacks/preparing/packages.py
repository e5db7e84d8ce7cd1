"""Whether a project's program finds what it needs: its virtual environment, its node_modules."""

import functools
import importlib.metadata
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from commandcenter.stacks.errors import ServiceNotPreparedError
from commandcenter.stacks.model import Service
from commandcenter.stacks.preparing import interpreters
from commandcenter.stacks.resources import BindMount

_ENVIRONMENTS = (".venv", "venv", "env")
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_DISTRIBUTION = re.compile(r"[-_.]+")
_SCRIPTS = {
    "uvicorn": "uvicorn",
    "gunicorn": "gunicorn",
    "fastapi": "fastapi",
    "flask": "flask",
    "celery": "celery",
    "hypercorn": "hypercorn",
    "pytest": "pytest",
}
_MAX_REQUIREMENTS_BYTES = 256 * 1024
_MAX_NAMED = 8
_VERSION = re.compile(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ProjectFolder:
    """The service's working directory, inside and on this machine."""

    root: Path  # the project's folder
    root_inside: str | None  # where the service sees it
    directory: Path  # the working directory on this machine
    directory_inside: str

    @classmethod
    def of(cls, service: Service, folder: Path) -> "ProjectFolder":
        inside = service.working_directory or "/"
        for mount in service.mounts:
            if not isinstance(mount, BindMount):
                continue
            source = folder if mount.source == "." else folder / mount.source
            if inside == mount.target or inside.startswith(f"{mount.target}/"):
                rest = PurePosixPath(inside).relative_to(mount.target)
                return cls(source, mount.target, source / rest, inside)
        return cls(folder, None, folder, inside)

    def shown(self, path: Path) -> str:
        """Return the path relative to the project, for people and their commands."""
        try:
            return str(path.relative_to(self.root)) or "."
        except ValueError:
            return str(path)


@dataclass(frozen=True, slots=True)
class Python:
    command: str  # argv[0] of an attempt: a path inside, or "python" for the hub's own
    executable: str  # the same for a command that is run in the service
    version: tuple[int, ...]
    words: str
    scripts: Path | None  # the environment's bin directory on this machine
    trees: tuple[Path, ...]  # what of this machine it needs to be shown besides /usr

    @property
    def directory(self) -> str:
        return str(PurePosixPath(self.executable).parent)

    def module_of(self, program: str) -> str | None:
        """Return the module that runs a program; None if it is to be looked for on the PATH.

        Scripts of an environment name the interpreter by the path it has outside.
        """
        if self.scripts is not None and not (self.scripts / program).exists():
            return None
        return _SCRIPTS.get(program)


def python_for(service: Service, place: ProjectFolder) -> Python:
    """Return the interpreter of the project's virtual environment, else the hub's own.

    Raises `ServiceNotPreparedError` when packages that the project names are not there.
    """
    environment = _environment(place)
    if environment is not None:
        return _environment_python(service, place, environment)
    missing = [name for name in _wanted(place) if not _is_installed(name)]
    if missing:
        raise _not_prepared_python(service, place, missing)
    version = (sys.version_info.major, sys.version_info.minor)
    trees = interpreters.own_trees()
    return Python("python", sys.executable, version, "of the hub itself", None, trees)


def _environment(place: ProjectFolder) -> Path | None:
    """Return the virtual environment that the service can see."""
    for base in dict.fromkeys((place.directory, place.root)):
        for name in _ENVIRONMENTS:
            if (base / name / "pyvenv.cfg").is_file() and place.root_inside is not None:
                return base / name
    return None


@dataclass(frozen=True, slots=True)
class Packages:
    """The packages of an environment, for another interpreter of the same version."""

    inside: str  # where the service sees their directory
    version: str  # "3.13"


def environment_packages(service: Service, place: ProjectFolder, module: str) -> Packages:
    """Return the packages of the project's virtual environment.

    Its interpreter is of this machine and not in any image; packages depend on its version alone.
    Raises `ServiceNotPreparedError` when there is none, or not in it the module that is run.
    """
    environment = _environment(place)
    if environment is None:
        raise _not_prepared_python(service, place, _wanted(place) or [module])
    version = ".".join(map(str, _version_of(environment)))
    directory = environment / "lib" / f"python{version}" / "site-packages"
    if not directory.is_dir():
        raise ServiceNotPreparedError(
            f"The environment {place.shown(environment)} of {service.name} has no packages of "
            f"Python {version}.",
            hint=f"Make it again: {_make(place, again=True)}",
            fields={"service": service.name},
        )
    shown = place.shown(environment)
    if not any((directory / name).exists() for name in (module, f"{module}.py")):
        raise ServiceNotPreparedError(
            f"{service.name} needs {module}, which is not installed in the project's {shown}.",
            hint=f"Install it: {environment}/bin/pip install {module}",
            fields={"service": service.name, "missing": [module]},
        )
    inside = f"{place.root_inside}/{shown}/lib/python{version}/site-packages"
    return Packages(inside, version)


def _environment_python(service: Service, place: ProjectFolder, environment: Path) -> Python:
    python = environment / "bin" / "python"
    if (leads_to := interpreters.unseen(python)) is not None:
        again = _make(place, interpreters.SYSTEM_PYTHON, again=True)
        raise ServiceNotPreparedError(
            f"The python of {service.name}'s environment {place.shown(environment)} leads to "
            f"{leads_to}, which services do not see.",
            hint=f"Make it again with the system's Python: {again}{_then_install(place)}",
            fields={"service": service.name},
        )
    inside = f"{place.root_inside}/{place.shown(environment)}/bin/python"
    return Python(
        inside,
        inside,
        _version_of(environment),
        f"of the project's {place.shown(environment)}",
        environment / "bin",
        interpreters.trees_for(python),
    )


def _version_of(environment: Path) -> tuple[int, ...]:
    try:
        found = _VERSION.search((environment / "pyvenv.cfg").read_text(errors="replace"))
    except OSError:
        found = None
    return tuple(int(part) for part in found.groups()) if found else (3,)


def _wanted(place: ProjectFolder) -> list[str]:
    """Return the names of the packages in the project's requirements.txt."""
    path = _requirements(place)
    if path is None:
        return []
    try:
        with path.open(errors="replace") as file:
            lines = file.read(_MAX_REQUIREMENTS_BYTES).splitlines()
    except OSError:
        return []
    found = [_REQUIREMENT.match(line) for line in lines]
    return [match.group(1) for match in found if match is not None]


def _requirements(place: ProjectFolder) -> Path | None:
    for base in dict.fromkeys((place.directory, place.root)):
        path = base / "requirements.txt"
        if path.is_file() and not path.is_symlink():
            return path
    return None


def _is_installed(name: str) -> bool:
    return _DISTRIBUTION.sub("-", name).lower() in _installed()


@functools.cache
def _installed() -> frozenset[str]:
    return frozenset(
        _DISTRIBUTION.sub("-", found.metadata["Name"]).lower()
        for found in importlib.metadata.distributions()
        if found.metadata["Name"]
    )


def _not_prepared_python(
    service: Service, place: ProjectFolder, missing: list[str]
) -> ServiceNotPreparedError:
    shown = ", ".join(missing[:_MAX_NAMED])
    more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
    return ServiceNotPreparedError(
        f"{service.name} needs packages that are not installed: {shown}{more}.",
        hint="Install them in the project's folder, nothing is installed for you: "
        f"{_make(place)}{_then_install(place, missing)}",
        fields={"service": service.name, "missing": missing[:100]},
    )


def _make(place: ProjectFolder, python: str | None = None, *, again: bool = False) -> str:
    python = python or interpreters.python_for_environments()
    return f"{python} -m venv {'--clear ' if again else ''}{place.root}/.venv"


def _then_install(place: ProjectFolder, missing: Sequence[str] = ()) -> str:
    path = _requirements(place)
    wanted = f"-r {path}" if path is not None else " ".join(missing)
    return f" && {place.root}/.venv/bin/pip install {wanted}" if wanted else ""


def node_module(service: Service, place: ProjectFolder, program: str) -> str:
    """Return the script of a program in node_modules, as the service sees it.

    Raises `ServiceNotPreparedError` when it is not installed.
    """
    for base, inside in (
        (place.directory, place.directory_inside),
        (place.root, place.root_inside),
    ):
        link = base / "node_modules" / ".bin" / program
        if inside is None or not link.exists():
            continue
        real = Path(os.path.realpath(link))
        modules = Path(os.path.realpath(base / "node_modules"))
        if real.is_relative_to(modules):
            return f"{inside}/node_modules/{real.relative_to(modules)}"
    raise ServiceNotPreparedError(
        f"{service.name} needs {program}, which is not installed in "
        f"{place.shown(place.directory)}/node_modules.",
        hint="Install it in the project's folder, nothing is installed for you: "
        f"npm install --prefix {place.directory}",
        fields={"service": service.name, "missing": [program]},
    )
