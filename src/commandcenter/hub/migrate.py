"""Bringing the database to the newest schema, at every start and before anything else."""

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

import commandcenter
from commandcenter.kit.database import Database

_MIGRATION_LOCK = 0x636F_6D64


def _migrations_directory() -> Path:
    package = Path(commandcenter.__file__).parent
    for candidate in (package / "_migrations", package.parent.parent / "migrations"):
        if (candidate / "env.py").is_file():
            return candidate
    raise FileNotFoundError(f"no migrations beside {package}: the installation is incomplete")


async def migrate(database: Database) -> None:
    """Upgrade to the newest revision; idempotent, and safe when several processes start at once."""
    directory = _migrations_directory()
    if await _revision(database) == _newest_revision(directory):
        return
    # A quarter of a second, which a start with nothing to migrate does not have to spend.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(directory))

    def upgrade(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with database.engine.connect() as connection:
        if database.is_sqlite:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            # Another process may be at it, for longer than a lock is waited for otherwise.
            await connection.execute(text("SET LOCAL lock_timeout = '15min'"))
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK}
            )
        await connection.run_sync(upgrade)
        await connection.commit()


def _newest_revision(directory: Path) -> str | None:
    """Return the revision of the last file: they are named `<number>_<words>.py` and in a line."""
    names = sorted(path.name for path in (directory / "versions").glob("[0-9]*_*.py"))
    return names[-1].partition("_")[0] if names else None


async def _revision(database: Database) -> str | None:
    try:
        async with database.read() as session:
            found = await session.scalar(text("SELECT version_num FROM alembic_version"))
            return str(found) if found is not None else None
    except DBAPIError:
        return None  # no such table yet; anything worse shows in the migration itself
