"""Databases at the newest schema, for the many tests that are not about getting there.

Migrating costs a hub a third of its first start. The databases here are made once per schema and
copied; what a first start does itself is tested in `integration/hub`.
"""

import asyncio
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

_SOURCES = Path(__file__).resolve().parents[1]
_NAMES = ("commandcenter.db", "durable.db")
_MAKE_SECONDS = 120


def fill(data: Path) -> None:
    """Give a data directory the databases of a hub that was migrated and nothing else.

    One that has a database already is left as it is.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (data / _NAMES[0]).exists():
        for name in _NAMES:
            copy(name, data / name)


def copy(name: str, target: Path) -> None:
    """Copy one of the two databases."""
    shutil.copyfile(_directory() / name, target)
    target.chmod(0o600)


def make(database_url: str, durable_url: str) -> None:
    """Migrate both in a process of its own, so that nothing stays connected."""
    subprocess.run(
        [sys.executable, __file__, database_url, durable_url],
        check=True,
        timeout=_MAKE_SECONDS,
        env={**os.environ, "PYTHONPATH": str(_SOURCES / "src")},
    )


@functools.cache
def _directory() -> Path:
    """The databases of the present schema; made by whoever needs them first."""
    made = _SOURCES / ".pytest_cache" / f"migrated-{_schema()}"
    if not made.exists():
        made.parent.mkdir(exist_ok=True)
        begun = Path(tempfile.mkdtemp(dir=made.parent))
        make(*(f"sqlite+aiosqlite:///{begun / name}" for name in _NAMES))
        try:
            begun.rename(made)
        except OSError:  # another worker was first
            shutil.rmtree(begun)
    return made


def _schema() -> str:
    digest = hashlib.sha256(version("dbos").encode())
    for path in sorted((_SOURCES / "migrations" / "versions").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


async def _migrate(database_url: str, durable_url: str) -> None:
    from commandcenter.durable.engine import DurableRuns  # noqa: PLC0415 - in the process alone
    from commandcenter.hub.migrate import migrate  # noqa: PLC0415
    from commandcenter.kit.database import Database  # noqa: PLC0415

    async def nothing(_run_id: str) -> bool:
        return True

    database = Database(database_url)
    await migrate(database)
    await database.close()
    durable = DurableRuns(durable_url, executor_id="migrating", execute=nothing)
    await durable.launch()
    await durable.close()


if __name__ == "__main__":
    asyncio.run(_migrate(*sys.argv[1:]))
