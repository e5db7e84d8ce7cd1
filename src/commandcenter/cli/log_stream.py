"""Lines of a log over the hub's WebSocket, and how they are printed."""

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from rich.text import Text
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from commandcenter.cli.durations import clock
from commandcenter.cli.patient_hub import AWAY, BACK
from commandcenter.cli.problems import HubUnreachableError
from commandcenter.cli.progress import readable
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, print_json

JSON_LINES = "application/x-ndjson"
_OPEN_SECONDS = 10.0
_SILENCE_SECONDS = 3600.0
_CALM_SECONDS = 1.0
_MOST_FAILURES = 20  # about half a minute
_STYLES = {"stderr": "yellow", "system": "bold red"}


def followed(cli: Cli, path: str, wants: Mapping[str, Any], after: int) -> Iterator[dict[str, Any]]:
    """Yield lines above `after` until the log is closed; come back after a broken connection.

    That the hub is away is told once, and once that it is back.
    """
    client = cli.client
    failures = 0
    while True:
        values = {"after": after, **wants}
        query = urlencode({name: value for name, value in values.items() if value is not None})
        scheme, _, rest = client.url.partition("://")
        try:
            with connect(
                f"{'wss' if scheme == 'https' else 'ws'}://{rest}/api/v1{path}?{query}",
                additional_headers={"Authorization": f"Bearer {client.token}"},
                open_timeout=_OPEN_SECONDS,
                close_timeout=1.0,
                max_size=None,
                compression=None,
                proxy=None if client.is_local else True,
            ) as connection:
                while True:
                    message = _received(connection, _CALM_SECONDS if failures else None)
                    if failures:  # only now: a hub that is just starting may break off again
                        failures = 0
                        cli.note(BACK)
                    if message is None:
                        continue
                    if message["type"] == "end":
                        return
                    for line in message["lines"]:
                        after = line["number"]
                        yield line
        except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError) as error:
            failures += 1
            if failures == 1:
                cli.note(AWAY)
            if failures > _MOST_FAILURES:
                raise HubUnreachableError(
                    f"The log cannot be followed any more ({type(error).__name__}).",
                    hint="Is the hub running? commandcenter doctor looks.",
                ) from error
            threading.Event().wait(min(0.2 * failures, 2.0))


def _received(connection: ClientConnection, calm: float | None) -> dict[str, Any] | None:
    """Return the next message; None when the connection holds for `calm` seconds without one."""
    try:
        message: dict[str, Any] = json.loads(connection.recv(timeout=calm or _SILENCE_SECONDS))
    except TimeoutError:
        if calm is None:
            raise
        return None
    return message


def print_line(cli: Cli, line: dict[str, Any]) -> None:
    """Print a line as people read it; with --json as it came."""
    if cli.json:
        print_json(line, indent=None)
        return
    cli.out.print(
        Text.assemble(
            (f"{clock(line['at'])} ", "dim"),
            (clean(readable(line["text"]), keep="\t"), _STYLES.get(line["stream"], "")),
        )
    )
