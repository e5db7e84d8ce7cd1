import asyncio
import itertools
from pathlib import Path

import pytest

from commandcenter.agents.errors import AgentInputsError, AgentOutputsError, AgentRetiredError
from commandcenter.agents.folders import register_folders
from commandcenter.agents.service import AgentService
from commandcenter.events.store import EventStore
from commandcenter.kit.database import Database
from tests.conftest import RunningHub
from tests.integration.agents.agent_folders import make_agent


async def test_register_is_idempotent_by_content(domains: RunningHub, root: Path) -> None:
    folder = make_agent(root / "looker")
    first = await domains.client.post("/api/v1/agents", json={"folder": str(folder)})
    assert first.status_code == 201, first.text
    assert (first.json()["name"], first.json()["revision"]) == ("looker", 1)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "main.pyc").write_text("cache")
    again = await domains.client.post("/api/v1/agents", json={"folder": str(folder)})
    assert again.status_code == 200
    assert again.json() == first.json()


async def test_other_content_is_a_new_revision_with_a_warning(
    domains: RunningHub, root: Path
) -> None:
    folder = make_agent(root / "looker")
    first = (await domains.client.post("/api/v1/agents", json={"folder": str(folder)})).json()
    (folder / "main.py").write_text("print()\n")
    second = await domains.client.post("/api/v1/agents", json={"folder": str(folder)})
    assert second.status_code == 201
    assert second.json()["revision"] == 2
    assert "same version" in second.json()["warnings"][0]
    current = (await domains.client.get("/api/v1/agents/looker")).json()
    assert current["id"] == second.json()["id"]
    old = (await domains.client.get(f"/api/v1/agents/{first['id']}")).json()
    assert old["revision"] == 1
    make_agent(folder, version="1.1.0")
    third = (await domains.client.post("/api/v1/agents", json={"folder": str(folder)})).json()
    assert third["warnings"] == []
    by_version = (await domains.client.get("/api/v1/agents/looker@1.0.0")).json()
    assert by_version["revision"] == 2
    revisions = await domains.client.get("/api/v1/agents/looker/revisions", params={"limit": 2})
    assert [item["revision"] for item in revisions.json()["items"]] == [3, 2]
    rest = await domains.client.get(
        "/api/v1/agents/looker/revisions", params={"cursor": revisions.json()["next_cursor"]}
    )
    assert [item["revision"] for item in rest.json()["items"]] == [1]


async def test_registering_many_at_once_gives_each_content_one_revision(
    domains: RunningHub, root: Path
) -> None:
    folders = [make_agent(root / str(n), version=f"1.0.{n}") for n in range(3)]
    answers = await asyncio.gather(
        *(
            domains.client.post("/api/v1/agents", json={"folder": str(folder)}, timeout=30)
            for folder in folders * 4
        )
    )
    assert {answer.status_code for answer in answers} <= {200, 201}
    revisions = (await domains.client.get("/api/v1/agents/looker/revisions")).json()["items"]
    numbers = [item["revision"] for item in revisions]
    assert numbers == list(range(len(numbers), 0, -1))
    # A content comes again only after another one was registered in between.
    digests = [item["digest"] for item in revisions]
    assert all(one != other for one, other in itertools.pairwise(digests))


async def test_a_broken_manifest_is_told_with_its_line(domains: RunningHub, root: Path) -> None:
    folder = make_agent(root / "looker", risk="SOMETIMES")
    answer = await domains.client.post("/api/v1/agents", json={"folder": str(folder)})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_manifest")
    problem = answer.json()["fields"]["problems"][0]
    assert (problem["field"], problem["line"]) == ("risk", 5)
    assert not list((domains.settings.data_directory / "agents" / "looker").glob("*"))


async def test_a_folder_outside_the_roots_is_refused(domains: RunningHub, tmp_path: Path) -> None:
    folder = make_agent(tmp_path / "elsewhere")
    answer = await domains.client.post("/api/v1/agents", json={"folder": str(folder)})
    assert (answer.status_code, answer.json()["code"]) == (403, "path_not_allowed")


async def test_only_admins_register(domains: RunningHub, root: Path) -> None:
    headers = {"Authorization": f"Bearer {await domains.token_for('operator')}"}
    answer = await domains.anonymous.post(
        "/api/v1/agents", json={"folder": str(root)}, headers=headers
    )
    assert answer.status_code == 403


