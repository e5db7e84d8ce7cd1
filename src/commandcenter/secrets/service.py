"""The vault: values go in, and come out for granted agents alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.auth import audit
from commandcenter.auth.identity import SYSTEM, Caller
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.ids import new_id
from commandcenter.models import Secret, SecretGrant
from commandcenter.observability.redaction import Redactor
from commandcenter.secrets.cipher import Cipher, Sealed
from commandcenter.secrets.errors import SecretNotFoundError, SecretNotGrantedError


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """All that is ever told about a secret."""

    name: str
    created_at: datetime
    updated_at: datetime
    granted_to: tuple[str, ...]


class SecretService:
    def __init__(self, database: Database, cipher: Cipher, redactor: Redactor) -> None:
        self._database = database
        self._cipher = cipher
        self._redactor = redactor

    async def start(self) -> None:
        """Teach the redactor the values that are stored already."""
        async with self._database.read() as session:
            rows = list(await session.scalars(select(Secret)))
        # A row under another key stays closed, and the hub works on without it.
        self._redactor.register(
            self._value(row) for row in rows if row.key_id == self._cipher.key_id
        )

    async def set(self, caller: Caller, name: str, value: str) -> bool:
        """Create the secret or give it a new value; True when it is new. Grants stay."""
        self._redactor.register([value])
        now = utc_now()
        async with self._database.write() as session:
            row = await session.scalar(select(Secret).where(Secret.name == name).with_for_update())
            is_new = row is None
            if row is None:
                row = Secret(id=new_id("sec"), name=name, created_at=now)
                session.add(row)
            sealed = self._cipher.seal(value, row_id=row.id)
            row.key_id, row.nonce, row.ciphertext = (
                sealed.key_id,
                sealed.nonce,
                sealed.ciphertext,
            )
            row.updated_at = now
            await session.flush()
            await audit.record(
                session, caller, "secret.created" if is_new else "secret.changed", name
            )
        return is_new

    async def kept(self, name: str, make: Callable[[], str]) -> str:
        """Return the value of one of the hub's own secrets, made and stored at its first use."""
        async with self._database.read() as session:
            row = await session.scalar(select(Secret).where(Secret.name == name))
        if row is None:
            now = utc_now()
            async with self._database.write() as session:
                row = await session.scalar(
                    select(Secret).where(Secret.name == name).with_for_update()
                )
                if row is None:
                    row = Secret(id=new_id("sec"), name=name, created_at=now, updated_at=now)
                    sealed = self._cipher.seal(make(), row_id=row.id)
                    row.key_id, row.nonce, row.ciphertext = (
                        sealed.key_id,
                        sealed.nonce,
                        sealed.ciphertext,
                    )
                    session.add(row)
                    await session.flush()
                    await audit.record(session, SYSTEM, "secret.created", name)
        value = self._value(row)
        self._redactor.register([value])
        return value

    async def copy_kept(self, session: AsyncSession, name: str, as_name: str) -> None:
        """Keep one of the hub's own secrets under another name too; nothing if there is none."""
        row = await session.scalar(select(Secret).where(Secret.name == name))
        if row is None:
            return
        now = utc_now()
        made = Secret(id=new_id("sec"), name=as_name, created_at=now, updated_at=now)
        sealed = self._cipher.seal(self._value(row), row_id=made.id)
        made.key_id, made.nonce, made.ciphertext = sealed.key_id, sealed.nonce, sealed.ciphertext
        session.add(made)
        await session.flush()
        await audit.record(session, SYSTEM, "secret.created", as_name)

    async def forget_kept(self, session: AsyncSession, name: str) -> None:
        """Forget one of the hub's own secrets; idempotent."""
        row = await session.scalar(select(Secret).where(Secret.name == name))
        if row is not None:
            await session.execute(delete(SecretGrant).where(SecretGrant.secret_id == row.id))
            await session.delete(row)
            await session.flush()
            await audit.record(session, SYSTEM, "secret.deleted", name)

    def seal(self, text: str, *, row_id: str) -> Sealed:
        """Encrypt what another table keeps; `row_id` says whose it is."""
        return self._cipher.seal(text, row_id=row_id)

    def unseal(self, sealed: Sealed, *, row_id: str) -> str:
        """Return what was sealed for the same row. Raises the errors of the vault."""
        return self._cipher.open(sealed, row_id=row_id)

    async def list(self, *, after: str | None = None, limit: int = 50) -> list[SecretInfo]:
        """Return names and grants in the order of names."""
        query = select(Secret).order_by(Secret.name).limit(limit)
        if after is not None:
            query = query.where(Secret.name > after)
        async with self._database.read() as session:
            rows = list(await session.scalars(query))
            grants = await _grants(session, [row.id for row in rows])
        return [
            SecretInfo(row.name, row.created_at, row.updated_at, tuple(grants.get(row.id, ())))
            for row in rows
        ]

    async def delete(self, caller: Caller, name: str) -> None:
        async with self._database.write() as session:
            row = await _load(session, name)
            await session.execute(delete(SecretGrant).where(SecretGrant.secret_id == row.id))
            await session.delete(row)
            await session.flush()
            await audit.record(session, caller, "secret.deleted", name)

    async def grant(self, caller: Caller, name: str, agent_name: str) -> None:
        """Let the agent have the secret; idempotent."""
        async with self._database.write() as session:
            row = await _load(session, name)
            if await session.get(SecretGrant, (row.id, agent_name)) is not None:
                return
            session.add(
                SecretGrant(
                    secret_id=row.id,
                    agent_name=agent_name,
                    granted_by=caller.principal_id,
                    granted_at=utc_now(),
                )
            )
            await session.flush()
            await audit.record(session, caller, "secret.granted", name, {"agent": agent_name})

    async def revoke(self, caller: Caller, name: str, agent_name: str) -> None:
        """Take the grant back; idempotent. A running attempt keeps what it was given."""
        async with self._database.write() as session:
            row = await _load(session, name)
            grant = await session.get(SecretGrant, (row.id, agent_name))
            if grant is None:
                return
            await session.delete(grant)
            await session.flush()
            await audit.record(session, caller, "secret.revoked", name, {"agent": agent_name})

    async def resolve(self, agent_name: str, names: Sequence[str]) -> dict[str, str]:
        """Return the values this agent may have.

        Raises `SecretNotFoundError` or `SecretNotGrantedError` naming all that is missing, and
        then gives out nothing. The values are registered for redaction.
        """
        wanted = sorted(set(names))
        if not wanted:
            return {}
        async with self._database.read() as session:
            rows = list(await session.scalars(select(Secret).where(Secret.name.in_(wanted))))
            grants = await _grants(session, [row.id for row in rows])
        missing = sorted(set(wanted) - {row.name for row in rows})
        if missing:
            raise SecretNotFoundError(
                f"The agent {agent_name} wants secrets that do not exist: {', '.join(missing)}.",
                hint=_commands("set", missing),
                fields={"agent": agent_name, "missing": missing},
            )
        ungranted = sorted(row.name for row in rows if agent_name not in grants.get(row.id, ()))
        if ungranted:
            raise SecretNotGrantedError(
                f"The agent {agent_name} was not granted: {', '.join(ungranted)}.",
                hint=_commands("grant", ungranted, agent_name),
                fields={"agent": agent_name, "not_granted": ungranted},
            )
        values = {row.name: self._value(row) for row in rows}
        self._redactor.register(values.values())
        return values

    def _value(self, row: Secret) -> str:
        return self._cipher.open(
            Sealed(key_id=row.key_id, nonce=row.nonce, ciphertext=row.ciphertext), row_id=row.id
        )


def _commands(verb: str, names: Sequence[str], *rest: str) -> str:
    lines = " ; ".join(" ".join(("commandcenter secrets", verb, name, *rest)) for name in names)
    return f"An admin can: {lines}"


async def _load(session: AsyncSession, name: str) -> Secret:
    row = await session.scalar(select(Secret).where(Secret.name == name).with_for_update())
    if row is None:
        raise SecretNotFoundError(
            f"There is no secret {name}.", hint="GET /api/v1/secrets lists their names."
        )
    return row


async def _grants(session: AsyncSession, secret_ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    query = (
        select(SecretGrant)
        .where(SecretGrant.secret_id.in_(secret_ids))
        .order_by(SecretGrant.agent_name)
    )
    for grant in await session.scalars(query):
        found.setdefault(grant.secret_id, []).append(grant.agent_name)
    return found
