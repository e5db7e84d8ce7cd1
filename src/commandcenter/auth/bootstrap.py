"""What the first start creates: an admin, the CLI's token, one sign-in link."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from commandcenter.auth.credentials import add_login_link, add_token
from commandcenter.auth.permissions import Role
from commandcenter.auth.principals import add_principal
from commandcenter.auth.tokens import TokenKind, hash_token
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import Principal, Token

CLI_TOKEN_FILE = "cli-token"  # noqa: S105  # a file's name
_CLI_TOKEN_NAME = "cli"  # noqa: S105  # a token's name
_ADMIN = "admin"
_FIRST_GROUPS = ("maintainers",)


@dataclass(frozen=True, slots=True, repr=False)
class Bootstrap:
    """`login_token` is there at the very first start alone."""

    login_token: str | None
    cli_token_file: Path


async def bootstrap(database: Database, data_directory: Path) -> Bootstrap:
    """Create what is missing; idempotent. The CLI's token goes to a 0600 file and nowhere else."""
    path = data_directory / CLI_TOKEN_FILE
    async with database.write() as session:
        principal = await session.scalar(select(Principal).where(Principal.name == _ADMIN))
        login_token = None
        if principal is None and await session.scalar(select(Principal.id).limit(1)) is None:
            principal = add_principal(
                session, name=_ADMIN, kind="user", role=Role.ADMIN, groups=_FIRST_GROUPS
            )
            await session.flush()
            login_token = add_login_link(session, principal.id)[1].value
        if principal is not None and not await _is_valid(session, _read(path)):
            await session.execute(
                update(Token)
                .where(
                    Token.principal_id == principal.id,
                    Token.name == _CLI_TOKEN_NAME,
                    Token.revoked_at.is_(None),
                )
                .values(revoked_at=utc_now())
            )
            _, token = add_token(
                session,
                principal.id,
                kind=TokenKind.API,
                name=_CLI_TOKEN_NAME,
                expires_at=None,
            )
            await session.flush()
            # Before the commit: a token file without its row is replaced at the next start, while
            # a row without its file would stay valid with nobody holding it.
            write_private_file(path, token.value.encode() + b"\n")
    return Bootstrap(login_token=login_token, cli_token_file=path)


def write_private_file(path: Path, content: bytes) -> None:
    """Write a 0600 file in one step; nobody sees it half-written or with wider permissions."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None


async def _is_valid(session: AsyncSession, value: str | None) -> bool:
    if value is None:
        return False
    found = await session.scalar(
        select(Token.id).where(
            Token.hash == hash_token(value),
            Token.kind == TokenKind.API.value,
            Token.revoked_at.is_(None),
        )
    )
    return found is not None
