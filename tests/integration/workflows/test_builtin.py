from pathlib import Path

from commandcenter.agents.folders import register_folders
from commandcenter.agents.service import AgentService
from commandcenter.workflows.builtin_workflows import register_builtin_workflows
from commandcenter.workflows.service import WorkflowService
from tests.conftest import RunningHub

_AGENTS = Path(__file__).parents[3] / "agents"


async def test_built_in_workflows_fit_the_built_in_agents(domains: RunningHub) -> None:
    outcomes = await register_folders(domains.services.get(AgentService), [_AGENTS])
    assert [outcome.problem for outcome in outcomes if outcome.problem] == []
    service = domains.services.get(WorkflowService)
    for created in (True, False):
        found = await register_builtin_workflows(service)
        assert [str(outcome.problem) for outcome in found if outcome.problem] == []
        assert [outcome.created and outcome.created.created for outcome in found] == [created] * 2
    patching = (await domains.client.get("/api/v1/workflows/review-and-patch")).json()
    gates = {node["name"]: node["approval_required"] for node in patching["plan"]["nodes"]}
    assert gates == {"scan": False, "review": False, "fix": True, "tell": False}
    scan = (await domains.client.get("/api/v1/workflows/scan")).json()
    needs = {node["name"]: node["needs"] for node in scan["plan"]["nodes"]}
    assert needs == {"security": [], "compliance": [], "tell": ["security", "compliance"]}


async def test_what_does_not_fit_is_reported_and_retired_stays_retired(
    domains: RunningHub,
) -> None:
    service = domains.services.get(WorkflowService)
    assert all(outcome.problem for outcome in await register_builtin_workflows(service))
    await register_folders(domains.services.get(AgentService), [_AGENTS])
    await register_builtin_workflows(service)
    await domains.client.delete("/api/v1/workflows/scan")
    await register_builtin_workflows(service)
    names = [
        item["name"] for item in (await domains.client.get("/api/v1/workflows")).json()["items"]
    ]
    assert names == ["review-and-patch"]
