"""Asking a hub that may be ended and started again while a command waits."""

import time
from collections.abc import Mapping
from typing import Any

from commandcenter.cli.problems import HubBrokeOffError, HubSilentError, HubUnreachableError
from commandcenter.cli.session import Cli

AWAY = "The hub is away; it is asked again. Ctrl-C is safe."
BACK = "The hub is back."
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.2


class PatientHub:
    """Asks a hub that may be ended and started again meanwhile."""

    def __init__(self, cli: Cli) -> None:
        self._cli = cli
        self._away_since: float | None = None
        self.asked_again = False  # so that the answer may be about what the first asking did

    def get(self, path: str) -> dict[str, Any] | None:
        """Return the answer; None while the hub is away.

        Raises `HubUnreachableError` once it is for too long.
        """
        try:
            found: dict[str, Any] = self._cli.client.get(path)
        except HubUnreachableError as error:
            self._bear(error)
            return None
        self._heard()
        return found

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the answer; asked again where the hub went away with it.

        For what may be asked twice: a hub that is killed has it done, or not. Raises
        `HubUnreachableError` at once where no hub was there, or where it stands still, and once it
        is away for too long.
        """
        while True:
            try:
                answer: dict[str, Any] = self._cli.client.post(path, body or {}, headers=headers)
            except HubSilentError:
                raise
            except HubUnreachableError as error:
                was_there = self.asked_again or self._cli.client.has_answered
                if not was_there and not isinstance(error, HubBrokeOffError):
                    raise
                self.asked_again = True
                self._bear(error)
                time.sleep(_PAUSE_SECONDS)
                continue
            self._heard()
            return answer

    def _bear(self, error: HubUnreachableError) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            self._cli.note(AWAY)
        if now - self._away_since > _PATIENCE_SECONDS:
            raise error

    def _heard(self) -> None:
        if self._away_since is not None:
            self._away_since = None
            self._cli.note(BACK)
