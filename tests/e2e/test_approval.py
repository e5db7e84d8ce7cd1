"""A run started in one window, decided about on a phone, and two people deciding at once."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import Visits, api
from tests.integration.cli.conftest import Hub, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PATCH = "--- a/hello.txt\n+++ b/hello.txt\n@@ -1 +1 @@\n-hello\n+good\u202ebye\n"


def _start_in_the_form(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Start a run").click()
    form = page.get_by_role("dialog", name="Start a run")
    form.get_by_label("Workflow").select_option("gated")
    form.get_by_label("patch").fill(PATCH)
    form.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/runs/run_"))


def _asked(hub: Hub, run_id: str) -> str:
    """Return the id of what the run asks people."""
    query = {"run_id": run_id, "state": "pending"}
    with api(hub) as client:
        found = wait_for(
            "the approval", lambda: client.get("/approvals", params=query).json()["items"]
        )
    return str(found[0]["id"])


def _gated(hub: Hub) -> str:
    """Start a run that asks, and return the id of its question."""
    with api(hub) as client:
        body = {"workflow": "gated", "inputs": {"patch": PATCH}}
        run = client.post("/runs", json=body).raise_for_status().json()
    return _asked(hub, run["id"])


def test_a_run_is_started_and_approved_from_a_phone(hub: Hub, visits: Visits) -> None:
    desk = visits.page()
    _start_in_the_form(desk)
    expect(desk.get_by_role("heading", level=1)).to_contain_text("waits for approval")
    expect(desk).to_have_title(re.compile(r"^\(\d+\) gated, waits for approval"))

    phone = visits.page(phone=True)
    phone.goto("/")
    phone.get_by_role("navigation", name="Main, phone").get_by_text("Approvals").tap()
    phone.get_by_role("heading", name="Approvals").wait_for()
    approval_id = _asked(hub, desk.url.rsplit("/", 1)[1])
    phone.locator(f'a[href="/approvals/{approval_id}"]').tap()
    expect(phone.get_by_text("good<U+202E>bye")).to_be_visible()
    phone.get_by_label("Comment").fill("seen on the train")
    phone.get_by_role("button", name="Approve").tap()
    expect(phone.get_by_text("seen on the train")).to_be_visible()

    # The window on the desk hears of it by itself.
    expect(desk.get_by_role("heading", level=1)).to_contain_text("succeeded")
    desk.locator(".step-box", has_text="change").click()
    drawer = desk.get_by_role("dialog")
    expect(drawer.get_by_role("tab", name="Attempts")).to_be_visible()
    expect(desk).to_have_url(re.compile(r"step=change"))
    link = desk.url
    again = visits.page()
    again.goto(link)
    expect(again.get_by_role("dialog").get_by_text("risky")).to_be_visible()


def test_who_comes_second_is_told_so(hub: Hub, visits: Visits) -> None:
    page = visits.page()
    _start_in_the_form(page)
    page.get_by_role("link", name="Look at it and decide").click()
    approve = page.get_by_role("button", name="Approve")
    approve.wait_for()
    approval_id = page.url.rsplit("/", 1)[1]
    # Held back at the door, so that the other answer is certain to be first.
    with api(hub) as client:
        page.route(
            "**/respond",
            lambda route: (
                client.post(
                    f"/approvals/{approval_id}/respond",
                    json={"decision": "reject", "comment": "I was here"},
                ).raise_for_status(),
                route.continue_(),
            ),
        )
        page.get_by_label("Comment").fill("I had looked at it")
        approve.click()

        expect(page.get_by_label("Your comment, which was not sent")).to_have_value(
            "I had looked at it"
        )
        expect(page.get_by_role("alert")).to_contain_text("already decided")
        expect(page.get_by_text("I was here")).to_be_visible()
        expect(page.get_by_text("rejected").first).to_be_visible()
        expect(approve).to_be_hidden()


def test_several_are_approved_at_once_but_what_others_decided_first(
    hub: Hub, visits: Visits
) -> None:
    ids = [_gated(hub) for _ in range(3)]
    page = visits.page()
    page.goto("/approvals")
    for each in ids:
        row = page.get_by_role("listitem").filter(has=page.locator(f'a[href="/approvals/{each}"]'))
        row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Approve…").click()
    dialog = page.get_by_role("dialog", name="Approve 3 requests")
    expect(dialog.get_by_text("changes hello.txt")).to_have_count(3)
    # Somebody decides about the last one when the first answer is on its way.
    with api(hub) as client:
        decided: list[str] = []

        def after_the_last_is_rejected(route: Route) -> None:
            if not decided:
                decided.append(ids[-1])
                answer = {"decision": "reject", "comment": "I was here"}
                client.post(f"/approvals/{ids[-1]}/respond", json=answer).raise_for_status()
            route.continue_()

        page.route("**/respond", after_the_last_is_rejected)
        dialog.get_by_label("Comment").fill("all the same")
        dialog.get_by_role("button", name="Approve these 3").click()

        expect(dialog.get_by_role("status")).to_have_text(
            "2 answers given; 1 other could not be, for the reason beside it."
        )
        expect(dialog.get_by_text("was decided first")).to_have_count(1)
        states = [client.get(f"/approvals/{each}").json() for each in ids]
    assert sorted(each["state"] for each in states) == ["approved", "approved", "rejected"]
    comments = [each["decisions"][0]["comment"] for each in states]
    assert comments == ["all the same", "all the same", "I was here"]
    dialog.get_by_role("button", name="Close").last.click()
    expect(dialog).to_be_hidden()
