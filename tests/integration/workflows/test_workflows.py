import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from commandcenter.agents.folders import register_folders
from commandcenter.agents.service import AgentService
from commandcenter.events.store import EventStore
from commandcenter.kit.database import Database
from commandcenter.workflows.errors import WorkflowRetiredError
from commandcenter.workflows.service import WorkflowService
from tests.conftest import RunningHub
from tests.integration.agents.agent_folders import make_agent

YAML = """\
name: look-twice
description: Look at a project, and again if need be.
inputs:
  project: {type: string, format: project}
nodes:
  second:
    agent: looker
    needs: [first]
    run_if: always
    with: {depth: 2}
  first:
    agent: looker
    retry: {max: 3, backoff: 1s}
    with: {repositoryPath: "{{inputs.project}}"}
  change:
    agent: changer
    needs: [second]
"""


@pytest.fixture
async def agents(domains: RunningHub, root: Path) -> AgentService:
    service = domains.services.get(AgentService)
    make_agent(root / "looker")
    make_agent(root / "changer", name="changer", risk="APPROVAL_REQUIRED")
    await register_folders(service, [root])
    return service


async def create(hub: RunningHub, source: str, status: int = 201) -> dict[str, Any]:
    answer = await hub.client.post(
        "/api/v1/workflows", content=source, headers={"Content-Type": "application/yaml"}
    )
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_create_describe_and_idempotency(domains: RunningHub, agents: AgentService) -> None:
    made = await create(domains, YAML)
    assert (made["name"], made["version"], made["source"]) == ("look-twice", 1, YAML)
    nodes = {node["name"]: node for node in made["plan"]["nodes"]}
    assert list(nodes) == ["first", "second", "change"]  # in an order in which they can run
    assert nodes["second"]["needs"] == ["first"]
    assert nodes["second"]["with"] == {"depth": 2}
    assert nodes["first"]["retry"]["max"] == 3
    assert (nodes["first"]["risk"], nodes["first"]["approval_required"]) == ("AUTO", False)
    assert nodes["change"]["approval_required"] is True
    assert nodes["change"]["approval"]["quorum"] == 1
    assert nodes["change"]["agent_version"] == "1.0.0"
    again = await create(domains, YAML, status=200)
    assert again == made
    for reference in ("look-twice", "look-twice@1", made["id"]):
        found = await domains.client.get(f"/api/v1/workflows/{reference}")
        assert found.json() == made
    events = await domains.services.get(EventStore).after(0)
    assert [event.type for event in events].count("workflow.created") == 1


async def test_a_changed_text_is_a_new_version(domains: RunningHub, agents: AgentService) -> None:
    first = await create(domains, YAML)
    second = await create(domains, YAML + "# changed\n")
    assert (first["version"], second["version"]) == (1, 2)
    # Back to the first text: a version of its own again, so that the newest is what was asked for.
    assert (await create(domains, YAML))["version"] == 3
    listed = (await domains.client.get("/api/v1/workflows")).json()["items"]
    assert [(item["name"], item["version"]) for item in listed] == [("look-twice", 3)]
    versions = await domains.client.get("/api/v1/workflows/look-twice/versions?limit=2")
    assert [item["version"] for item in versions.json()["items"]] == [3, 2]
    words = {(item["description"], item["created_by_name"]) for item in versions.json()["items"]}
    assert words == {("Look at a project, and again if need be.", "admin")}


