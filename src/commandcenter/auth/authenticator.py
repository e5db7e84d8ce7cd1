"""From a request to its caller: bearer token first, session cookie otherwise."""

import asyncio
import hashlib
from collections import OrderedDict
from datetime import datetime, timedelta

from sqlalchemy import select, update
from starlette.requests import HTTPConnection

from commandcenter.auth.cookies import SessionCookie
from commandcenter.auth.errors import TooManyRequestsError, UnauthenticatedError
from commandcenter.auth.identity import Caller
from commandcenter.auth.permissions import Role
from commandcenter.auth.throttle import Throttle
from commandcenter.auth.tokens import TokenKind, hash_token, looks_like_token
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import Principal, Token

_LAST_USED_EVERY = timedelta(minutes=1)
_FAILURES_PER_MINUTE = 20
_KNOWN_TOKENS = 10_000


class Authenticator:
    """Looks every credential up at every request, so that a revoked one is dead at once."""

    def __init__(self, database: Database, cookie: SessionCookie) -> None:
        self._database = database
        self.cookie = cookie
        self._failures = Throttle(_FAILURES_PER_MINUTE)
        self._verified: OrderedDict[str, None] = OrderedDict()
        self._used: dict[str, datetime] = {}
        self._used_signal = asyncio.Event()

    async def authenticate(self, connection: HTTPConnection) -> Caller:
        """Return the caller, or raise `UnauthenticatedError` or `TooManyRequestsError`."""
        value, kind = self.credential(connection)
        if value is None:
            raise UnauthenticatedError(
                "This needs a token or a session, and the request has neither.",
                hint="Send 'Authorization: Bearer <token>', or sign in at /login.",
            )
        caller = await self.verify(value, kind)
        if caller is None:
            self.count_failure(connection)
            raise UnauthenticatedError(
                "The token or session is unknown, expired or revoked.",
                hint="Create a new token, or sign in again at /login.",
            )
        return caller

    def credential(self, connection: HTTPConnection) -> tuple[str | None, TokenKind]:
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, value = header.partition(" ")
            is_bearer = scheme.lower() == "bearer"
            return (value.strip() if is_bearer else None), TokenKind.API
        return self.cookie.read(connection), TokenKind.SESSION

    async def verify(self, value: str, kind: TokenKind) -> Caller | None:
        """Return the principal behind a credential, or None when it is not valid now."""
        if not looks_like_token(value):
            return None
        hashed = hash_token(value)
        now = utc_now()
        async with self._database.read() as session:
            found = (
                await session.execute(
                    select(Token, Principal)
                    .join(Principal, Principal.id == Token.principal_id)
                    .where(Token.hash == hashed, Token.kind == kind.value)
                )
            ).one_or_none()
        if found is None:
            return None
        token: Token = found[0]
        principal: Principal = found[1]
        is_dead = (
            token.revoked_at is not None
            or (token.expires_at is not None and token.expires_at <= now)
            or principal.disabled_at is not None
        )
        if is_dead:
            self._verified.pop(hashed, None)
            return None
        self._verified[hashed] = None
        self._verified.move_to_end(hashed)
        if len(self._verified) > _KNOWN_TOKENS:
            self._verified.popitem(last=False)
        if token.last_used_at is None or now - token.last_used_at >= _LAST_USED_EVERY:
            self._used[token.id] = now
            self._used_signal.set()
        return Caller(
            principal_id=principal.id,
            name=principal.name,
            role=Role(principal.role),
            groups=tuple(principal.groups),
            token_id=token.id,
        )

    def count_failure(self, connection: HTTPConnection) -> None:
        """Count a refused credential against the address; raise when there were too many."""
        wait = self._failures.hit(client_address(connection))
        if wait is not None:
            raise TooManyRequestsError(
                "Too many refused sign-ins from this address.", retry_after_seconds=wait
            )

    def rate_key(self, connection: HTTPConnection) -> str:
        """Return what to count requests by: a credential seen to be valid, else the address.

        An unverified token is no key: whoever makes up a new one each time would never be limited.
        """
        value, _ = self.credential(connection)
        if value is not None and looks_like_token(value):
            hashed = hash_token(value)
            if hashed in self._verified:
                return hashed
        return client_address(connection)

    async def keep_last_used(self) -> None:
        """Write the times of last use, at most once a minute; runs until it is cancelled."""
        while True:
            await self._used_signal.wait()
            await self.flush_last_used()
            await asyncio.sleep(_LAST_USED_EVERY.total_seconds())

    async def flush_last_used(self) -> None:
        """Write what is pending. Losing it to a crash costs a minute's precision, nothing else."""
        self._used_signal.clear()
        pending, self._used = self._used, {}
        if not pending:
            return
        async with self._database.write() as session:
            for token_id, at in pending.items():
                await session.execute(
                    update(Token).where(Token.id == token_id).values(last_used_at=at)
                )


def client_address(connection: HTTPConnection) -> str:
    host = connection.client.host if connection.client is not None else "local"
    return hashlib.sha256(host.encode()).hexdigest()[:16] if len(host) > 64 else host  # noqa: PLR2004  # no address is longer
