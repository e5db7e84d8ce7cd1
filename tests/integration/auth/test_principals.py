"""Principals, tokens, and the chain of audit entries."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import delete, select, update

from commandcenter.auth import audit
from commandcenter.auth.authenticator import Authenticator
from commandcenter.auth.identity import SYSTEM
from commandcenter.kit.clock import utc_now
from commandcenter.kit.database import Database
from commandcenter.models import AuditEntry, Token
from tests import web
from tests.conftest import RunningHub


def _as(hub: RunningHub, token: str) -> httpx.AsyncClient:
    return web.async_client(url=hub.url, headers={"Authorization": f"Bearer {token}"})


async def test_a_principal_from_creation_to_being_disabled(hub: RunningHub) -> None:
    token = await hub.token_for("operator", name="anna", groups=("backend",))
    async with _as(hub, token) as anna:
        me = (await anna.get("/api/v1/me")).json()
        page = (await hub.client.get("/api/v1/principals", params={"limit": 1})).json()
        rest = (
            await hub.client.get("/api/v1/principals", params={"cursor": page["next_cursor"]})
        ).json()
        changed = await hub.client.patch(
            f"/api/v1/principals/{me['id']}", json={"role": "viewer", "groups": []}
        )
        demoted = await anna.post("/api/v1/runs", json={})
        await hub.client.delete(f"/api/v1/principals/{me['id']}")
        gone = await anna.get("/api/v1/me")

    names = {item["name"] for item in [*page["items"], *rest["items"]]}
    assert me["groups"] == ["backend"]
    assert names == {"admin", "anna"}
    assert changed.json()["role"] == "viewer"
    assert demoted.status_code == 403
    assert gone.status_code == 401


async def test_tokens_are_shown_once_expire_and_are_revoked(hub: RunningHub) -> None:
    me = (await hub.client.get("/api/v1/me")).json()
    tokens = f"/api/v1/principals/{me['id']}/tokens"
    made = (await hub.client.post(tokens, json={"name": "ci"})).json()
    listed = await hub.client.get(tokens)
    async with _as(hub, made["token"]) as client:
        valid = await client.get("/api/v1/me")
        for _ in range(2):
            revoked = await hub.client.delete(f"{tokens}/{made['id']}")
        after = await client.get("/api/v1/me")
    expiring = (
        await hub.client.post(
            tokens, json={"name": "old", "expires_at": (utc_now() + timedelta(hours=1)).isoformat()}
        )
    ).json()
    async with hub.services.get(Database).write() as session:
        await session.execute(
            update(Token).where(Token.id == expiring["id"]).values(expires_at=utc_now())
        )
    async with _as(hub, expiring["token"]) as client:
        expired = await client.get("/api/v1/me")

    assert made["token"] not in listed.text
    assert made["prefix"] in listed.text
    assert valid.status_code == 200
    assert revoked.status_code == 204
    assert after.status_code == 401
    assert expired.status_code == 401


async def test_last_use_is_written(hub: RunningHub) -> None:
    await hub.client.get("/api/v1/me")
    await hub.services.get(Authenticator).flush_last_used()
    me = (await hub.client.get("/api/v1/me")).json()
    listed = (await hub.client.get(f"/api/v1/principals/{me['id']}/tokens")).json()

    assert [item["last_used_at"] is not None for item in listed["items"]] == [True]


async def test_the_last_admin_stays(hub: RunningHub) -> None:
    me = (await hub.client.get("/api/v1/me")).json()
    answers = [
        await hub.client.patch(f"/api/v1/principals/{me['id']}", json=change)
        for change in ({"role": "viewer"}, {"disabled": True})
    ]

    assert [answer.json()["code"] for answer in answers] == ["last_admin", "last_admin"]
    assert (await hub.client.get("/api/v1/me")).json()["role"] == "admin"


async def test_audit_chain_holds_under_concurrent_writers(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.write() as session:
            data = {"number": number, "float": 1.5, "text": "a\x00b", "nested": {"z": [1, None]}}
            await audit.record(session, SYSTEM, "test.done", f"subject-{number}", data)

    await asyncio.gather(*(write(number) for number in range(20)))
    async with database.read() as session:
        found = await audit.verify(session)

    assert found.entries == 20
    assert found.broken_id is None


@pytest.mark.parametrize("tampering", ["change", "remove"])
async def test_tampering_shows(hub: RunningHub, tampering: str) -> None:
    for name in ("anna", "bert", "carl"):
        await hub.token_for("viewer", name=name)
    whole = (await hub.client.get("/api/v1/audit/verify")).json()
    listed = (await hub.client.get("/api/v1/audit", params={"limit": 2})).json()
    for wanted, found in [
        (
            {"action": "principal", "principal": listed["items"][0]["principal_name"]},
            {"principal.created"},
        ),
        ({"action": "principal.created"}, {"principal.created"}),
        ({"action": "principal_"}, set()),
        ({"principal": "nobody"}, set()),
    ]:
        narrowed = (await hub.client.get("/api/v1/audit", params=wanted)).json()["items"]
        assert {entry["action"] for entry in narrowed} == found
    async with hub.services.get(Database).write() as session:
        entry = await session.scalar(
            select(AuditEntry).where(AuditEntry.action == "token.created").limit(1)
        )
        assert entry is not None
        if tampering == "change":
            entry.principal_name = "somebody else"
        else:
            await session.execute(delete(AuditEntry).where(AuditEntry.id == entry.id))
    broken = (await hub.client.get("/api/v1/audit/verify")).json()

    assert whole["broken_id"] is None
    assert whole["entries"] >= 6
    assert listed["items"][0]["id"] > listed["items"][1]["id"]
    assert listed["items"][0]["previous_hash"] == listed["items"][1]["hash"]
    assert broken["broken_id"] == (entry.id if tampering == "change" else entry.id + 1)


async def test_undone_deeds_leave_no_entry(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as session:
            await audit.record(session, SYSTEM, "test.undone", "x")
            raise RuntimeError("undo")

    with pytest.raises(RuntimeError, match="undo"):
        await fail()
    async with database.read() as session:
        assert (await audit.verify(session)).entries == 0
