"""A run looked into: its log searched, run again with other inputs, compared; what it found."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import PHONE, Visits, api, barriers
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

_FIRST = """
name: judged
inputs: {word: {type: string}, note: {type: string, default: the same}}
nodes:
  fine: {agent: pretend}
  judge:
    agent: pretend
    needs: [fine]
    with: {word: "{{inputs.word}}", fake: {exit_code: 3, stderr: "it went wrong\\n"}}
  gone: {agent: pretend, needs: [fine]}
"""
_SECOND = """
name: judged
inputs: {word: {type: string}, note: {type: string, default: the same}}
nodes:
  fine: {agent: pretend, with: {fake: {output: {lines: "one\\ntwo\\n"}}}}
  judge:
    agent: pretend
    needs: [fine]
    with: {word: "{{inputs.word}}"}
  new: {agent: pretend, needs: [judge]}
"""


def _ended(client: httpx.Client, body: dict[str, object]) -> str:
    """Return the id of a run that was started and has ended."""
    run: str = client.post("/runs", json=body).raise_for_status().json()["id"]
    wait_for("the end", lambda: client.get(f"/runs/{run}").json()["finished_at"])
    return run


def test_a_log_is_searched_and_the_run_run_again_with_another_input(
    hub: Hub, visits: Visits
) -> None:
    with api(hub) as client:
        run = _ended(client, {"workflow": "quick"})
    page = visits.page()
    page.goto(f"/runs/{run}?step=say&tab=log#L2")
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
    page.wait_for_url(lambda url: "/runs/run_" in url and run not in url)
    expect(page.get_by_role("group", name="Input word")).to_have_text("goodbye")
    expect(page.get_by_role("link", name=run)).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded")


def test_two_runs_are_compared(hub: Hub, visits: Visits) -> None:
    yaml = {"Content-Type": "application/yaml"}
    runs = []
    with api(hub) as client:
        for source, word in ((_FIRST, "hello"), (_SECOND, "goodbye")):
            client.post("/workflows", content=source, headers=yaml).raise_for_status()
            runs.append(_ended(client, {"workflow": "judged", "inputs": {"word": word}}))
    page = visits.page()
    page.goto(f"/runs/{runs[1]}")
    page.get_by_role("button", name="Compare…").press("Enter")
    page.get_by_role("dialog", name="Compare with another run of judged").wait_for()
    assert barriers(page) == []
    page.get_by_role("region", name="Earlier runs").get_by_role("link").first.press("Enter")
    page.wait_for_url(f"**/runs/{runs[1]}/compare/{runs[0]}")

    facts = page.get_by_role("region", name="The runs")
    expect(facts.get_by_role("row", name="Run").get_by_role("link")).to_have_text(runs)
    outcome = facts.get_by_role("row", name="Outcome").get_by_role("cell")
    expect(outcome).to_have_text(["failed", "succeeded", "differs"])
    inputs = page.get_by_role("region", name="Changes of input word", exact=True)
    expect(inputs.locator(".removed")).to_contain_text("hello")
    expect(inputs.locator(".added")).to_contain_text("goodbye")
    written = page.get_by_role("region", name="Changes of judged.yaml")
    expect(written.locator(".added").last).to_contain_text("new: {agent: pretend")

    steps = page.get_by_role("region", name="Steps of both runs")
    expect(steps.get_by_role("rowheader")).to_have_text(["fine", "judge", "gone", "new"])
    judge = steps.get_by_role("row", name="judge").first
    expect(judge.get_by_role("link")).to_have_text([re.compile("failed"), re.compile("succeeded")])
    expect(steps.get_by_role("row", name="gone")).to_contain_text("only in the earlier run")
    steps.get_by_text("Other inputs, outputs of fine").press("Enter")
    lines = steps.get_by_role("region", name="Changes of outputs of fine").locator(".added")
    expect(lines.filter(has_text='two\\n"')).to_be_visible()
    page.get_by_role("switch", name="Only what differs").check()
    page.wait_for_url("**?only=differing")
    assert barriers(page) == []
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a typed dict
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    judge.get_by_role("link", name="judge, earlier: failed").click()
    page.wait_for_url(f"**/runs/{runs[0]}?step=judge")

    page.goto("/runs")
    page.get_by_role("button", name="Compare two…").click()
    for run in runs:
        page.get_by_role("checkbox", name=run).check()
    assert barriers(page) == []
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare runs of judged")


def test_a_graph_of_many_steps_is_shapes_from_afar_and_cards_when_near(
    hub: Hub, visits: Visits
) -> None:
    steps = ["n0: {agent: risky, with: {patchContent: none}}"]
    steps += [f"n{each}: {{agent: pretend, needs: [n{each // 20}]}}" for each in range(1, 200)]
    source = "\n  ".join(["name: many\nnodes:", *steps])
    with api(hub) as client:
        yaml = {"Content-Type": "application/yaml"}
        client.post("/workflows", content=source, headers=yaml).raise_for_status()
        run = client.post("/runs", json={"workflow": "many"}).raise_for_status().json()["id"]
        page = visits.page()
        page.goto(f"/runs/{run}")
        graph = page.get_by_label("Steps of the run")
        graph.get_by_role("button", name="n150 pending", exact=True).press("Enter")
        page.get_by_role("dialog", name="n150").wait_for()
        page.keyboard.press("Escape")
        assert barriers(page) == []
        near = graph.locator(".step-box")
        for _ in range(10):
            graph.get_by_role("button", name="Zoom In").click()
        expect(near.first).to_be_visible()
        assert near.count() < 200
        page.get_by_role("button", name="Cancel…").click()
        page.get_by_role("button", name="Cancel the run").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")


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
