"""Where a sign-in link points to."""

from commandcenter.auth.schemas import LoginLink
from commandcenter.auth.tokens import NewToken
from commandcenter.models import Token


class LoginLinks:
    """`base_url` is set once the hub knows the port it listens on."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")

    def url(self, token: str) -> str:
        return f"{self.base_url}/login?token={token}"

    def describe(self, row: Token, token: NewToken) -> LoginLink:
        if row.expires_at is None:
            raise ValueError(f"the sign-in link {row.id} has no end")
        return LoginLink(url=self.url(token.value), expires_at=row.expires_at)
