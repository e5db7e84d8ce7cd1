"""A project's services under an open page: started, broken and mended, limited, copied, stopped."""

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import E2eHub, Visits
from tests.integration.stacks.stack_hub import need_servers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

_CACHE = "services: {cache: {image: 'redis:7', ports: ['6379'], volumes: ['kept:/data']}}\nvolumes: {kept: }\n"
_REFUSED = "services: {cache: {image: 'redis:7', privileged: true}}\n"


def test_a_stack_is_started_broken_and_mended_under_an_open_page(
    hub: E2eHub, visits: Visits
) -> None:
    need_servers()
    hub.project("cached", compose__yaml=_CACHE)
    page = visits.page()
    page.goto("/projects/cached")
    panel = page.locator(".panel").filter(has=page.get_by_role("heading", name="Services"))
    service = panel.locator(".service")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(panel.locator("header")).to_contain_text("healthy")
    expect(service).to_contain_text("healthy")
    service.get_by_text("Hardened").click()
    expect(service.locator('[data-kind="added"]').first).to_be_visible()
    service.get_by_role("button", name="Log", exact=True).click()
    expect(page.get_by_role("log")).to_contain_text("Ready to accept connections")

    hub.kill_processes("redis-server")
    expect(service).to_contain_text("It was killed (SIGKILL)")
    expect(panel.locator("header")).to_contain_text("error")
    service.get_by_role("button", name="Restart").click()
    expect(panel.locator("header")).to_contain_text("healthy")
    expect(page.get_by_role("heading", name="cache, start 2")).to_be_visible()
    with page.expect_download() as log:
        page.get_by_role("link", name="download").click()
    assert "Ready to accept connections" in log.value.path().read_text()

    page.get_by_role("button", name="Limits and ports…").click()
    form = page.get_by_role("dialog", name="Limits and ports of cached")
    memory = form.get_by_label("Memory (512m, 2g), cache")
    memory.fill("lots")
    expect(form.get_by_text("A size, such as 512m or 2g.")).to_be_visible()
    memory.fill("3k")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("greater than or equal to 16m")).to_be_visible()
    memory.fill("96m")
    form.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Restart now").click()
    expect(service).to_contain_text("96.0 MB")
    expect(panel.locator("header")).to_contain_text("healthy")

    page.get_by_role("button", name="Fork…").click()
    form = page.get_by_role("dialog", name="Fork cached")
    form.get_by_label("Name of the copy").fill("No Name")
    form.get_by_role("button", name="Fork").click()
    expect(form.get_by_text("small letters, digits and hyphens")).to_be_visible()
    form.get_by_label("Name of the copy").fill("cached-2")
    form.get_by_label("Start it once it is copied").uncheck()
    form.get_by_role("button", name="Fork").click()
    page.wait_for_url("**/projects/cached-2")
    expect(page.get_by_text("cached stood still for")).to_be_visible()
    page.get_by_role("button", name="Discard this fork…").click()
    page.get_by_role("button", name="Discard cached-2 and all its data").click()
    page.wait_for_url("**/projects")
    expect(page.get_by_role("link", name="cached-2")).to_be_hidden()

    page.goto("/projects/cached")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(panel.locator("header")).to_contain_text("stopped")
    assert hub.processes("redis-server") == []


def test_what_cannot_be_started_comes_first_with_the_reason(hub: E2eHub, visits: Visits) -> None:
    for number in range(8):
        hub.project(f"aside-{number}")
    hub.project("zealous", compose__yaml=_REFUSED)
    page = visits.page()
    page.goto("/")
    panel = page.locator(".panel").filter(has=page.get_by_role("heading", name="Projects"))
    row = panel.get_by_role("listitem").filter(has_text="zealous")
    expect(row).to_contain_text("cannot be started")
    expect(row).to_contain_text("privileged")
    panel.get_by_role("link", name="more").click()
    page.wait_for_url("**/projects")
