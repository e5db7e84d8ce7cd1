"""From the first start's link to a session, and what must not work on the way."""

import asyncio
import stat
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
from sqlalchemy import select, update

from commandcenter.auth.tokens import TokenKind, hash_token
from commandcenter.hub.settings import Settings
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import Token
from tests import web
from tests.conftest import RunningHub, running_hub

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


def _token(hub: RunningHub) -> str:
    assert hub.ready.login_url is not None
    return parse_qs(urlsplit(hub.ready.login_url).query)["token"][0]


async def _sign_in(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/login", data={"token": token}, headers=SAME_ORIGIN)


async def test_first_start_gives_a_link_that_signs_in_once(hub: RunningHub) -> None:
    token = _token(hub)
    async with web.async_client(url=hub.url) as browser:
        for _ in range(2):  # a preview opens the link too, and must not spend it
            assert (await browser.get("/login", params={"token": token})).status_code == 200
        signed_in = await _sign_in(browser, token)
        cookie = signed_in.headers["set-cookie"]
        me = await browser.get("/api/v1/me")
        home = await browser.get("/")
    again = await _sign_in(hub.anonymous, token)

    assert signed_in.status_code == 303
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert me.json()["name"] == "admin"
    assert me.json()["groups"] == ["maintainers"]
    assert "Signed in as" in home.text
    assert again.status_code == 400
    assert "set-cookie" not in again.headers


async def test_two_at_once_get_one_session(hub: RunningHub) -> None:
    token = _token(hub)

    answers = await asyncio.gather(*(_sign_in(hub.anonymous, token) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400, 400]


async def test_link_expires(hub: RunningHub) -> None:
    token = _token(hub)
    async with hub.services.get(Database).write() as session:
        await session.execute(
            update(Token)
            .where(Token.hash == hash_token(token))
            .values(expires_at=utc_now() - timedelta(seconds=1))
        )

    answer = await _sign_in(hub.anonymous, token)

    assert answer.status_code == 400
    assert "15 minutes" in answer.text


async def test_a_link_is_no_bearer_token_and_a_token_no_link(hub: RunningHub) -> None:
    link = await hub.anonymous.get("/api/v1/me", headers={"Authorization": f"Bearer {_token(hub)}"})
    token = await _sign_in(hub.anonymous, hub.token)

    assert link.status_code == 401
    assert token.status_code == 400


async def test_signing_out_ends_the_session(hub: RunningHub) -> None:
    async with web.async_client(url=hub.url) as browser:
        cookie = (await _sign_in(browser, _token(hub))).cookies["commandcenter_session"]
        await browser.post("/logout", headers=SAME_ORIGIN)
    answer = await hub.anonymous.get(
        "/api/v1/me", headers={"Cookie": f"commandcenter_session={cookie}"}
    )

    assert answer.status_code == 401


async def test_other_sites_cannot_act_with_the_session(hub: RunningHub) -> None:
    body = {"name": "mallory", "role": "admin"}
    async with web.async_client(url=hub.url) as browser:
        await _sign_in(browser, _token(hub))
        answers = [
            await browser.post("/api/v1/principals", json=body, headers=headers)
            for headers in (
                {"Origin": "https://evil.example"},
                {"Origin": "null"},
                {"Origin": "http://127.0.0.1:9"},
                {"Sec-Fetch-Site": "cross-site"},
                {"Sec-Fetch-Site": "same-site"},
            )
        ]
        own = await browser.post("/api/v1/principals", json=body, headers={"Origin": hub.url})

    assert {answer.status_code for answer in answers} == {403}
    assert {answer.json()["code"] for answer in answers} == {"cross_site"}
    assert own.status_code == 201


async def test_cli_token_is_private_and_is_made_again_when_lost(settings: Settings) -> None:
    async with running_hub(settings) as first:
        path = first.ready.cli_token_file
        lost = first.token
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.unlink()

    async with running_hub(settings) as second:
        kept = second.token
        fresh = await second.client.get("/api/v1/me")
        stale = await second.anonymous.get(
            "/api/v1/me", headers={"Authorization": f"Bearer {lost}"}
        )
        assert second.ready.login_url is None
        assert fresh.status_code == 200
        assert stale.status_code == 401

    async with running_hub(settings) as third:
        assert third.token == kept


async def test_only_hashes_are_stored(hub: RunningHub) -> None:
    await hub.token_for("viewer")
    async with hub.services.get(Database).read() as session:
        rows = list(await session.scalars(select(Token)))

    stored = " ".join(f"{row.hash} {row.prefix} {row.name}" for row in rows)
    assert hub.token not in stored
    assert hub.token.rpartition("_")[2] not in stored
    assert {row.kind for row in rows} == {TokenKind.API.value, TokenKind.ONE_TIME.value}
