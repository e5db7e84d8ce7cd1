"""A run looked into: its log searched, run again with other inputs; what it found, and figures."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visits, api
from tests.integration.cli.conftest import Hub, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_SCAN = """
name: scan
inputs: {where: {type: string, format: project}}
nodes:
  look:
    agent: pretend
    with:
      fake:
        output:
          findings:
            - {severity: critical, message: "a key\u202e", file: a.py, line: 3, ruleId: K1}
            - {severity: info, message: a style}
"""


def test_a_log_is_searched_and_the_run_run_again_with_another_input(
    hub: Hub, visits: Visits
) -> None:
    with api(hub) as client:
        run = client.post("/runs", json={"workflow": "quick"}).raise_for_status().json()
        wait_for("the end", lambda: client.get(f"/runs/{run['id']}").json()["finished_at"])
    page = visits.page()
    page.goto(f"/runs/{run['id']}?step=say&tab=log#L2")
    log = page.get_by_role("log")
    expect(log.locator("[data-marked]")).to_contain_text("line two")
    search = page.get_by_label("Search the whole log")
    search.fill("one")
    expect(log.get_by_text("line one")).to_be_visible()
    expect(log.get_by_text("line two")).to_have_count(0)
    expect(page.get_by_text("1 line", exact=True)).to_be_visible()
    search.fill("nowhere")
    expect(log.get_by_text("No line has this.")).to_be_visible()
    search.fill("")
    expect(log.get_by_text("line two")).to_be_visible()
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Run again…").click()
    form = page.get_by_role("dialog", name="Run again")
    form.get_by_label("word").fill("goodbye")
    form.get_by_role("button", name="Run again").click()
    page.wait_for_url(lambda url: "/runs/run_" in url and run["id"] not in url)
    expect(page.get_by_role("group", name="Input word")).to_have_text("goodbye")
    expect(page.get_by_role("link", name=run["id"])).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded")


def test_what_was_found_is_listed_and_counted(hub: Hub, visits: Visits) -> None:
    folder = hub.projects / "found"
    folder.mkdir()
    yaml = {"Content-Type": "application/yaml"}
    page = visits.page()
    page.goto("/findings?project=found")
    with api(hub) as client:
        client.post("/projects", json={"path": str(folder)}).raise_for_status()
        client.post("/workflows", content=_SCAN, headers=yaml).raise_for_status()
        body = {"workflow": "scan", "project": "found"}
        run = client.post("/runs", json=body).raise_for_status().json()

    # The open page hears of it.
    gravest = page.get_by_role("listitem").filter(has_text="a key<U+202E>")
    expect(gravest).to_contain_text("a.py:3")
    expect(gravest).to_contain_text("K1")
    page.get_by_role("navigation", name="Level").get_by_text("info").click()
    expect(page.get_by_text("a style")).to_be_visible()
    expect(gravest).to_be_hidden()
    page.get_by_role("link", name="pretend").click()
    page.wait_for_url(re.compile(f"/runs/{run['id']}.*step=look"))

    page.goto("/statistics")
    row = page.get_by_role("region", name="Figures by run").get_by_role("row", name="scan")
    expect(row.get_by_role("cell").nth(1)).to_have_text("1")
    page.get_by_text("As a table").click()
    table = page.get_by_role("region", name="Runs by hour")
    expect(table.get_by_role("row")).not_to_have_count(1)


def test_the_settings_are_shown_and_colours_chosen(hub: Hub, visits: Visits) -> None:
    page = visits.page(scheme="light")
    # A sheet is lost, as when a network of the machine changes: it is asked for again.
    page.route("**/*.css", lambda route: route.abort("connectionfailed"), times=1)
    page.goto("/settings")
    expect(page.get_by_role("navigation", name="Main", exact=True)).to_have_css("display", "flex")
    expect(page.get_by_text(str(hub.data), exact=True).first).to_be_visible()
    row = page.get_by_role("row", name="COMMANDCENTER_RUNTIME")
    expect(row.get_by_role("cell")).to_have_text(["COMMANDCENTER_RUNTIME", "fake", "given"])
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_text("dark", exact=True).click()
    assert page.evaluate(ground) != light
    page.reload()
    page.get_by_role("heading", name="Settings").wait_for()
    assert page.evaluate(ground) != light
