"""How the servers of a stack are run as sandboxed services: commands, users, data, probes."""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from commandcenter.kit.errors import InvalidInputError
from commandcenter.runtimes.sandbox.programs import find_node, find_postgres, find_redis
from commandcenter.runtimes.spec import (
    AttemptKind,
    AttemptSpec,
    Limits,
    PublishedPort,
    ServiceSpec,
    Volume,
    Workspace,
)

SERVER_ID = 999  # of databases, as in their usual images; applications are 1000
POSTGRES_DATA = "/var/lib/postgresql/data"
REDIS_DATA = "/data"
_POSTGRES_PORT, _REDIS_PORT = 5432, 6379
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_MIB = 1024**2
_PASSWORD_FILE = "postgres_password"  # noqa: S105 - the name of the file
# Run in the sandbox. A database that was not finished is begun again; the rename makes it one. All
# of it is brought to the disk at once before: a thousand small files one by one take seconds.
_POSTGRES_START = """\
set -eu
bin=$1 data=$2/pgdata user=$3 database=$4
shift 4
quiet() { "$@" >/tmp/making.log 2>&1 || { cat /tmp/making.log; exit 1; }; }
if [ ! -f "$data/PG_VERSION" ]; then
  echo "making the database $database"
  rm -rf "$data.new"
  quiet "$bin/initdb" -N -D "$data.new" -U "$user" --pwfile=/run/secrets/postgres_password \\
    --auth-local=trust --auth-host=scram-sha-256 -E UTF8 --locale=C.UTF-8
  echo "host all all samenet scram-sha-256" >>"$data.new/pg_hba.conf"
  if [ "$database" != postgres ]; then
    echo "CREATE DATABASE \\"$database\\"" >/tmp/create.sql
    quiet "$bin/postgres" --single -F -D "$data.new" postgres </tmp/create.sql
  fi
  sync -f "$data.new"
  mv "$data.new" "$data"
  sync "${data%/pgdata}"
fi
exec "$bin/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one server needs; `attempt` makes the attempt of it."""

    command: tuple[str, ...]
    port: int  # on which it listens
    uid: int = 1000
    gid: int = 1000
    environment: Mapping[str, str] = field(default_factory=dict)
    secret_files: Mapping[str, str] = field(default_factory=dict, repr=False)
    programs: tuple[Path, ...] = ()
    data: str | None = None  # where a volume must be mounted for what it keeps
    directory: str = "/"
    stop_signal: int = signal.SIGTERM
    probe: tuple[str, ...] | None = None  # exits with 0 when it serves; run in the service


