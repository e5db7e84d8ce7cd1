"""Every page in both themes: nothing that axe finds wrong, no error in the console."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import ConsoleMessage, Page

from tests.e2e.conftest import Visits, api, barriers
from tests.integration.cli.conftest import Hub, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_DIALOGS = {
    "/projects/shop": "Limits and ports…",
    "/projects/shop?": "Fork…",
    "/projects": "Add a project",
    "/people": "Add somebody",
}
_PLACES = {
    "/": "Overview",
    "/projects": "Projects",
    "/runs": "Runs",
    "/approvals": "Approvals",
    "/findings": "Findings",
    "/statistics": "Metrics",
    "/settings": "Settings",
    "/workflows": "Workflows",
    "/workflows/quick": "quick",
    "/new-workflow": "new-workflow",
    "/agents": "Agents",
    "/people": "People and tokens",
    "/audit": "Audit log",
    "/more": "More",
    "/nowhere": "Nothing here",
}


@pytest.fixture(scope="module")
def places(hub: Hub) -> dict[str, str]:
    """Each page's address and heading, with something to see on each."""
    folder = hub.projects / "shop"
    folder.mkdir()
    with api(hub) as client:
        client.post("/projects", json={"path": str(folder)}).raise_for_status()
        run = {"workflow": "gated", "inputs": {"patch": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"}}
        run_id = client.post("/runs", json=run).raise_for_status().json()["id"]
        failed = client.post("/runs", json={"workflow": "broken"}).raise_for_status().json()["id"]
        query = {"run_id": run_id, "state": "pending"}
        asked = wait_for(
            "the approval", lambda: client.get("/approvals", params=query).json()["items"]
        )
        wait_for("the failure", lambda: client.get(f"/runs/{failed}").json()["state"] == "failed")
    return {
        **_PLACES,
        "/projects/shop": "shop",
        f"/runs/{run_id}": "gated",
        f"/runs/{failed}?step=bad&tab=log": "broken",
        f"/approvals/{asked[0]['id']}": "gated: change",
    }


@pytest.fixture
def page(visits: Visits) -> Iterator[Page]:
    page = visits.page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def hear(message: ConsoleMessage) -> None:
        # Networks of other tests' sandboxes come and go on this machine; the page asks again.
        if message.type == "error" and "ERR_NETWORK_CHANGED" not in message.text:
            complaints.append(message.text)

    page.on("console", hear)
    yield page
    assert complaints == []


def test_no_page_has_barriers(page: Page, places: dict[str, str]) -> None:
    wrong: dict[str, list[str]] = {}
    for path, heading in places.items():
        page.goto(path)
        page.locator("h1", has_text=heading).wait_for()
        page.locator(".loading").wait_for(state="detached")
        if heading in {"gated", "broken"}:
            page.locator(".step-box").first.wait_for()
        if found := barriers(page):
            wrong[path] = found
    for path, button in _DIALOGS.items():
        page.goto(path)
        page.get_by_role("button", name=button).first.click()
        page.get_by_role("dialog").wait_for()
        if found := barriers(page):
            wrong[button] = found
    page.goto("/")
    for name, key in {"palette": "Control+k", "keys": "?", "start": "n"}.items():
        page.locator("h1").wait_for()
        page.keyboard.press(key)
        page.get_by_role("dialog").wait_for()
        if found := barriers(page):
            wrong[name] = found
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="hidden")
    assert wrong == {}
