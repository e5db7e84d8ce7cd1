"""A PostgreSQL server for the tests, from the packages of the machine, as an ordinary user."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from tests import migrated

_START_SECONDS = 30.0
_INSTALLED = Path("/usr/lib/postgresql")


def find_binaries() -> Path | None:
    """Return the directory of the newest server on this machine, if there is one."""
    versions = sorted(_INSTALLED.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        # Short, because a Unix socket's path may have 107 characters.
        self._directory = Path(tempfile.mkdtemp(prefix="ccpg-", dir="/tmp"))
        self._account = _unprivileged_account()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._has_migrated = False

    def __enter__(self) -> Self:
        data = self._directory / "data"
        if self._account is not None:
            os.chown(self._directory, self._account.pw_uid, self._account.pw_gid)
        self._call(
            "initdb",
            "-D",
            str(data),
            "-U",
            "test",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C.UTF-8",
        )
        self._launch()
        return self

    def restart(self, *, pause_seconds: float) -> None:
        """Shut it down under its clients, leave it away for a while, and start it again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        time.sleep(pause_seconds)
        self._launch()

    def _launch(self) -> None:
        data = self._directory / "data"
        log = (self._directory / "log").open("ab")
        self._process = subprocess.Popen[bytes](
            [
                str(self._binaries / "postgres"),
                "-D",
                str(data),
                "-p",
                str(self.port),
                "-k",
                str(self._directory),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "fsync=off",
                "-c",
                "synchronous_commit=off",
                "-c",
                "max_connections=200",
            ],
            stdout=log,
            stderr=log,
            **self._identity(),
        )
        log.close()
        self._wait()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        shutil.rmtree(self._directory, ignore_errors=True)

    @contextmanager
    def database(self, *, is_migrated: bool = True) -> Iterator[str]:
        """Make a database without rows for one test and drop it afterwards."""
        name = f"test_{secrets.token_hex(6)}"
        template = self._migrated() if is_migrated else "template1"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self._url(name)
        finally:
            self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _migrated(self) -> str:
        """The database that others are copied from, made the first time one is."""
        name = "migrated"
        if not self._has_migrated:
            self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            self._execute(f'CREATE DATABASE "{name}"')
            migrated.make(self._url(name), self._url(name))
            self._has_migrated = True
        return name

    def _url(self, name: str) -> str:
        return f"postgresql://test@127.0.0.1:{self.port}/{name}"

    def terminate_listeners(self, database: str) -> None:
        """Cut the connections that wait for notifications, as a broken link would."""
        self._execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "  # noqa: S608  # a test's name
            f"WHERE datname = '{database}' AND query LIKE 'LISTEN %'"
        )

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._dsn(), autocommit=True) as connection:
            connection.execute(statement)

    def _dsn(self) -> str:
        return f"postgresql://test@127.0.0.1:{self.port}/postgres"

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        last = "no try yet"
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                psycopg.connect(self._dsn(), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                last = str(error)
                time.sleep(0.05)
            else:
                return
        log = (self._directory / "log").read_text(errors="replace")
        raise RuntimeError(f"PostgreSQL did not start: {last}\n{log}")

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / program), *arguments],
            check=True,
            capture_output=True,
            timeout=60,
            **self._identity(),
        )

    def _identity(self) -> dict[str, Any]:
        if self._account is None:
            return {"cwd": str(self._directory)}
        return {
            "cwd": str(self._directory),
            "user": self._account.pw_uid,
            "group": self._account.pw_gid,
            "extra_groups": [],
        }


def _unprivileged_account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; None when this process is not root anyway."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("running as root, and there is neither a user postgres nor nobody")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
