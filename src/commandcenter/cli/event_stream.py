"""The hub's events over its WebSocket, resumed by id when the connection or the hub goes away."""

import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from commandcenter.cli.client import HubClient
from commandcenter.cli.problems import HubProblemError, HubUnreachableError

_OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 1.0
_MAX_MESSAGE_BYTES = 16 * 1024**2
# The hub sends a heartbeat every 15 s.
_SILENCE_SECONDS = 45.0
_FIRST_PAUSE_SECONDS = 0.25
_LAST_PAUSE_SECONDS = 5.0
_HEARTBEAT = "stream.heartbeat"
_MAX_BATCH = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in order. Empty: nothing happened for a moment."""

    events: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """The connection is gone; another one is being tried."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Reconnected:
    pass


Item = Batch | Reconnecting | Reconnected


class EventStream:
    """Events above an id, of one run or of all. Ends when `stop` is set."""

    def __init__(
        self,
        client: HubClient,
        *,
        after: int | None,
        run_id: str | None = None,
        patience_seconds: float = 600.0,
        stop: threading.Event | None = None,
    ) -> None:
        """`after`: None is from now on. `patience_seconds`: how long a hub may be away."""
        self._client = client
        self._after = after
        self._run_id = run_id
        self._patience = patience_seconds
        self._stop = stop or threading.Event()

    def items(self, *, tick_seconds: float = 1.0) -> Iterator[Item]:
        """Yield what comes, and an empty batch when nothing came for `tick_seconds`.

        Raises `HubUnreachableError` when the hub was away for longer than the patience, and
        `HubProblemError` when it refuses.
        """
        lost_at: float | None = None
        attempt = 0
        while not self._stop.is_set():
            try:
                connection = self._connect()
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
                _raise_refusal(error)
                now = time.monotonic()
                lost_at = lost_at if lost_at is not None else now
                if now - lost_at > self._patience:
                    raise HubUnreachableError(
                        f"The hub at {self._client.url} has been away for "
                        f"{self._patience:.0f} s. Runs go on once it is back.",
                        hint="Start it again and come back with: commandcenter runs watch "
                        f"{self._run_id or 'latest'}",
                    ) from error
                attempt += 1
                yield Reconnecting(attempt)
                self._pause(attempt)
                continue
            if lost_at is not None:
                yield Reconnected()
            lost_at, attempt = None, 0
            try:
                yield from self._read(connection, tick_seconds)
            finally:
                connection.close()
            if self._stop.is_set():
                return
            lost_at = time.monotonic()
            yield Reconnecting(0)

    def _connect(self) -> ClientConnection:
        values = {"after": self._after, "run_id": self._run_id}
        query = urlencode({name: value for name, value in values.items() if value is not None})
        scheme, _, rest = self._client.url.partition("://")
        return connect(
            f"{'wss' if scheme == 'https' else 'ws'}://{rest}/api/v1/ws?{query}",
            additional_headers={"Authorization": f"Bearer {self._client.token}"},
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            max_size=_MAX_MESSAGE_BYTES,
            compression=None,
            proxy=None if self._client.is_local else True,
        )

    def _read(self, connection: ClientConnection, tick_seconds: float) -> Iterator[Batch]:
        heard = time.monotonic()
        while not self._stop.is_set():
            messages: list[str | bytes] = []
            try:
                messages.append(connection.recv(timeout=tick_seconds))
                while len(messages) < _MAX_BATCH:
                    messages.append(connection.recv(timeout=0))
            except TimeoutError:
                pass
            except ConnectionClosed:
                if not messages:
                    return
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > _SILENCE_SECONDS:
                return
            yield self._batch(messages)

    def _batch(self, messages: list[str | bytes]) -> Batch:
        events = []
        for message in messages:
            event = json.loads(message)
            if event.get("type") == _HEARTBEAT:
                self._after = max(self._after or 0, int(event.get("last_id") or 0))
                continue
            self._after = int(event["id"])
            events.append(event)
        return Batch(tuple(events))

    def _pause(self, attempt: int) -> None:
        longest = min(_FIRST_PAUSE_SECONDS * 2**attempt, _LAST_PAUSE_SECONDS)
        self._stop.wait(random.uniform(longest / 2, longest))  # noqa: S311  # spread, no secret


def _raise_refusal(error: Exception) -> None:
    """Raise the hub's own problem document when it refused rather than was away."""
    if not isinstance(error, InvalidStatus):
        return
    response = error.response
    if response.status_code >= 500:  # noqa: PLR2004  # it is starting, stopping or behind a proxy
        return
    try:
        document = json.loads(response.body or b"")
    except ValueError:
        document = {
            "title": "The hub refused its events",
            "detail": f"It answered with status {response.status_code}.",
            "code": "refused",
        }
    raise HubProblemError(document, status=response.status_code)
