from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commandcenter.hub.settings import Settings
from tests.conftest import RunningHub
from tests.integration.projects.domain_hub import ActiveRuns, hub_with_domains


@pytest.fixture
def active_runs() -> ActiveRuns:
    return ActiveRuns()


@pytest.fixture
async def domains(
    settings: Settings, active_runs: ActiveRuns, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningHub]:
    """A hub, on either database, with the domains empty."""
    async with hub_with_domains(settings, active_runs, monkeypatch) as hub:
        yield hub


@pytest.fixture
def root(domains: RunningHub) -> Path:
    """An allowed root."""
    return domains.settings.allowed_roots[0]
