"""The checks of `doctor` beside those of the sandbox."""

import asyncio
import os
import platform
import socket
import stat
import subprocess
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from commandcenter import __version__
from commandcenter.cli.durations import size
from commandcenter.cli.hosting import hub_settings
from commandcenter.cli.problems import CliError, HubProblemError, HubSilentError
from commandcenter.cli.session import Cli
from commandcenter.hub.settings import Settings
from commandcenter.hub.unknown_settings import unknown_settings
from commandcenter.kit.database import Database
from commandcenter.kit.disk import disk_full, space_at
from commandcenter.kit.errors import ProblemError
from commandcenter.runtimes.docker.probe import probe
from commandcenter.runtimes.sandbox.doctor import Check, Severity, diagnose

_GIT_SECONDS = 10.0
_DATABASE_SECONDS = 10.0
_OLDEST_GIT = (2, 30)
_LITTLE_BYTES = 2 * 1024**3
_TOO_LITTLE_BYTES = 200 * 1024**2
_FEW_FILES = 1000
_SILENT_REMEDY = (
    "Its log may say why. If it hangs: end it (kill -9), and start it again with commandcenter up; "
    "what runs goes on."
)


def check_machine(cli: Cli) -> list[Check]:
    """Return all checks; takes a second or two at most, and changes nothing."""
    try:
        settings = hub_settings(data_directory=cli.data_directory)
    except ProblemError as error:
        return [Check("settings", False, Severity.FATAL, error.detail, error.hint or "")]
    return [
        Check("version", True, Severity.INFO, f"{__version__} on Python {_python()}"),
        *_unknown_settings(),
        _hub(cli) or _port(settings),
        _data_directory(settings.data_directory),
        _disk(settings),
        _database(settings),
        _git(),
        *diagnose(),
        _container_engine(),
    ]


def _unknown_settings() -> list[Check]:
    return [
        Check("settings", False, Severity.WARNING, words) for words in unknown_settings(os.environ)
    ]


def _python() -> str:
    return platform.python_version()


def _hub(cli: Cli) -> Check | None:
    """Return how the hub is; None if none runs."""
    try:
        report = cli.client.health()
    except HubSilentError as error:
        return Check("hub", False, Severity.WARNING, error.detail, _SILENT_REMEDY)
    except (CliError, HubProblemError):
        return None
    version = report.get("version")
    if version is not None and version != __version__:
        return Check(
            "hub",
            False,
            Severity.WARNING,
            f"runs at {cli.url} with version {version}; this program is {__version__}",
            "Restart the hub, or use the program that belongs to it.",
        )
    bad = {
        name: item["detail"]
        for name, item in (report.get("checks") or {}).items()
        if item["status"] != "ok"
    }
    if bad:
        words = "; ".join(f"{name}: {detail}" for name, detail in bad.items())
        return Check("hub", False, Severity.WARNING, f"runs at {cli.url}, degraded: {words}")
    return Check("hub", True, Severity.INFO, f"runs at {cli.url}, status {report['status']}")


def _port(settings: Settings) -> Check:
    where = f"{settings.host}:{settings.port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return Check(
            "port",
            False,
            Severity.WARNING,
            f"the hub could not listen on {where}: {error.strerror or error}",
            "Stop the other program, or choose a port: commandcenter up --port 3334",
        )
    return Check("port", True, Severity.INFO, f"no hub runs; {where} is free")


def _data_directory(path: Path) -> Check:
    name = "data"
    if not path.exists():
        parent = next(folder for folder in path.parents if folder.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return Check(name, True, Severity.INFO, f"{path} will be made at the first start")
        return Check(
            name,
            False,
            Severity.FATAL,
            f"{path} cannot be made: {parent} is not writable for this user",
            "Choose another folder with COMMANDCENTER_DATA_DIRECTORY.",
        )
    if not path.is_dir() or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Check(
            name,
            False,
            Severity.FATAL,
            f"{path} is no folder that this user may read and write",
            "Run the hub as the folder's owner, or set COMMANDCENTER_DATA_DIRECTORY.",
        )
    if stat.S_IMODE(path.stat().st_mode) & 0o022:
        return Check(
            name,
            False,
            Severity.WARNING,
            f"other users may write to {path}",
            f"chmod 700 {path}",
        )
    return Check(name, True, Severity.INFO, str(path))


def _disk(settings: Settings) -> Check:
    path = settings.data_directory
    try:
        space = space_at(path)
    except OSError as error:
        words = f"the disk of {path} cannot be asked: {error.strerror}"
        return Check("disk", False, Severity.WARNING, words)
    words = f"{size(space.free_bytes)} free"
    remedy = "Make room, or choose another folder with --data-directory."
    if space.is_exhausted:
        return Check("disk", False, Severity.FATAL, f"the disk of {path} is full: {words}", remedy)
    if space.free_bytes < _TOO_LITTLE_BYTES:
        return Check("disk", False, Severity.FATAL, words, remedy)
    if space.free_bytes < max(_LITTLE_BYTES, settings.low_disk_bytes):
        return Check("disk", False, Severity.WARNING, words, remedy)
    if space.free_files is not None and space.free_files < _FEW_FILES:
        words = f"room for only {space.free_files} more files"
        return Check("disk", False, Severity.WARNING, words, remedy)
    return Check("disk", True, Severity.INFO, words)


def _database(settings: Settings) -> Check:
    name = "database"
    if settings.database_url is None:
        file = settings.data_directory / "commandcenter.db"
        if not file.exists():
            return Check(name, True, Severity.INFO, "SQLite; will be made at the first start")
    kind = "SQLite" if settings.database_url is None else "the one of COMMANDCENTER_DATABASE_URL"
    try:
        asyncio.run(_select_one(settings.effective_database_url))
    except (SQLAlchemyError, OSError, TimeoutError, ValueError) as error:
        full = disk_full(error, settings.data_directory)
        if full is not None:
            return Check(name, False, Severity.FATAL, f"{kind}: {full.detail}", full.hint or "")
        # The driver's own words may hold the password; its kind is enough.
        return Check(
            name,
            False,
            Severity.FATAL,
            f"{kind} does not answer ({type(error).__name__})",
            "Check that the server runs and the address, user and password are right.",
        )
    return Check(name, True, Severity.INFO, f"{kind} answers")


async def _select_one(url: str) -> None:
    database = Database(url)
    try:
        async with asyncio.timeout(_DATABASE_SECONDS), database.read() as session:
            await session.execute(text("SELECT 1"))
    finally:
        await database.close()


def _git() -> Check:
    remedy = "Install git (Debian and Ubuntu: apt install git)."
    found = _output(["git", "--version"])
    if found is None:
        return Check("git", False, Severity.FATAL, "git is not installed", remedy)
    numbers = tuple(int(part) for part in found.split()[2].split(".")[:2] if part.isdigit())
    if numbers < _OLDEST_GIT:
        return Check("git", False, Severity.WARNING, f"{found} is old", remedy)
    return Check("git", True, Severity.INFO, found)


def _container_engine() -> Check:
    """No machine needs one: without it stacks run on the sandbox, and those with images do not."""
    name = "container engine"
    can = asyncio.run(probe())
    if not can.available:
        return Check(name, True, Severity.INFO, f"none can be used. {' '.join(can.problems)}")
    words = f"it enforces {', '.join(sorted(can.limits))}"
    if can.problems:
        return Check(name, True, Severity.WARNING, words, " ".join(can.problems))
    return Check(name, True, Severity.INFO, words)


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
