"""Tokens, sessions and sign-in links of principals."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.auth import audit
from commandcenter.auth.errors import LoginLinkError, PrincipalNotFoundError, TokenNotFoundError
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Role
from commandcenter.auth.tokens import (
    NewToken,
    TokenKind,
    generate_token,
    hash_token,
    looks_like_token,
)
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.kit.ids import new_id
from commandcenter.models import Principal, Token

LINK_LIFETIME = timedelta(minutes=15)
SESSION_LIFETIME = timedelta(days=7)


class CredentialService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_token(
        self, caller: Caller, principal_id: str, *, name: str, expires_at: datetime | None
    ) -> tuple[Token, NewToken]:
        """Create an API token; its value exists in the answer alone."""
        async with self._database.write() as session:
            await _require_principal(session, principal_id)
            row, token = add_token(
                session, principal_id, kind=TokenKind.API, name=name, expires_at=expires_at
            )
            await session.flush()
            await audit.record(
                session, caller, "token.created", row.id, {"principal": principal_id, "name": name}
            )
        return row, token

    async def create_login_link(self, caller: Caller, principal_id: str) -> tuple[Token, NewToken]:
        """Create a token for one sign-in within 15 minutes."""
        async with self._database.write() as session:
            await _require_principal(session, principal_id)
            row, token = add_login_link(session, principal_id)
            await session.flush()
            await audit.record(
                session, caller, "login_link.created", row.id, {"principal": principal_id}
            )
        return row, token

    async def list_tokens(self, principal_id: str, *, after: str | None, limit: int) -> list[Token]:
        """Return API tokens and sessions, spent sign-in links left out."""
        query = (
            select(Token)
            .where(Token.principal_id == principal_id, Token.kind != TokenKind.ONE_TIME.value)
            .order_by(Token.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(Token.id > after)
        async with self._database.read() as session:
            await _require_principal(session, principal_id)
            return list(await session.scalars(query))

    async def revoke_token(self, caller: Caller, principal_id: str, token_id: str) -> None:
        """Revoke for good, at once; idempotent."""
        async with self._database.write() as session:
            row = await session.scalar(
                select(Token).where(Token.id == token_id, Token.principal_id == principal_id)
            )
            if row is None:
                raise TokenNotFoundError(
                    f"{principal_id} has no token {token_id}.",
                    hint=f"GET /api/v1/principals/{principal_id}/tokens lists them.",
                )
            if row.revoked_at is not None:
                return
            row.revoked_at = utc_now()
            await session.flush()
            await audit.record(
                session, caller, "token.revoked", token_id, {"principal": principal_id}
            )

    async def open_session(self, one_time: str, *, user_agent: str) -> NewToken:
        """Spend a sign-in link for a session. Exactly one of two at the same time succeeds."""
        now = utc_now()
        async with self._database.write() as session:
            spent = None
            if looks_like_token(one_time):
                spent = await session.scalar(
                    update(Token)
                    .where(
                        Token.hash == hash_token(one_time),
                        Token.kind == TokenKind.ONE_TIME.value,
                        Token.revoked_at.is_(None),
                        Token.expires_at > now,
                    )
                    .values(revoked_at=now, last_used_at=now)
                    .returning(Token.principal_id)
                )
            principal = await session.get(Principal, spent) if spent is not None else None
            if principal is None or principal.disabled_at is not None:
                raise LoginLinkError(
                    "The link was used already, is older than 15 minutes, or is not complete.",
                    hint="On the hub's machine 'commandcenter login-link' makes a new one; "
                    "an admin can make one for you.",
                )
            row, token = add_token(
                session,
                principal.id,
                kind=TokenKind.SESSION,
                name=user_agent[:128] or "browser",
                expires_at=now + SESSION_LIFETIME,
            )
            await session.flush()
            await audit.record(
                session,
                Caller(principal.id, principal.name, Role(principal.role), token_id=row.id),
                "session.opened",
                row.id,
            )
        return token

    async def close_session(self, caller: Caller) -> None:
        """Revoke the credential this caller came with."""
        if caller.token_id is not None:
            await self.revoke_token(caller, caller.principal_id, caller.token_id)

    async def prune(self, *, older_than: timedelta = timedelta(days=30)) -> int:
        """Delete credentials dead for longer than that; returns how many."""
        limit = utc_now() - older_than
        async with self._database.write() as session:
            gone = await session.scalars(
                delete(Token)
                .where((Token.revoked_at < limit) | (Token.expires_at < limit))
                .returning(Token.id)
            )
            return len(list(gone))


def add_token(
    session: AsyncSession,
    principal_id: str,
    *,
    kind: TokenKind,
    name: str,
    expires_at: datetime | None,
) -> tuple[Token, NewToken]:
    token = generate_token()
    row = Token(
        id=new_id("tok"),
        principal_id=principal_id,
        kind=kind.value,
        name=name,
        prefix=token.prefix,
        hash=token.hash,
        created_at=utc_now(),
        expires_at=expires_at,
        last_used_at=None,
        revoked_at=None,
    )
    session.add(row)
    return row, token


def add_login_link(session: AsyncSession, principal_id: str) -> tuple[Token, NewToken]:
    return add_token(
        session,
        principal_id,
        kind=TokenKind.ONE_TIME,
        name="sign-in link",
        expires_at=utc_now() + LINK_LIFETIME,
    )


async def _require_principal(session: AsyncSession, principal_id: str) -> None:
    if await session.get(Principal, principal_id) is None:
        raise PrincipalNotFoundError(
            f"There is no principal {principal_id}.", hint="GET /api/v1/principals lists them."
        )
