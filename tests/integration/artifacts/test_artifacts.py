import os
import time
from pathlib import Path

import pytest

from commandcenter.artifacts.service import ArtifactService
from commandcenter.artifacts.store import GRACE_SECONDS, ArtifactStore
from commandcenter.kit.database import Database
from commandcenter.models import Artifact
from tests.conftest import RunningHub
from tests.integration.projects.domain_hub import make_run


@pytest.fixture
def service(domains: RunningHub) -> ArtifactService:
    return domains.services.get(ArtifactService)


@pytest.fixture
async def artifacts(
    domains: RunningHub, service: ArtifactService, tmp_path: Path
) -> list[Artifact]:
    database = domains.services.get(Database)
    await make_run(database)
    left = tmp_path / "left"
    (left / "reports").mkdir(parents=True)
    (left / "reports" / "findings.sarif").write_text('{"version": "2.1.0"}')
    (left / "page.html").write_text("<script>alert(1)</script>")
    async with database.write() as session:
        return await service.take_over(session, "run_1", "scan", "run_1.scan.1", left)


async def test_listed_by_run_and_node(domains: RunningHub, artifacts: list[Artifact]) -> None:
    listed = (await domains.client.get("/api/v1/runs/run_1/artifacts")).json()["items"]
    assert {item["name"]: item["media_type"] for item in listed} == {
        "reports/findings.sarif": "application/sarif+json",
        "page.html": "text/html",
    }
    first = (await domains.client.get("/api/v1/runs/run_1/artifacts?limit=1")).json()
    rest = await domains.client.get(
        "/api/v1/runs/run_1/artifacts", params={"cursor": first["next_cursor"]}
    )
    assert [*first["items"], *rest.json()["items"]] == listed
    none = await domains.client.get("/api/v1/runs/run_1/artifacts?node=other")
    assert none.json()["items"] == []
    assert (await domains.client.get("/api/v1/runs/run_2/artifacts")).status_code == 404


async def test_downloads_are_inert_and_take_ranges(
    domains: RunningHub, artifacts: list[Artifact]
) -> None:
    page = next(artifact for artifact in artifacts if artifact.name == "page.html")
    answer = await domains.client.get(f"/api/v1/artifacts/{page.id}/content")
    assert answer.text == "<script>alert(1)</script>"
    assert answer.headers["content-disposition"] == 'attachment; filename="page.html"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    part = await domains.client.get(
        f"/api/v1/artifacts/{page.id}/content", headers={"Range": "bytes=1-6"}
    )
    assert (part.status_code, part.text) == (206, "script")
    beyond = await domains.client.get(
        f"/api/v1/artifacts/{page.id}/content", headers={"Range": "bytes=100-"}
    )
    assert beyond.status_code == 416


async def test_by_name_from_the_latest_attempt(
    domains: RunningHub, artifacts: list[Artifact]
) -> None:
    url = "/api/v1/runs/run_1/steps/scan/artifacts"
    answer = await domains.client.get(f"{url}/reports/findings.sarif")
    assert answer.json() == {"version": "2.1.0"}
    for name in ("nothing", "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd"):
        assert (await domains.client.get(f"{url}/{name}")).status_code == 404
    shown = await domains.client.get(f"/api/v1/artifacts/{artifacts[0].id}")
    assert shown.json()["sha256"] == artifacts[0].sha256
    assert (await domains.client.get("/api/v1/artifacts/artifact_none")).status_code == 404


async def test_taking_over_twice_changes_nothing(
    domains: RunningHub, service: ArtifactService, artifacts: list[Artifact], tmp_path: Path
) -> None:
    async with domains.services.get(Database).write() as session:
        again = await service.take_over(session, "run_1", "scan", "run_1.scan.1", tmp_path / "left")
    assert sorted(item.id for item in again) == sorted(item.id for item in artifacts)


async def test_contents_are_collected_once_nothing_refers_to_them(
    domains: RunningHub, service: ArtifactService, artifacts: list[Artifact]
) -> None:
    store = ArtifactStore(domains.settings.data_directory / "artifacts")
    for artifact in artifacts:
        at = time.time() - GRACE_SECONDS - 10
        os.utime(store.path(artifact.sha256), (at, at))
    database = domains.services.get(Database)
    assert await service.collect_garbage() == 0
    async with database.write() as session:
        await session.delete(await session.get_one(Artifact, artifacts[0].id))
    assert await service.collect_garbage() == artifacts[0].size_bytes
    gone, kept = (store.path(artifact.sha256).exists() for artifact in artifacts[:2])
    assert (gone, kept) == (False, True)


async def test_a_missing_content_is_a_clear_error(
    domains: RunningHub, artifacts: list[Artifact]
) -> None:
    store = ArtifactStore(domains.settings.data_directory / "artifacts")
    store.path(artifacts[0].sha256).unlink()
    answer = await domains.client.get(f"/api/v1/artifacts/{artifacts[0].id}/content")
    assert (answer.status_code, answer.json()["code"]) == (404, "artifact_content_gone")
