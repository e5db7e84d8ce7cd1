"""How the built dashboard is served, and that its types are those of the API."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from commandcenter.hub.dump_openapi import openapi_text
from commandcenter.hub.settings import Settings
from tests.conftest import running_hub

_SCHEMA = Path(__file__).parents[3] / "dashboard" / "src" / "api" / "generated" / "schema.ts"
_HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody's browser, at a hub whose dashboard is `built`."""
    built = tmp_path / "built"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<title>the dashboard</title>")
    (built / "assets" / "index-1a2b.js").write_text("start()")
    (built / "secret.txt").write_text("not for the web")
    settings = Settings(
        data_directory=tmp_path / "data", dashboard_directory=built, port=0, runtime="fake"
    )
    async with running_hub(settings) as hub:
        yield hub.anonymous


@pytest.mark.parametrize("path", ["/", "/approvals", "/approvals/apr_1", "/runs/run_1", "/a/b/c"])
async def test_every_address_for_people_is_the_page(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=_HTML)

    assert answer.status_code == 200
    assert "the dashboard" in answer.text
    assert answer.headers["cache-control"] == "no-cache"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    head = await client.head(path, headers=_HTML)
    told = ("content-type", "content-length", "cache-control")
    assert (head.status_code, head.content) == (200, b"")
    assert [head.headers[each] for each in told] == [answer.headers[each] for each in told]


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/nothing", "/api", "/assets/x.js", "/static/x.css"]
)
async def test_addresses_for_programs_never_are(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=_HTML)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.get("/runs/run_1")).status_code == 404, "a program asked"
    assert (await client.post("/runs/run_1", headers=_HTML)).status_code in {403, 404}


async def test_files_are_kept_by_browsers_and_are_those_of_the_build_alone(
    client: httpx.AsyncClient,
) -> None:
    file = await client.get("/assets/index-1a2b.js")
    outside = [
        await client.get(f"/assets/{name}")
        for name in ("..%2findex.html", "..%2fsecret.txt", "%2e%2e/secret.txt", "secret.txt")
    ]

    assert file.text == "start()"
    assert (await client.head("/assets/index-1a2b.js")).status_code == 200
    assert file.headers["content-type"].startswith("text/javascript")
    assert "immutable" in file.headers["cache-control"]
    assert [answer.status_code for answer in outside] == [404] * len(outside)


def test_the_types_of_the_api_are_current() -> None:
    digest = hashlib.sha256(openapi_text().encode()).hexdigest()

    assert f"sha256:{digest}" in _SCHEMA.read_text(), "the API has changed: run `make api`"
