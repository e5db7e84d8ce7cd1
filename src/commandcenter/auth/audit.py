"""The audit log: who did what, written in the transaction of the deed, each entry chained.

An entry's hash covers its content and the hash of the entry before, so that changing or removing
one in the middle shows. Cutting entries off the end does not show by itself: `verify` returns the
last hash, to be kept elsewhere.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.auth.identity import Caller
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import AuditEntry

_ADVISORY_LOCK = 0x636F_6D61
_FIRST_HASH = "0" * 64
_PAGE = 500


async def record(
    session: AsyncSession,
    caller: Caller,
    action: str,
    subject: str,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry to this transaction. `data` is JSON and never holds a secret.

    Call it before `EventStore.append`: on PostgreSQL both take a lock until the commit, and taking
    them in one order everywhere keeps two transactions from waiting for each other.
    """
    connection = await session.connection()
    if connection.dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    previous = await session.scalar(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1))
    entry = AuditEntry(
        at=utc_now(),
        principal_id=caller.principal_id,
        principal_name=caller.name,
        action=action,
        subject=_storable(subject)[:200],
        data=_storable(dict(data or {})),
        previous_hash=previous or _FIRST_HASH,
        hash="",
    )
    entry.hash = _hash(entry)
    session.add(entry)
    await session.flush([entry])


async def newest(
    database: Database,
    *,
    before: int | None,
    limit: int,
    principal: str | None = None,
    action: str | None = None,
) -> list[AuditEntry]:
    """Return at most `limit` entries, the newest first, with ids below `before`.

    `principal` is a name as it was then, or an id; `action` a whole one or its part before the dot.
    """
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    if principal is not None:
        of = (AuditEntry.principal_name == principal, AuditEntry.principal_id == principal)
        query = query.where(or_(*of))
    if action is not None:
        begins = AuditEntry.action.startswith(f"{action}.", autoescape=True)
        query = query.where(or_(AuditEntry.action == action, begins))
    async with database.read() as session:
        return list(await session.scalars(query))


@dataclass(frozen=True, slots=True)
class Verification:
    """`broken_id` is the first entry that does not fit; None when the whole chain holds."""

    entries: int
    last_hash: str
    broken_id: int | None
    checked_at: datetime


async def verify(session: AsyncSession) -> Verification:
    """Walk the whole chain, a page at a time."""
    count, last_id, last_hash = 0, 0, _FIRST_HASH
    while True:
        page = list(
            await session.scalars(
                select(AuditEntry)
                .where(AuditEntry.id > last_id)
                .order_by(AuditEntry.id)
                .limit(_PAGE)
            )
        )
        for entry in page:
            if entry.previous_hash != last_hash or entry.hash != _hash(entry):
                return Verification(count, last_hash, entry.id, utc_now())
            count, last_id, last_hash = count + 1, entry.id, entry.hash
        if len(page) < _PAGE:
            return Verification(count, last_hash, None, utc_now())
        session.expunge_all()


def _hash(entry: AuditEntry) -> str:
    content = [
        entry.previous_hash,
        entry.at.isoformat(timespec="microseconds"),
        entry.principal_id,
        entry.principal_name,
        entry.action,
        entry.subject,
        entry.data,
    ]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _storable(value: Any) -> Any:
    """Return JSON that both databases give back exactly as it was.

    JSONB rewrites floats and refuses NUL; a float is kept as its text, a NUL as U+FFFD.
    """
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode(errors="replace").decode()
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, Mapping):
        return {_storable(str(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_storable(item) for item in value]
    return _storable(str(value))
