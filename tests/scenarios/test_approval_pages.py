"""Deciding in a browser: the plain pages, with the session of a one-time link."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests import web
from tests.scenarios.driver import Driver

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PATCHLIKE = """\
name: browser
nodes:
  change: {agent: risky, with: {fake: {output: {note: "<b>bold</b>"}}}}
"""


@asynccontextmanager
async def browser(driver: Driver) -> AsyncIterator[httpx.AsyncClient]:
    """A client that holds a session cookie, as a browser does after opening the link."""
    url = str(driver.client.base_url).rstrip("/")
    link = (await driver.client.post("/api/v1/me/login-links", json={})).json()["url"]
    token = link.partition("token=")[2]
    async with web.async_client(url=url, headers={"Origin": url}, timeout=30) as client:
        answered = await client.post("/login", data={"token": token})
        assert answered.status_code == 303, answered.text
        yield client


async def test_an_approval_is_shown_and_given(driver: Driver) -> None:
    run_id = await driver.start(await driver.workflow(_PATCHLIKE))
    approval = await driver.pending_approval(run_id)
    path = f"/approvals/{approval['id']}"
    async with browser(driver) as client:
        assert path in (await client.get("/approvals")).text
        shown = await client.get(path)
        assert shown.status_code == 200
        assert "<b>bold</b>" not in shown.text
        assert "&lt;b&gt;bold&lt;/b&gt;" in shown.text

        answered = await client.post(path, data={"decision": "approve", "comment": "by phone"})
        assert answered.status_code == 303
        after = await client.get(path)
        again = await client.post(path, data={"decision": "reject"})

    assert "by phone" in after.text
    assert "name='decision'" not in after.text
    assert again.status_code == 409
    assert (await driver.ended(run_id))["state"] == "succeeded"


async def test_what_was_found_out_beforehand_is_shown(driver: Driver) -> None:
    output = {"message": "it fits <i>well</i>", "filesModified": ["a<b>.txt"]}
    check = {"inputs": {"fake": {"output": output}}}
    await driver.agent("page-checked", risk="APPROVAL_REQUIRED", check=check)
    source = "name: page-checked\nnodes:\n  change: {agent: page-checked}\n"
    run_id = await driver.start(await driver.workflow(source))
    approval = await driver.pending_approval(run_id)
    async with browser(driver) as client:
        page = (await client.get(f"/approvals/{approval['id']}")).text
    assert "Checked: it can be done" in page
    assert "it fits &lt;i&gt;well&lt;/i&gt;" in page
    assert "a&lt;b&gt;.txt" in page
    assert "<i>well" not in page
    await driver.answer(approval["id"], "reject")
    await driver.ended(run_id)


async def test_nobody_decides_from_another_site_or_without_a_session(driver: Driver) -> None:
    run_id = await driver.start(await driver.workflow(_PATCHLIKE))
    approval = await driver.pending_approval(run_id)
    path = f"/approvals/{approval['id']}"
    async with browser(driver) as client:
        elsewhere = await client.post(
            path, data={"decision": "approve"}, headers={"Origin": "http://evil.example"}
        )
        client.cookies.clear()
        anonymous = await client.post(path, data={"decision": "approve"})
        page = await client.get(path)

    assert (elsewhere.status_code, anonymous.status_code, page.status_code) == (403, 401, 401)
    assert approval["node"] not in page.text.partition("<main>")[2]
    assert (await driver.pending_approval(run_id))["id"] == approval["id"]
    await driver.answer(approval["id"], "reject")
    await driver.ended(run_id)
