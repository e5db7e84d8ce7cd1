"""Asking a hub that may be ended and started again while a command waits."""

import time
from typing import Any

from commandcenter.cli.problems import HubUnreachableError
from commandcenter.cli.session import Cli

AWAY = "The hub is away; it is asked again. Ctrl-C is safe."
BACK = "The hub is back."
_PATIENCE_SECONDS = 60.0


class PatientHub:
    """Asks a hub that may be ended and started again meanwhile."""

    def __init__(self, cli: Cli) -> None:
        self._cli = cli
        self._away_since: float | None = None

    def get(self, path: str) -> dict[str, Any] | None:
        """Return the answer; None while the hub is away.

        Raises `HubUnreachableError` once it is for too long.
        """
        try:
            found: dict[str, Any] = self._cli.client.get(path)
        except HubUnreachableError:
            now = time.monotonic()
            if self._away_since is None:
                self._away_since = now
                self._cli.note(AWAY)
            if now - self._away_since > _PATIENCE_SECONDS:
                raise
            return None
        if self._away_since is not None:
            self._away_since = None
            self._cli.note(BACK)
        return found
