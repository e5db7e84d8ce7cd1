"""Alembic's entry: the connection comes from `commandcenter.hub.migrate`, or from the settings."""

import asyncio
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from commandcenter.hub.settings import Settings
from commandcenter.kit.database import Database
from commandcenter.models.base import Base, JsonValue, UtcDateTime


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run_from_settings() -> None:
    database = Database(Settings().effective_database_url)
    async with database.engine.begin() as connection:
        await connection.run_sync(_run)
    await database.close()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    asyncio.run(_run_from_settings())
