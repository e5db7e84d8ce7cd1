import asyncio
from pathlib import Path

from sqlalchemy import text

from commandcenter.auth.audit import record
from commandcenter.auth.identity import SYSTEM
from commandcenter.events.store import EventStore
from commandcenter.kit.database import Database
from commandcenter.models import Run
from commandcenter.projects.advice import advice_about
from tests.conftest import RunningHub
from tests.integration.projects.domain_hub import ActiveRuns, git, make_repository, make_run


async def test_add_is_idempotent_by_path(domains: RunningHub, root: Path) -> None:
    folder = make_repository(root / "My App")
    first = await domains.client.post("/api/v1/projects", json={"path": str(folder)})
    assert first.status_code == 201, first.text
    assert first.json()["name"] == "my-app"
    again = await domains.client.post("/api/v1/projects", json={"path": f"{folder}/"})
    assert again.status_code == 200
    assert again.json() == first.json()
    assert git(folder, "status", "--porcelain") == ""


async def test_add_tells_what_the_patcher_would_miss(domains: RunningHub, root: Path) -> None:
    repository = make_repository(root / "app")
    inside = repository / "docs"
    empty = root / "empty"
    plain = root / "plain"
    for folder in (inside, empty, plain):
        folder.mkdir()
    git(empty, "init", "-q")

    async def warnings(folder: Path) -> list[str]:
        answer = await domains.client.post("/api/v1/projects", json={"path": str(folder)})
        found: list[str] = answer.json()["warnings"]
        return found

    assert await warnings(repository) == []
    for folder, words in (
        (inside, f"{inside} is inside the repository {repository}"),
        (empty, f"{empty} has no commit yet"),
        (plain, f"{plain} is no git repository"),
    ):
        (warning,) = await warnings(folder)
        assert words in warning
    (warning,) = advice_about(inside, may_name=lambda _: False)  # one that may not be told of
    assert "If it lies inside one, add the top folder of that" in warning


async def test_add_makes_names_unique_and_refuses_taken_ones(
    domains: RunningHub, root: Path
) -> None:
    for parent in ("a", "b"):
        (root / parent / "app").mkdir(parents=True)
    first = await domains.client.post("/api/v1/projects", json={"path": str(root / "a/app")})
    second = await domains.client.post("/api/v1/projects", json={"path": str(root / "b/app")})
    assert (first.json()["name"], second.json()["name"]) == ("app", "app-2")
    (root / "c").mkdir()
    third = await domains.client.post(
        "/api/v1/projects", json={"path": str(root / "c"), "name": "app"}
    )
    assert (third.status_code, third.json()["code"]) == (409, "project_name_taken")
    assert third.json()["hint"].endswith(f"project add {root / 'c'} --name app-3")
    renamed = await domains.client.post(
        "/api/v1/projects", json={"path": str(root / "a/app"), "name": "other"}
    )
    assert (renamed.status_code, renamed.json()["code"]) == (409, "project_already_added")


