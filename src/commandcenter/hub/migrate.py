"""Bringing the database to the newest schema, at every start and before anything else."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

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
    config = Config()
    config.set_main_option("script_location", str(_migrations_directory()))

    def upgrade(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with database.engine.connect() as connection:
        if database.is_sqlite:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK}
            )
        await connection.run_sync(upgrade)
        await connection.commit()
