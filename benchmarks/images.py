"""Images for benchmarks where no registry is: Debian packages under the names that stacks ask for.

`python -m benchmarks.images` makes those that are missing, by mmdebstrap and `docker import`; they
hold the same programs as the originals, with their users and places, and stand in for nothing else.
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_POSTGRES_START = """\
#!/bin/sh
# Makes the database at the first start, as the original image does, and runs the server.
set -eu
bin=/usr/lib/postgresql/15/bin
data=${PGDATA:-/var/lib/postgresql/data}
if [ ! -s "$data/PG_VERSION" ]; then
  mkdir -p "$data"
  printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
  "$bin/initdb" -D "$data" -U "${POSTGRES_USER:-postgres}" --pwfile=/tmp/password \\
    -A scram-sha-256 -E UTF8 --locale=C.UTF-8
  rm /tmp/password
  echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
  database=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
  if [ "$database" != postgres ]; then
    echo "CREATE DATABASE \\"$database\\"" | "$bin/postgres" --single -D "$data" postgres
  fi
fi
exec "$bin/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp
"""
_SERVER_ID = 999  # of postgres and redis in their images
_SHRINK = tuple(
    f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")
)


@dataclass(frozen=True, slots=True)
class StandIn:
    name: str
    packages: tuple[str, ...]
    changes: tuple[str, ...]  # as `docker import --change` takes them
    files: tuple[tuple[str, str], ...] = ()  # path inside, text; executable
    programs: tuple[str, ...] = ()  # of this machine, copied to /usr/local/bin
    user: str | None = None  # the package's, who is 999 in the original


IMAGES = (
    StandIn(
        "postgres:16",
        ("postgresql-15",),
        (
            'ENTRYPOINT ["/usr/local/bin/start-postgres"]',
            "ENV PGDATA=/var/lib/postgresql/data",
            "EXPOSE 5432",
        ),
        files=(("/usr/local/bin/start-postgres", _POSTGRES_START),),
        user="postgres",
    ),
    StandIn(
        "redis:7",
        ("redis-server",),
        ('CMD ["redis-server"]', "WORKDIR /data", "EXPOSE 6379"),
        user="redis",
    ),
    StandIn(
        "python:3.13-slim",
        ("python-is-python3", "python3-fastapi", "uvicorn", "python3-psycopg"),
        ('CMD ["python3"]',),
    ),
    StandIn(
        "node:22-slim",
        ("libstdc++6",),
        ('CMD ["node"]',),
        programs=("node",),
    ),
)


def is_there(name: str) -> bool:
    command = ["docker", "image", "inspect", name]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def make(image: StandIn) -> None:
    """Make one image; takes about a minute."""
    with tempfile.TemporaryDirectory(prefix="commandcenter-image-") as place:
        root = Path(place, "root")
        subprocess.run(
            [
                "mmdebstrap", "--quiet", "--variant=minbase", *_SHRINK,
                f"--include={','.join(image.packages)}", "bookworm", str(root),
            ],
            check=True,
        )  # fmt: skip
        for path, text in image.files:
            file = root / path.lstrip("/")
            file.write_text(text)
            file.chmod(0o755)
        for program in image.programs:
            found = shutil.which(program)
            if found is None:
                raise RuntimeError(f"{image.name} needs {program} on this machine")
            shutil.copy(Path(found).resolve(), root / "usr/local/bin" / program)
        if image.user is not None:
            _renumber(root, image.user)
        _give_data_places(root)
        tar = subprocess.Popen(
            ["tar", "-C", str(root), "--exclude=./dev/*", "-c", "."], stdout=subprocess.PIPE
        )
        changes = [word for change in image.changes for word in ("--change", change)]
        subprocess.run(
            ["docker", "import", *changes, "-", image.name],
            stdin=tar.stdout,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        if tar.wait() != 0:
            raise RuntimeError(f"{image.name} could not be packed")


def _renumber(root: Path, user: str) -> None:
    """Give the user, his group and what is theirs the number of the original image."""
    uid, gid = (root / "etc/passwd").read_text().partition(f"\n{user}:x:")[2].split(":")[:2]
    for command in (
        ["groupmod", "--root", str(root), "--gid", str(_SERVER_ID), user],
        ["usermod", "--root", str(root), "--uid", str(_SERVER_ID), user],
        ["find", str(root), "-uid", uid, "-exec", "chown", "-h", str(_SERVER_ID), "{}", "+"],
        ["find", str(root), "-gid", gid, "-exec", "chgrp", "-h", str(_SERVER_ID), "{}", "+"],
    ):
        subprocess.run(command, check=True)


def _give_data_places(root: Path) -> None:
    """As in the originals: the servers may write there."""
    for path in ("var/lib/postgresql/data", "data"):
        place = root / path
        place.mkdir(parents=True, exist_ok=True)
        shutil.chown(place, _SERVER_ID, _SERVER_ID)


def main() -> None:
    for image in IMAGES:
        if is_there(image.name):
            print(f"{image.name} is there")
        else:
            print(f"making {image.name} ...", flush=True)
            make(image)


if __name__ == "__main__":
    main()
