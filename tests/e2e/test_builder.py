"""A workflow built by dragging, writing and the keyboard: graph, forms and YAML are one."""

import re
import textwrap
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Visits, barriers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WRITTEN = textwrap.dedent("""\
    # who looks after it: the platform team
    name: built-by-hand
    nodes:
      pretend:
        agent: pretend
        with: {fake: {output: {score: 71}}}   # what it finds


      pretend-2:
        agent: pretend
        needs: [pretend]
      tell: # always the last
        agent: pretend
        needs: [pretend-2]
    """)


def _yaml(page: Page) -> Locator:
    return page.get_by_role("textbox", name="YAML of the workflow")


def _agent(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name="Agents to add").get_by_role("button", name=name).first


def _step(page: Page, name: str) -> Locator:
    return page.locator(f'[data-step="{name}"]')


def _says(page: Page, text: str) -> None:
    expect(_yaml(page)).to_have_value(re.compile(re.escape(text)))


def _build_by_drag(page: Page) -> None:
    page.goto("/workflows")
    page.get_by_role("link", name="New workflow").click()
    canvas = page.get_by_role("region", name="Graph of the workflow")
    _agent(page, "pretend").drag_to(canvas, target_position={"x": 80, "y": 200})
    _says(page, "nodes:\n  pretend:\n    agent: pretend\n")
    _agent(page, "pretend").drag_to(canvas, target_position={"x": 80, "y": 300})
    expect(page.get_by_role("heading", name="Step pretend-2")).to_be_visible()
    _step(page, "pretend").locator(".pull").drag_to(_step(page, "pretend-2"))
    _says(page, "  pretend-2:\n    agent: pretend\n    needs: [pretend]\n")
    expect(page.get_by_role("button", name="pretend-2 waits for pretend")).to_have_count(1)


def test_a_workflow_is_built_by_hand_and_run(visits: Visits) -> None:
    page = visits.page()
    _build_by_drag(page)

    # Written in the YAML, seen in the graph; changed in the graph, and all else left as written.
    _yaml(page).fill(WRITTEN)
    _step(page, "tell").get_by_role("button").click()
    page.get_by_label("Retries").fill("2")
    expect(_yaml(page)).to_have_value(WRITTEN + "    retry:\n      max: 2\n")
    page.get_by_role("button", name="tell waits for pretend-2").press("Delete")
    _says(page, "  tell: # always the last\n    agent: pretend\n    retry:")
    page.keyboard.press("Control+z")
    expect(_yaml(page)).to_have_value(WRITTEN + "    retry:\n      max: 2\n")

    # What the hub says against it stands at its line, at its step and at its field.
    issues = page.get_by_role("status").filter(has=page.locator("li"))
    _yaml(page).fill(WRITTEN.replace("[pretend-2]", "[pretend-3]"))
    expect(issues).to_contain_text("line 14")
    expect(issues).to_contain_text('did you mean "pretend-2"?')
    expect(page.locator(".yaml-ink [data-wrong]")).to_contain_text("needs: [pretend-3]")
    expect(_step(page, "tell")).to_contain_text('there is no node "pretend-3"')
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    assert barriers(page) == []
    _yaml(page).fill(WRITTEN.replace("[pretend-2]", "[tell]"))
    expect(_step(page, "tell")).to_contain_text("a node cannot need itself")
    expect(page.get_by_role("button", name="tell waits for tell")).to_have_count(1)
    _yaml(page).fill(WRITTEN)
    expect(page.get_by_text("valid", exact=True)).to_be_visible()
    _step(page, "tell").get_by_role("button").click()
    name = page.get_by_label("Name", exact=True)
    name.fill("2nd")
    name.press("Enter")
    expect(name).to_have_accessible_description(re.compile("no digit.*still called tell"))
    name.press("Escape")
    expect(name).to_have_value("tell")

    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/workflows/built-by-hand")
    expect(page.get_by_role("heading", level=1)).to_contain_text("version 1")
    page.get_by_role("button", name="Run…").click()
    page.get_by_role("dialog").get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"/runs/run_"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded", timeout=60_000)

    # Back at the builder, what the run gave completes what is written.
    page.go_back()
    _step(page, "tell").get_by_role("button").click()
    page.get_by_label("When").press_sequentially("nodes.pretend.outputs.sc")
    expect(page.get_by_role("option", name="nodes.pretend.outputs.score last: 71")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type(" < 80")
    _says(page, "    when: nodes.pretend.outputs.score < 80\n")
    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()
    _says(page, "    when: nodes.pretend.outputs.score < 80\n")
    page.get_by_role("link", name="Workflows").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    page.get_by_role("heading", name="Workflows").wait_for()


def test_versions_copies_and_files_by_keyboard(visits: Visits, tmp_path: Path) -> None:
    page = visits.page()
    page.goto("/new-workflow")
    file = tmp_path / "some.yaml"
    file.write_text("name: from-a-file\nnodes:\n  one: {agent: pretend}  # first\n")
    page.get_by_role("button", name="Import…").click()
    picture = tmp_path / "picture.yaml"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    page.locator('input[type="file"]').set_input_files(picture)
    expect(page.get_by_text("picture.yaml is not a text file")).to_have_count(1)
    page.locator('input[type="file"]').set_input_files(file)
    page.get_by_role("button", name="Take it").click()
    page.keyboard.press("Control+s")
    page.wait_for_url("**/workflows/from-a-file")

    _agent(page, "risky").press("Enter")
    expect(_step(page, "risky")).to_contain_text("asks first")
    page.get_by_label("Wait for another step").select_option("one")
    _says(page, "  risky:\n    agent: risky\n    needs: [one]\n")
    _step(page, "one").get_by_role("button").focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    _says(page, "  risky-2:\n    agent: risky\n    needs: [one-2]\n")
    changed = _yaml(page).input_value()
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", level=1)).to_contain_text("version 2")

    page.get_by_role("button", name="Versions…").click()
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_text("by admin")).to_have_count(2)
    drawer.get_by_label("From").select_option("version 1")
    expect(drawer.locator("tr.added")).to_have_count(changed.count("\n") - 3)
    assert barriers(page) == []
    drawer.get_by_role("button", name="Take its text").last.click()
    expect(_yaml(page)).to_have_value(file.read_text())
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "from-a-file.yaml"
    assert Path(download.value.path()).read_text() == file.read_text()

    # What was done is found again in the log; what is not there leads to where it would be listed.
    page = visits.page()
    page.goto("/audit?action=workflow&nothing=1")
    page.get_by_role("link", name="admin").first.click()
    page.wait_for_url(
        re.compile(r"/audit\?action=workflow&who=admin$|/audit\?who=admin&action=workflow$")
    )
    expect(page.get_by_label("What was done")).to_have_value("workflow")
    assert barriers(page) == []
    page.get_by_role("link", name=re.compile("^workflow_")).first.click()
    page.wait_for_url("**/workflows/from-a-file")
    page.goto("/workflows/from-nowhere")
    page.get_by_role("link", name="All workflows").click()
    expect(page.get_by_text("no description").first).to_be_visible()
    page.goto("/findings?level=grave")
    page.wait_for_url(re.compile("/findings$"))