async def test_creating_many_at_once_makes_one_version(
    domains: RunningHub, agents: AgentService
) -> None:
    answers = await asyncio.gather(
        *(domains.client.post("/api/v1/workflows", content=YAML, timeout=30) for _ in range(12))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    versions = (await domains.client.get("/api/v1/workflows/look-twice/versions")).json()
    assert [item["version"] for item in versions["items"]] == [1]


async def test_json_and_wrapped_text_are_taken(domains: RunningHub, agents: AgentService) -> None:
    definition = {"name": "plain", "nodes": {"one": {"agent": "looker"}}}
    as_json = await domains.client.post("/api/v1/workflows", json=definition)
    assert (as_json.status_code, as_json.json()["name"]) == (201, "plain")
    wrapped = await domains.client.post("/api/v1/workflows", json={"source": YAML})
    assert (wrapped.status_code, wrapped.json()["source"]) == (201, YAML)


async def test_nothing_is_stored_of_an_invalid_one(
    domains: RunningHub, agents: AgentService
) -> None:
    for source in (
        YAML.replace("needs: [first]", "needs: [change]"),  # a cycle
        YAML.replace("agent: looker", "agent: loker"),
        YAML.replace("{{inputs.project}}", "{{#inputs.project}}"),
        "name: [",
        "name: x\nnodes: {}\n",
        "name: " + "x" * 70 + "\nnodes: {one: {agent: looker}}\n",
    ):
        refused = await create(domains, source, status=422)
        assert refused["code"] == "workflow_invalid"
        assert refused["fields"]["issues"][0]["line"] > 0
    for body in ("", "   ", "{}", '{"source": 5}', "\0"):
        answer = await domains.client.post("/api/v1/workflows", content=body)
        assert answer.status_code == 422, body
    assert (await domains.client.get("/api/v1/workflows")).json()["items"] == []


async def test_validate_names_every_problem_with_its_line(
    domains: RunningHub, agents: AgentService
) -> None:
    source = YAML.replace("depth: 2", "dept: 2").replace("agent: changer", "agent: chnger")
    answer = await domains.client.post("/api/v1/workflows/validate", content=source)
    found = answer.json()
    assert (answer.status_code, found["valid"], found["plan"]) == (200, False, None)
    issues = {issue["path"]: issue for issue in found["issues"]}
    assert issues["nodes.second.with.dept"]["line"] == 10
    assert "depth" in issues["nodes.second.with.dept"]["hint"]
    assert issues["nodes.change.agent"]["line"] == 16
    assert "changer" in issues["nodes.change.agent"]["hint"]
    good = (await domains.client.post("/api/v1/workflows/validate", content=YAML)).json()
    assert (good["valid"], good["issues"]) == (True, [])
    assert good["plan"]["nodes"][0]["name"] == "first"
    assert (await domains.client.get("/api/v1/workflows")).json()["items"] == []


async def test_missing_inputs_are_told_but_the_project_is_filled_in(
    domains: RunningHub, agents: AgentService, root: Path
) -> None:
    make_agent(root / "needy", name="needy", required="repositoryPath, token")
    await register_folders(agents, [root])
    answer = await domains.client.post(
        "/api/v1/workflows/validate", content="name: x\nnodes: {one: {agent: needy}}\n"
    )
    [issue] = answer.json()["issues"]
    assert '"token"' in issue["message"]
    assert issue["line"] == 2


async def test_retire(domains: RunningHub, agents: AgentService) -> None:
    await create(domains, YAML)
    await create(domains, YAML + "# two\n")
    service = domains.services.get(WorkflowService)
    database = domains.services.get(Database)
    await domains.client.delete("/api/v1/workflows/look-twice@2")
    async with database.read() as session:
        assert (await service.usable(session, "look-twice")).version == 1
    for _ in range(2):
        gone = await domains.client.delete("/api/v1/workflows/look-twice")
        assert gone.json()["retired_at"] is not None
    async with database.read() as session:
        with pytest.raises(WorkflowRetiredError):
            await service.usable(session, "look-twice")
    assert (await domains.client.get("/api/v1/workflows")).json()["items"] == []
    everything = (await domains.client.get("/api/v1/workflows?retired=true")).json()["items"]
    assert [item["version"] for item in everything] == [2]
    assert (await create(domains, YAML))["version"] == 3


async def test_a_retired_agent_is_refused(domains: RunningHub, agents: AgentService) -> None:
    await create(domains, YAML)
    await domains.client.delete("/api/v1/agents/changer")
    refused = await create(domains, YAML + "# again\n", status=422)
    assert "retired" in refused["detail"]
    # What was stored stays readable, and says that the node would get no agent.
    found = (await domains.client.get("/api/v1/workflows/look-twice")).json()
    assert found["plan"]["nodes"][-1]["risk"] is None


async def test_unknown_workflows(domains: RunningHub, agents: AgentService) -> None:
    await create(domains, YAML)
    for reference in ("look-twise", "look-twice@2", "look-twice@x", "look-twice@" + "9" * 50):
        answer = await domains.client.get(f"/api/v1/workflows/{reference}")
        assert (answer.status_code, answer.json()["code"]) == (404, "workflow_not_found")
    assert "look-twice" in (await domains.client.get("/api/v1/workflows/look-twise")).json()["hint"]


async def test_only_admins_write(domains: RunningHub, agents: AgentService) -> None:
    headers = {"Authorization": f"Bearer {await domains.token_for('operator')}"}
    refused = await domains.anonymous.post("/api/v1/workflows", content=YAML, headers=headers)
    assert refused.status_code == 403
    checked = await domains.anonymous.post(
        "/api/v1/workflows/validate", content=YAML, headers=headers
    )
    assert checked.json()["valid"] is True


async def test_a_thousand_nodes(domains: RunningHub, agents: AgentService) -> None:
    nodes = {f"n{number}": {"agent": "looker"} for number in range(1000)}
    answer = await domains.client.post(
        "/api/v1/workflows", content=json.dumps({"name": "many", "nodes": nodes}), timeout=30
    )
    assert (answer.status_code, len(answer.json()["plan"]["nodes"])) == (201, 1000)
    nodes = {f"n{number}": {"agent": "looker"} for number in range(10_000)}
    answer = await domains.client.post(
        "/api/v1/workflows", content=json.dumps({"name": "many", "nodes": nodes}), timeout=30
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "workflow_invalid")


async def test_the_schema_for_editors(domains: RunningHub) -> None:
    answer = await domains.client.get("/api/v1/workflows/schema")
    assert answer.headers["content-type"] == "application/schema+json"
    assert {"name", "nodes"} <= set(answer.json()["required"])
