"""Running a hub inside this process: its settings from the command line, its event loop."""

import asyncio
import ipaddress
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.text import Text

from commandcenter.cli.problems import UsageProblemError
from commandcenter.cli.session import Cli
from commandcenter.cli.terminal import clean
from commandcenter.hub.loops import loop_factory
from commandcenter.hub.server import HubServer, Ready
from commandcenter.hub.settings import Settings
from commandcenter.hub.unknown_settings import unknown_settings

_PREFIX = "COMMANDCENTER_"


class Hub(HubServer):
    """A hub that tells when it begins to stop."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_ready: Callable[[Ready], None],
        on_stop: Callable[[Settings], None] = lambda _settings: None,
    ) -> None:
        super().__init__(settings, on_ready=on_ready)
        self._on_stop = on_stop

    def stop(self) -> None:
        """Stop as every hub does; the first time, say so."""
        if self._stopping is None:
            self._on_stop(self.settings)
        super().stop()

    @property
    def local_url(self) -> str:
        """Where this machine reaches it, whatever its public address is."""
        host = self.settings.host
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return f"http://{host}:{self.settings.port}"
        if address.is_unspecified:
            address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")  # noqa: PLR2004
        shown = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004
        return f"http://{shown}:{self.settings.port}"


def hub_settings(**given: Any) -> Settings:
    """Return the hub's settings from `COMMANDCENTER_*`, with what is given and not None on top."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UsageProblemError(
            f"The setting {_PREFIX}{name.upper()} is not usable: {first['msg']}.",
            hint="docs/reference/settings.md lists all of them.",
        ) from error


def warn_of_unknown_settings(cli: Cli) -> None:
    """Name the variables of the environment that look like settings and are none, on stderr."""
    for words in unknown_settings(os.environ):
        cli.err.print(Text(f"Warning: {clean(words)}", "yellow"))


def private_directory(path: Path) -> None:
    """Make a folder that nobody else can read."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def serve(hub: HubServer) -> None:
    """Serve until the hub is stopped, by a signal or by `stop`."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(hub.serve())
