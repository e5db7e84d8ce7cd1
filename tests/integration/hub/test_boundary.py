"""What every answer has, and what never gets in."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import APIRouter

from commandcenter.hub import app as hub_app
from commandcenter.hub.settings import Settings
from tests import web
from tests.conftest import RunningHub, running_hub

_FAILING = APIRouter()
_SECRET = "cc_abcdefgh_0123456789abcdefghijklmnopqrstuvwxyz"


@_FAILING.get("/fails")
async def fails() -> None:
    raise RuntimeError(f"inside with {_SECRET}")


async def _chunks(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    return Settings(data_directory=tmp_path / "data", port=0, runtime="fake", max_body_bytes=4096)


async def test_every_answer_is_guarded_and_every_error_a_problem(sqlite_hub: RunningHub) -> None:
    client = sqlite_hub.client
    answers = {
        404: await client.get("/api/v1/nothing"),
        405: await client.delete("/api/v1/me"),
        401: await sqlite_hub.anonymous.get("/api/v1/me"),
        422: await client.post("/api/v1/principals", json={"name": "!", "role": "king"}),
        409: await client.post("/api/v1/principals", json={"name": "admin", "role": "viewer"}),
    }
    broken = await client.post(
        "/api/v1/principals", content=b"{", headers={"Content-Type": "application/json"}
    )

    for status, answer in answers.items():
        problem = answer.json()
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(problem) == {"type", "code", "title", "status", "detail", "hint", "fields"}
        assert problem["status"] == status
        assert "Traceback" not in answer.text
    paths = {error["path"] for error in answers[422].json()["fields"]["errors"]}
    assert paths == {"body.name", "body.role"}
    assert "king" not in answers[422].text
    assert "DELETE" not in answers[405].headers["allow"]
    assert answers[401].headers["www-authenticate"] == "Bearer"
    assert broken.status_code == 422

    for path in ("/", "/login", "/docs", "/static/hub.css", "/health", "/api/v1/me", "/nothing"):
        headers = (await client.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-request-id"]
        assert "server" not in headers


async def test_unexpected_error_shows_an_id_that_the_log_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hub_app, "ROOT_ROUTERS", (*hub_app.ROOT_ROUTERS, _FAILING))
    monkeypatch.setattr(hub_app, "_routes", hub_app._routes.__wrapped__)  # not the kept ones
    settings = Settings(data_directory=tmp_path / "data", port=0, runtime="fake", log_json=True)
    async with running_hub(settings) as hub:
        answer = await hub.anonymous.get("/fails", headers={"X-Request-ID": "from-the-client"})

    error_id = answer.json()["fields"]["error_id"]
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines() if error_id in line]
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "from-the-client"
    assert "RuntimeError" not in answer.text
    assert logged[0]["request_id"] == "from-the-client"
    assert "RuntimeError: inside with [redacted]" in logged[0]["exception"]
    assert _SECRET not in json.dumps(logged)


async def test_body_limit(small: Settings) -> None:
    async with running_hub(small) as hub:
        url = "/api/v1/principals"
        headers = {"Content-Type": "application/json"}
        stated = await hub.client.post(url, content=b"x" * 5000, headers=headers)
        chunked = await hub.client.post(url, content=_chunks(100, 1000), headers=headers)
        within = await hub.client.post(url, json={"name": "anna", "role": "viewer"})

    for answer in (stated, chunked):
        assert answer.status_code == 413
        assert answer.json()["code"] == "body_too_large"
        assert answer.json()["fields"] == {"max_bytes": 4096}
    assert within.status_code == 201


async def test_names_it_answers_to(tmp_path: Path) -> None:
    settings = Settings(
        data_directory=tmp_path / "data",
        port=0,
        runtime="fake",
        allowed_hosts=("hub.lan",),
        public_url="https://cc.example.org",
    )
    async with running_hub(settings) as hub:
        port = hub.settings.port
        statuses = {}
        async with web.async_client(url=f"http://127.0.0.1:{port}") as client:
            for name in (
                "localhost",
                f"127.0.0.1:{port}",
                "[::1]:80",
                "hub.lan:9",
                "CC.example.org",
                "evil.example",
                "localhost.evil.example",
                "127.0.0.1.evil.example:80",
            ):
                answer = await client.get("/health", headers={"Host": name})
                statuses[name] = answer.status_code
        login_url = hub.ready.login_url

    assert {name for name, status in statuses.items() if status == 200} == {
        "localhost",
        f"127.0.0.1:{port}",
        "[::1]:80",
        "hub.lan:9",
        "CC.example.org",
    }
    assert {status for status in statuses.values() if status != 200} == {421}
    assert login_url is not None
    assert login_url.startswith("https://cc.example.org/login?token=cc_")


async def test_https_makes_cookies_secure(tmp_path: Path) -> None:
    settings = Settings(
        data_directory=tmp_path / "data",
        port=0,
        runtime="fake",
        public_url="https://cc.example.org",
    )
    async with running_hub(settings) as hub:
        local = f"http://127.0.0.1:{hub.settings.port}"
        assert hub.ready.login_url is not None
        token = hub.ready.login_url.partition("token=")[2]
        async with web.async_client(url=local) as client:
            answer = await client.post("/login", data={"token": token})

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-commandcenter=cc_")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert "max-age" in answer.headers["strict-transport-security"]


async def test_rate_limit_counts_a_valid_token_and_not_made_up_ones(tmp_path: Path) -> None:
    settings = Settings(
        data_directory=tmp_path / "data", port=0, runtime="fake", requests_per_minute=30
    )
    async with running_hub(settings) as hub:
        answers = 0
        # A slow machine gets a few more answers: the allowance grows with time.
        for number in range(400):
            refused = await hub.anonymous.get(
                "/api/v1/me", headers={"Authorization": f"Bearer cc_00000000_{number}"}
            )
            if refused.status_code == 429:
                break
            assert refused.status_code == 401
            answers += 1

    assert answers >= 20
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["code"] == "too_many_requests"


async def test_a_known_token_is_not_shut_out_by_others_on_its_address(tmp_path: Path) -> None:
    settings = Settings(
        data_directory=tmp_path / "data", port=0, runtime="fake", requests_per_minute=30
    )
    async with running_hub(settings) as hub:
        first = await hub.client.get("/api/v1/me")
        for _ in range(400):
            last = await hub.anonymous.get("/health")
            if last.status_code == 429:
                break
        mine = await hub.client.get("/api/v1/me")

    assert first.status_code == 200
    assert last.status_code == 429
    assert mine.status_code == 200


async def test_docs_need_nothing_from_elsewhere(sqlite_hub: RunningHub) -> None:
    page = await sqlite_hub.anonymous.get("/docs")
    document = (await sqlite_hub.anonymous.get("/openapi.json")).json()

    assert page.status_code == 200
    for path in document["paths"]:
        assert path in page.text
    for outside in ("<script", "http://", "https://", " style=", "onclick"):
        assert outside not in page.text
    assert document["security"] == [{"token": []}, {"session": []}]
    assert "Problem" in document["components"]["schemas"]


async def test_older_addresses_answer_too(sqlite_hub: RunningHub) -> None:
    new, old, unknown = await asyncio.gather(
        sqlite_hub.client.get("/api/v1/me"),
        sqlite_hub.client.get("/api/me"),
        sqlite_hub.client.get("/api/v2/me"),
    )

    assert new.json() == old.json()
    assert unknown.status_code == 404
    assert unknown.json()["code"] == "not_found"
