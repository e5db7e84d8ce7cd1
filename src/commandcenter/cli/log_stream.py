"""Lines of a log over the hub's WebSocket, and how they are printed."""

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from rich.text import Text
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from commandcenter.cli.client import HubClient
from commandcenter.cli.durations import clock
from commandcenter.cli.problems import HubUnreachableError
from commandcenter.cli.progress import readable
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean, print_json

JSON_LINES = "application/x-ndjson"
_OPEN_SECONDS = 10.0
_SILENCE_SECONDS = 3600.0
_STYLES = {"stderr": "yellow", "system": "bold red"}


def followed(
    client: HubClient, path: str, wants: Mapping[str, Any], after: int
) -> Iterator[dict[str, Any]]:
    """Yield lines above `after` until the log is closed; come back after a broken connection."""
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
                failures = 0
                while True:
                    message = json.loads(connection.recv(timeout=_SILENCE_SECONDS))
                    if message["type"] == "end":
                        return
                    for line in message["lines"]:
                        after = line["number"]
                        yield line
        except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError) as error:
            failures += 1
            if failures > 10:  # noqa: PLR2004  # about a quarter of a minute
                raise HubUnreachableError(
                    f"The log cannot be followed any more ({type(error).__name__}).",
                    hint="Is the hub running? commandcenter doctor looks.",
                ) from error
            threading.Event().wait(min(0.2 * failures, 2.0))


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
