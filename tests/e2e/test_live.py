"""The way of a first visitor, and what an open page shows when the hub goes away and comes back."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Visits, api
from tests.integration.cli.conftest import Hub

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def _started(hub: Hub) -> str:
    with api(hub) as client:
        started = client.post("/runs", json={"workflow": "quick"}).raise_for_status()
    return str(started.json()["id"])


def _row(page: Page, run_id: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.locator(f'a[href="/runs/{run_id}"]'))


def test_the_link_of_the_first_start_leads_to_a_live_overview(hub: Hub, visits: Visits) -> None:
    page = visits.page()
    page.goto("/")
    expect(page).to_have_title(re.compile("Overview · CommandCenter$"))
    expect(page.get_by_role("status").filter(has_text="Live").first).to_be_visible()

    page.get_by_role("link", name=re.compile("^Runs")).first.click()  # and how many run
    page.get_by_role("heading", name="Runs").wait_for()
    run_id = _started(hub)
    expect(_row(page, run_id).get_by_text("succeeded")).to_be_visible()


def test_the_page_recovers_from_the_death_of_the_hub(hub: Hub, visits: Visits) -> None:
    page = visits.page()
    page.goto("/runs")
    expect(page.get_by_text("Live").first).to_be_visible()
    page.get_by_role("button", name="Start a run").click()
    form = page.get_by_role("dialog", name="Start a run")
    form.get_by_label("Workflow").select_option("quick")

    hub.kill()
    form.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The hub does not answer")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_text("Reconnecting to the hub")).to_be_visible()
    expect(page).to_have_title("Reconnecting · Runs · CommandCenter")
    hub.start()
    expect(page.get_by_text("Reconnecting to the hub")).to_be_hidden()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.keyboard.press("Escape")
    run_id = _started(hub)

    expect(_row(page, run_id).get_by_text("succeeded")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^(\(\d+\) )?Runs · CommandCenter$"))
