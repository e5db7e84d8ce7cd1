"""Every page in both themes: nothing that axe finds wrong, no error in the console."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.e2e.conftest import Visits, api, barriers
from tests.integration.cli.conftest import Hub, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_DIALOGS = {
    "/projects/shop": "Limits and ports…",
    "/projects/shop?": "Fork…",
    "/projects": "Add a project",
    "/people": "Add somebody",
    "/people?": "Change…",
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
        if path == "/runs":
            expect(page.get_by_text("The program exited with 3.").first).to_be_visible()
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


def test_somebody_is_changed_and_sees_what_their_role_lets_them(
    hub: Hub, browser: Browser, page: Page
) -> None:
    page.goto("/people")
    page.get_by_role("button", name="Add somebody").click()
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Role").select_option("admin")
    page.get_by_role("button", name="Add", exact=True).click()
    row = page.get_by_role("listitem").filter(has_text="vera")
    row.get_by_role("button", name="Change… vera").click()
    page.get_by_label("Role").select_option("viewer")
    page.get_by_role("button", name="Change…", exact=True).click()
    expect(page.get_by_text("vera becomes viewer in place of admin")).to_be_visible()
    page.get_by_role("button", name="Change vera").click()
    expect(row).to_contain_text("user, viewer")

    with api(hub) as client:
        people = client.get("/principals").json()["items"]
        vera = next(each["id"] for each in people if each["name"] == "vera")
        link = client.post(f"/principals/{vera}/login-links").raise_for_status().json()["url"]
    theirs = browser.new_context(base_url=hub.url)
    try:
        seen = theirs.new_page()
        seen.goto(link)
        seen.get_by_role("button", name="Sign in").click()
        expect(seen.get_by_role("heading", name="Waiting for others")).to_be_visible()
        menu = seen.get_by_role("navigation", name="Main", exact=True)
        expect(menu.get_by_role("link", name="Settings")).to_be_visible()
        expect(menu.get_by_role("link", name="Audit log")).to_be_hidden()
        seen.goto("/audit")
        expect(seen.get_by_text("an admin sees here")).to_be_visible()
        expect(seen.get_by_role("button", name="Check the chain")).to_be_hidden()
    finally:
        theirs.close()

    row.get_by_role("button", name="Change… vera").click()
    page.get_by_role("button", name="Disable vera…").click()
    page.get_by_role("button", name="Disable vera").click()
    expect(row).to_contain_text("disabled")