async def test_an_unknown_agent_gets_a_suggestion(domains: RunningHub, root: Path) -> None:
    await domains.client.post("/api/v1/agents", json={"folder": str(make_agent(root / "a"))})
    answer = await domains.client.get("/api/v1/agents/loker")
    assert (answer.status_code, answer.json()["code"]) == (404, "agent_not_found")
    assert "looker" in answer.json()["hint"]


async def test_retired_agents_stay_but_cannot_be_used(domains: RunningHub, root: Path) -> None:
    folder = make_agent(root / "looker")
    first = (await domains.client.post("/api/v1/agents", json={"folder": str(folder)})).json()
    for _ in range(2):
        retired = await domains.client.delete("/api/v1/agents/looker")
        assert retired.json()["retired_at"] is not None
    assert (await domains.client.get("/api/v1/agents")).json()["items"] == []
    everything = await domains.client.get("/api/v1/agents", params={"retired": True})
    assert [item["name"] for item in everything.json()["items"]] == ["looker"]
    service = domains.services.get(AgentService)
    async with domains.services.get(Database).read() as session:
        with pytest.raises(AgentRetiredError):
            await service.usable(session, "looker")
    # At the start of the hub it stays retired; by hand it comes back as a new revision.
    [outcome] = await register_folders(service, [root])
    assert outcome.registered is not None
    assert outcome.registered.agent.id == first["id"]
    back = await domains.client.post("/api/v1/agents", json={"folder": str(folder)})
    assert (back.status_code, back.json()["revision"]) == (201, 2)


async def test_retiring_one_version_brings_the_one_before_back(
    domains: RunningHub, root: Path
) -> None:
    folder = make_agent(root / "looker")
    await domains.client.post("/api/v1/agents", json={"folder": str(folder)})
    make_agent(folder, version="2.0.0")
    await domains.client.post("/api/v1/agents", json={"folder": str(folder)})
    await domains.client.delete("/api/v1/agents/looker@2.0.0")
    assert (await domains.client.get("/api/v1/agents/looker")).json()["version"] == "1.0.0"


async def test_folders_are_registered_at_the_start(domains: RunningHub, root: Path) -> None:
    make_agent(root / "one", name="one")
    make_agent(root / "two", name="two", risk="NEVER")
    (root / "not-an-agent").mkdir()
    service = domains.services.get(AgentService)
    for created in (True, False):
        outcomes = await register_folders(service, [root, root / "missing"])
        assert [outcome.folder.name for outcome in outcomes] == ["one", "two"]
        assert outcomes[0].registered is not None
        assert outcomes[0].registered.created is created
        assert outcomes[1].problem is not None
        assert "risk" in outcomes[1].problem.detail
    events = await domains.services.get(EventStore).after(0)
    assert [event.type for event in events].count("agent.registered") == 1


async def test_a_damaged_copy_is_replaced_at_the_start(domains: RunningHub, root: Path) -> None:
    make_agent(root / "looker")
    service = domains.services.get(AgentService)
    [first] = await register_folders(service, [root])
    assert first.registered is not None
    copy = await service.verified_directory(first.registered.agent)
    (copy / "main.py").chmod(0o644)
    (copy / "main.py").write_text("print('evil')\n")
    [second] = await register_folders(service, [root])
    assert second.registered is not None
    assert second.registered.created is False
    copy = await service.verified_directory(second.registered.agent)
    assert (copy / "main.py").read_text() == "pass\n"


async def test_inputs_and_outputs_are_checked(domains: RunningHub, root: Path) -> None:
    service = domains.services.get(AgentService)
    make_agent(root / "looker")
    [outcome] = await register_folders(service, [root])
    assert outcome.registered is not None
    agent = outcome.registered.agent
    service.check_inputs(agent, {"repositoryPath": "/workspace", "depth": 2, "token": "abc"})
    with pytest.raises(AgentInputsError) as wrong:
        service.check_inputs(agent, {"depth": 0, "token": "S3cret!", "tokne": "S3cret!"})
    told = str(wrong.value) + repr(wrong.value.fields)
    assert "S3cret" not in told
    for part in ("depth: must be at least 1", "token", "'tokne'", "'repositoryPath'"):
        assert part in told
    service.check_outputs(agent, {"passed": True})
    for outputs in ({}, {"passed": "yes"}, None):
        with pytest.raises(AgentOutputsError):
            service.check_outputs(agent, outputs)
