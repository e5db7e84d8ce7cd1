"""How much a request may hold, and how many may come."""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from commandcenter.auth.authenticator import Authenticator
from commandcenter.auth.errors import TooManyRequestsError
from commandcenter.auth.throttle import Throttle
from commandcenter.hub.problems import refuse
from commandcenter.kit.errors import ProblemError
from commandcenter.kit.injection import provide


class BodyTooLargeError(ProblemError):
    code = "body_too_large"
    status = 413
    title = "The request is too large"


class BodyLimit:
    """Refuse a body over the limit: at once by its stated length, else as soon as it is over."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        error = BodyTooLargeError(
            f"The request's body is larger than {self._max_bytes} bytes.",
            hint="Send less, or raise COMMANDCENTER_MAX_BODY_BYTES.",
            fields={"max_bytes": self._max_bytes},
        )
        stated = Headers(scope=scope).get("content-length", "0")
        if not stated.isdecimal() or int(stated) > self._max_bytes:
            await refuse(scope, receive, send, error)
            return

        received = 0
        is_refused = False
        is_started = False

        async def counting_receive() -> Message:
            nonlocal received, is_refused
            if is_refused:
                return {"type": "http.disconnect"}
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                is_refused = True
                if not is_started:
                    await refuse(scope, receive, send, error)
                return {"type": "http.disconnect"}
            return message

        async def guarded_send(message: Message) -> None:
            nonlocal is_started
            if not is_refused:
                is_started = True
                await send(message)

        try:
            await self._app(scope, counting_receive, guarded_send)
        except Exception:
            if not is_refused:  # else it is only the application's surprise at the cut body
                raise


class RateLimit:
    def __init__(self, app: ASGIApp, *, per_minute: int) -> None:
        self._app = app
        self._throttle = Throttle(per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            connection = HTTPConnection(scope)
            key = provide(Authenticator)(connection).rate_key(connection)
            wait = self._throttle.hit(key)
            if wait is not None:
                error = TooManyRequestsError(
                    "Too many requests in the last minute.", retry_after_seconds=wait
                )
                await refuse(scope, receive, send, error)
                return
        await self._app(scope, receive, send)
