"""The session cookie and its flags."""

from starlette.requests import HTTPConnection
from starlette.responses import Response


class SessionCookie:
    """`__Host-` and Secure when the hub is reached over https; the browser enforces the prefix."""

    def __init__(self, *, secure: bool) -> None:
        self.secure = secure
        self.name = "__Host-commandcenter" if secure else "commandcenter_session"

    def read(self, connection: HTTPConnection) -> str | None:
        return connection.cookies.get(self.name)

    def write(self, response: Response, value: str, *, max_age_seconds: int) -> None:
        response.set_cookie(
            self.name,
            value,
            max_age=max_age_seconds,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )

    def clear(self, response: Response) -> None:
        response.delete_cookie(
            self.name, path="/", secure=self.secure, httponly=True, samesite="strict"
        )
