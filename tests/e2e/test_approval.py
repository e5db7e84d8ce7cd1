"""A run started in one window, decided about on a phone, and two people deciding at once."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visits, api
from tests.integration.cli.conftest import Hub

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


def test_a_run_is_started_and_approved_from_a_phone(visits: Visits) -> None:
    desk = visits.page()
    _start_in_the_form(desk)
    expect(desk.get_by_role("heading", level=1)).to_contain_text("waits for approval")
    expect(desk).to_have_title(re.compile(r"^\(\d+\) gated"))

    phone = visits.page(phone=True)
    phone.goto("/")
    phone.get_by_role("navigation", name="Main, phone").get_by_text("Approvals").tap()
    phone.get_by_role("heading", name="Approvals").wait_for()
    phone.get_by_role("link", name="gated: change").first.tap()
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
        approve.click()

        expect(page.get_by_role("alert")).to_contain_text("already decided")
        expect(page.get_by_text("I was here")).to_be_visible()
        expect(page.get_by_text("rejected").first).to_be_visible()
        expect(approve).to_be_hidden()