async def test_get_by_id_and_name_with_git_facts(domains: RunningHub, root: Path) -> None:
    folder = make_repository(root / "app")
    added = (await domains.client.post("/api/v1/projects", json={"path": str(folder)})).json()
    by_name = (await domains.client.get("/api/v1/projects/app")).json()
    by_id = (await domains.client.get(f"/api/v1/projects/{added['id']}")).json()
    assert by_name == by_id
    assert by_name["git"]["head_commit"] == git(folder, "rev-parse", "HEAD")
    assert (by_name["git"]["branch"], by_name["git"]["clean"]) == ("main", True)
    missing = await domains.client.get("/api/v1/projects/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "project_not_found")


async def test_a_vanished_folder_is_told(domains: RunningHub, root: Path) -> None:
    (root / "app").mkdir()
    await domains.client.post("/api/v1/projects", json={"path": str(root / "app")})
    (root / "app").rmdir()
    found = (await domains.client.get("/api/v1/projects/app")).json()
    assert found["available"] is False
    assert "app" in found["problem"]


async def test_a_folder_that_became_a_link_elsewhere_is_refused(
    domains: RunningHub, root: Path
) -> None:
    (root / "app").mkdir()
    (root / "other").mkdir()
    await domains.client.post("/api/v1/projects", json={"path": str(root / "app")})
    (root / "app").rmdir()
    (root / "app").symlink_to(root / "other")
    found = (await domains.client.get("/api/v1/projects/app")).json()
    assert found["available"] is False
    assert "has become a link" in found["problem"]


async def test_paths_outside_the_roots_are_refused_with_the_way_out(
    domains: RunningHub, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "link").symlink_to(outside)
    for path in (outside, root / "link", root / ".." / "outside", tmp_path / "not-there"):
        answer = await domains.client.post("/api/v1/projects", json={"path": str(path)})
        assert (answer.status_code, answer.json()["code"]) == (403, "path_not_allowed"), path
        assert str(root) in answer.json()["detail"]
        assert "commandcenter project allow" in answer.json()["hint"]
    listed = await domains.client.get("/api/v1/projects")
    assert listed.json() == {"items": [], "next_cursor": None}


async def test_a_worktree_whose_history_lies_outside_is_refused(
    domains: RunningHub, root: Path, tmp_path: Path
) -> None:
    hidden = make_repository(tmp_path / "hidden")
    folder = root / "innocent"
    folder.mkdir()
    (folder / ".git").write_text(f"gitdir: {hidden}/.git\n")
    answer = await domains.client.post("/api/v1/projects", json={"path": str(folder)})
    assert (answer.status_code, answer.json()["code"]) == (403, "path_not_allowed")
    assert str(hidden) in answer.json()["detail"]


async def test_a_broken_link_to_a_history_is_refused(domains: RunningHub, root: Path) -> None:
    folder = root / "broken"
    folder.mkdir()
    (folder / ".git").write_text("gitdir: /nowhere\n")
    answer = await domains.client.post("/api/v1/projects", json={"path": str(folder)})
    assert (answer.status_code, answer.json()["code"]) == (403, "path_not_allowed")
    assert "git cannot say" in answer.json()["detail"]


async def test_a_worktree_within_the_roots_is_fine(domains: RunningHub, root: Path) -> None:
    repository = make_repository(root / "app")
    git(repository, "worktree", "add", "-q", str(root / "tree"), "-b", "other")
    added = await domains.client.post("/api/v1/projects", json={"path": str(root / "tree")})
    assert added.status_code == 201, added.text
    found = (await domains.client.get("/api/v1/projects/tree")).json()
    assert (found["git"]["branch"], found["git"]["clean"]) == ("other", True)


async def test_adding_one_folder_many_times_at_once_makes_one_project(
    domains: RunningHub, root: Path
) -> None:
    (root / "app").mkdir()
    answers = await asyncio.gather(
        *(
            domains.client.post("/api/v1/projects", json={"path": str(root / "app")})
            for _ in range(12)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_list_is_paged_by_name(domains: RunningHub, root: Path) -> None:
    for name in ("c", "a", "b"):
        (root / name).mkdir()
        await domains.client.post("/api/v1/projects", json={"path": str(root / name)})
    first = (await domains.client.get("/api/v1/projects", params={"limit": 2})).json()
    assert [item["name"] for item in first["items"]] == ["a", "b"]
    rest = await domains.client.get("/api/v1/projects", params={"cursor": first["next_cursor"]})
    assert [item["name"] for item in rest.json()["items"]] == ["c"]
    assert rest.json()["next_cursor"] is None


async def test_remove_waits_for_active_runs_and_keeps_history(
    domains: RunningHub, root: Path, active_runs: ActiveRuns
) -> None:
    folder = make_repository(root / "app")
    added = (await domains.client.post("/api/v1/projects", json={"path": str(folder)})).json()
    database = domains.services.get(Database)
    await make_run(database, project_id=added["id"])
    active_runs.by_project[added["id"]] = 1
    busy = await domains.client.delete("/api/v1/projects/app")
    assert (busy.status_code, busy.json()["code"]) == (409, "project_busy")
    active_runs.by_project.clear()
    gone = await domains.client.delete("/api/v1/projects/app")
    assert gone.status_code == 204, gone.text
    assert (await domains.client.get("/api/v1/projects/app")).status_code == 404
    assert (folder / "README.md").is_file()
    async with database.read() as session:
        run = await session.get(Run, "run_1")
    assert run is not None
    assert run.project_id is None
    events = [event.type for event in await domains.services.get(EventStore).after(0)]
    assert [kind for kind in events if kind.startswith("project.")] == [
        "project.added",
        "project.removed",
    ]


async def test_removing_while_a_run_is_being_created_ends(domains: RunningHub, root: Path) -> None:
    (root / "app").mkdir()
    added = await domains.client.post("/api/v1/projects", json={"path": str(root / "app")})
    database = domains.services.get(Database)
    await make_run(database)
    async with database.write() as session:
        run = await session.get_one(Run, "run_1")
        run.project_id = added.json()["id"]
        await session.flush()
        removing = asyncio.create_task(domains.client.delete("/api/v1/projects/app"))
        if not database.is_sqlite:
            await _until_somebody_waits(database)
        await record(session, SYSTEM, "run.start", "run_1")
    answer = await removing
    # SQLite lets one writer in at a time, so there the run is known by then, and not active.
    assert answer.status_code == (204 if database.is_sqlite else 409), answer.text


async def _until_somebody_waits(database: Database) -> None:
    async with asyncio.timeout(20):
        waiting = 0
        while not waiting:
            async with database.read() as session:
                query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                waiting = (await session.execute(query)).scalar_one()


async def test_the_folder_picker_shows_folders_within_the_roots(
    domains: RunningHub, root: Path, tmp_path: Path
) -> None:
    make_repository(root / "app")
    (root / "plain").mkdir()
    (root / ".hidden").mkdir()
    (root / "file").write_text("")
    (root / "link").symlink_to(tmp_path)
    roots = (await domains.client.get("/api/v1/folders")).json()
    assert {"name": str(root), "path": str(root), "is_repository": False} in roots["folders"]
    listing = (await domains.client.get("/api/v1/folders", params={"path": str(root)})).json()
    assert [(item["name"], item["is_repository"]) for item in listing["folders"]] == [
        ("app", True),
        ("plain", False),
    ]
    assert listing["parent"] is None
    below = await domains.client.get("/api/v1/folders", params={"path": str(root / "app")})
    assert below.json()["parent"] == str(root)
    outside = await domains.client.get("/api/v1/folders", params={"path": str(tmp_path)})
    assert outside.status_code == 403


async def test_a_viewer_may_look_but_not_add(domains: RunningHub, root: Path) -> None:
    headers = {"Authorization": f"Bearer {await domains.token_for('viewer')}"}
    assert (await domains.anonymous.get("/api/v1/projects", headers=headers)).status_code == 200
    refused = await domains.anonymous.post(
        "/api/v1/projects", json={"path": str(root)}, headers=headers
    )
    assert refused.status_code == 403
    assert (await domains.anonymous.get("/api/v1/folders", headers=headers)).status_code == 403
    assert (await domains.anonymous.get("/api/v1/projects")).status_code == 401
