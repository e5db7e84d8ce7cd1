from pathlib import Path

import pytest

from tests.conftest import RunningHub
from tests.integration.projects.domain_hub import ActiveRuns, add_domains


@pytest.fixture
def active_runs() -> ActiveRuns:
    return ActiveRuns()


@pytest.fixture
def domains(hub: RunningHub, active_runs: ActiveRuns) -> RunningHub:
    """A hub, on either database, that serves the domains."""
    add_domains(hub, active_runs)
    return hub


@pytest.fixture
def root(domains: RunningHub) -> Path:
    """An allowed root."""
    return domains.settings.allowed_roots[0]