def postgres(
    *, user: str, password: str, database: str, memory_bytes: int, major: int | None = None
) -> Recipe:
    """PostgreSQL; the database is made in an empty volume, with the password, at the first start.

    `major` must be that of existing data (`postgres_major`). Raises `ProgramMissingError`.
    """
    for name in (user, database):
        if not _NAME.fullmatch(name):
            raise InvalidInputError(
                f"{name!r} cannot be the name of a database or of its user.",
                hint="Use letters, digits, - and _, at most 63.",
            )
    program = find_postgres(major)
    shared = max(16, min(128, memory_bytes // _MIB // 4))
    return Recipe(
        command=(
            "/bin/sh", "-c", _POSTGRES_START, "postgres", str(program.directory), POSTGRES_DATA,
            user, database, "-c", f"shared_buffers={shared}MB",
        ),
        port=_POSTGRES_PORT,
        uid=SERVER_ID,
        gid=SERVER_ID,
        # As in the image, its clients find it without being told where, and need no password:
        # whoever reaches the socket is in the service already. Debian's look in /var/run.
        environment={"PGHOST": "/tmp"},  # noqa: S108 - its own
        secret_files={_PASSWORD_FILE: password + "\n"},
        programs=program.trees,
        data=POSTGRES_DATA,
        stop_signal=signal.SIGINT,  # end sessions; SIGTERM would wait for them
        probe=(
            str(program.directory / "pg_isready"), "-q", "-h", "127.0.0.1", "-U", user,
            "-d", database,
        ),
    )  # fmt: skip


def postgres_major(volume: Path) -> int | None:
    """By which major version the data in a volume was written; None if there is none yet.

    For a hub that can read the volume: it may belong to a service's own user.
    """
    try:
        return int((volume / "pgdata" / "PG_VERSION").read_text().split(".")[0])
    except (OSError, ValueError):
        return None


def redis() -> Recipe:
    """Redis with every write appended to a file in its volume. Raises `ProgramMissingError`."""
    program = find_redis()
    return Recipe(
        command=(
            str(program.path), "--port", str(_REDIS_PORT), "--bind", "0.0.0.0",  # noqa: S104
            "--protected-mode", "no", "--dir", REDIS_DATA, "--appendonly", "yes",
            "--daemonize", "no", "--logfile", "",
        ),
        port=_REDIS_PORT,
        uid=SERVER_ID,
        gid=SERVER_ID,
        programs=program.trees,
        data=REDIS_DATA,
        probe=(
            str(program.directory / "redis-cli"), "-h", "127.0.0.1", "-p", str(_REDIS_PORT), "ping",
        ),
    )  # fmt: skip


def uvicorn(app: str, *, port: int, directory: str, arguments: tuple[str, ...] = ()) -> Recipe:
    """An ASGI application of the project's, by the hub's own Python; `app` is `module:name`."""
    return Recipe(
        command=(
            "python", "-m", "uvicorn", app, "--host", "0.0.0.0",  # noqa: S104 - in its network
            "--port", str(port), "--app-dir", directory, *arguments,
        ),
        port=port,
        directory=directory,
    )  # fmt: skip


def node(script: str, *arguments: str, port: int, directory: str) -> Recipe:
    """A script of the project's by Node.js, such as a development server.

    The script must listen on 0.0.0.0. Raises `ProgramMissingError`.
    """
    program = find_node()
    return Recipe(
        command=(str(program.path), script, *arguments),
        port=port,
        environment={"PATH": f"{program.directory}:/usr/local/bin:/usr/bin:/bin"},
        programs=program.trees,
        directory=directory,
    )


def vite(*, port: int, directory: str) -> Recipe:
    """The development server of the Vite in the folder's own `node_modules`."""
    script = "node_modules/vite/bin/vite.js"
    return node(
        script, "--host", "0.0.0.0", "--port", str(port), "--strictPort",  # noqa: S104
        port=port, directory=directory,
    )  # fmt: skip


def attempt(
    recipe: Recipe,
    *,
    attempt_id: str,
    network: str,
    names: tuple[str, ...],
    limits: Limits,
    host_port: int | None = None,
    volume: Path | None = None,
    volumes: tuple[Volume, ...] = (),
    workspace: Workspace | None = None,
    environment: Mapping[str, str] | None = None,
    secret_environment: Mapping[str, str] | None = None,
    redact: tuple[str, ...] = (),
    grace_seconds: float = 10.0,
) -> AttemptSpec:
    """The attempt that runs a recipe; `volume` is for the recipe's own data."""
    if recipe.data is not None and volume is not None:
        volumes = (Volume(volume, recipe.data), *volumes)
    ports = (PublishedPort(host_port, recipe.port),) if host_port is not None else ()
    return AttemptSpec(
        attempt_id=attempt_id,
        kind=AttemptKind.SERVICE,
        command=recipe.command,
        agent_directory=None,
        input_json=b"",
        workspace=workspace,
        limits=limits,
        timeout_seconds=float("inf"),
        grace_seconds=grace_seconds,
        environment={**recipe.environment, **(environment or {})},
        secret_files=recipe.secret_files,
        secret_environment=secret_environment or {},
        redact=redact,
        service=ServiceSpec(
            network=network,
            names=names,
            ports=ports,
            volumes=volumes,
            programs=recipe.programs,
            uid=recipe.uid,
            gid=recipe.gid,
            directory=recipe.directory,
            stop_signal=recipe.stop_signal,
        ),
    )
