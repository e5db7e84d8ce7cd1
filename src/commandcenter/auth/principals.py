"""Principals: creating, changing, disabling. There is always an admin left who can sign in."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.auth import audit
from commandcenter.auth.errors import (
    LastAdminError,
    PrincipalExistsError,
    PrincipalNotFoundError,
)
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Role
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.ids import new_id
from commandcenter.models import Principal


@dataclass(frozen=True, slots=True)
class PrincipalChange:
    """None leaves a field as it is."""

    role: Role | None = None
    groups: tuple[str, ...] | None = None
    disabled: bool | None = None


class PrincipalService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, caller: Caller, *, name: str, kind: str, role: Role, groups: tuple[str, ...]
    ) -> Principal:
        """Raise `PrincipalExistsError` when the name is taken."""
        try:
            async with self._database.write() as session:
                principal = add_principal(session, name=name, kind=kind, role=role, groups=groups)
                await session.flush()
                await audit.record(
                    session,
                    caller,
                    "principal.created",
                    principal.id,
                    {"name": name, "kind": kind, "role": role.value, "groups": list(groups)},
                )
        except IntegrityError as error:
            raise PrincipalExistsError(
                f"There is a principal named {name!r} already.", hint="Choose another name."
            ) from error
        return principal

    async def get(self, principal_id: str) -> Principal:
        async with self._database.read() as session:
            return await _load(session, principal_id)

    async def list(self, *, after: str | None, limit: int) -> list[Principal]:
        query = select(Principal).order_by(Principal.id).limit(limit)
        if after is not None:
            query = query.where(Principal.id > after)
        async with self._database.read() as session:
            return list(await session.scalars(query))

    async def change(self, caller: Caller, principal_id: str, change: PrincipalChange) -> Principal:
        """Change role, groups or disabled; idempotent. Refuses to remove the last admin."""
        async with self._database.write() as session:
            principal = await _load(session, principal_id, for_update=True)
            data: dict[str, object] = {}
            if change.role is not None and change.role.value != principal.role:
                data["role"] = principal.role = change.role.value
            if change.groups is not None and list(change.groups) != principal.groups:
                data["groups"] = principal.groups = list(change.groups)
            is_disabled = principal.disabled_at is not None
            if change.disabled is not None and change.disabled != is_disabled:
                data["disabled"] = change.disabled
                principal.disabled_at = utc_now() if change.disabled else None
            if not data:
                return principal
            await session.flush()
            await _refuse_without_admin(session)
            await audit.record(session, caller, "principal.changed", principal.id, data)
        return principal


def add_principal(
    session: AsyncSession, *, name: str, kind: str, role: Role, groups: tuple[str, ...]
) -> Principal:
    principal = Principal(
        id=new_id("prn"),
        name=name,
        kind=kind,
        role=role.value,
        groups=list(groups),
        created_at=utc_now(),
        disabled_at=None,
    )
    session.add(principal)
    return principal


async def _load(session: AsyncSession, principal_id: str, *, for_update: bool = False) -> Principal:
    query = select(Principal).where(Principal.id == principal_id)
    found = await session.scalar(query.with_for_update() if for_update else query)
    if found is None:
        raise PrincipalNotFoundError(
            f"There is no principal {principal_id}.", hint="GET /api/v1/principals lists them."
        )
    return found


async def _refuse_without_admin(session: AsyncSession) -> None:
    admins = await session.scalar(
        select(func.count())
        .select_from(Principal)
        .where(Principal.role == Role.ADMIN.value, Principal.disabled_at.is_(None))
    )
    if not admins:
        raise LastAdminError(
            "This is the last admin that is not disabled.", hint="Make somebody else admin first."
        )
