"""Asking a hub that may be ended and started again while a command waits."""

import time
from collections.abc import Mapping
from typing import Any

from commandcenter.cli.problems import HubBrokeOffError, HubSilentError, HubUnreachableError
from commandcenter.cli.session import Cli

AWAY = "The hub is away; it is asked again. Ctrl-C is safe."
BACK = "The hub is back."
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.1


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
        except HubUnreachableError as error:
            self._is_away(error)
            return None
        self._is_back()
        return found

    def post(
        self, path: str, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Ask for what may be asked for twice: again, where the hub broke off before it answered.

        Raises `HubUnreachableError` at once where no hub is there at first.
        """
        while True:
            try:
                answer: dict[str, Any] = self._cli.client.post(path, body, headers=headers)
            except HubUnreachableError as error:
                was_asked = isinstance(error, HubBrokeOffError | HubSilentError)
                if self._away_since is None and not was_asked:
                    raise
                self._is_away(error)
                time.sleep(_PAUSE_SECONDS)
            else:
                self._is_back()
                return answer

    def _is_away(self, error: HubUnreachableError) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            self._cli.note(AWAY)
        if now - self._away_since > _PATIENCE_SECONDS:
            raise error

    def _is_back(self) -> None:
        if self._away_since is not None:
            self._away_since = None
            self._cli.note(BACK)
