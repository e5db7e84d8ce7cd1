"""A real hub in a process of its own, looked at with a real browser."""

import re
import shutil
import textwrap
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

import commandcenter
from tests import web
from tests.integration.cli.conftest import AGENTS, WORKFLOWS, Hub, wait_for
from tests.integration.stacks.stack_hub import StackHub

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_BUILT = Path(commandcenter.__file__).parent / "_ui" / "index.html"
_PATIENCE_MS = 20_000
_SHOWN, _SHOWN_LINES = 3000, 40
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


_AXE = Path(__file__).parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Until transitions are over: the browser begins them with the next frame.
_SETTLED = """async () => {
  await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
  const ending = document.getAnimations().filter(
    (each) => Number.isFinite(each.effect.getComputedTiming().endTime));
  await Promise.allSettled(ending.map((each) => each.finished));
}"""
_SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
_RUN_AXE = """async (rules) => (await axe.run(document, {runOnly: rules})).violations.map(
    (found) => `${found.id}: ${found.nodes.map((node) => node.target.join(" ")).join(", ")}`)"""


@dataclass
class E2eHub(StackHub):
    """Agents are pretended, services of projects really run: a browser sees no difference."""

    arguments: tuple[str, ...] = ("--no-demo", "--runtime", "fake")

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "COMMANDCENTER_STACK_RUNTIME": "sandbox"}


def _need_browser() -> str:
    if _CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    if not _BUILT.is_file():
        pytest.skip("the dashboard is not built: make ui")
    return _CHROMIUM


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without the sandbox that root may not have.

    Of a module: as long as it is open a loop runs in this thread, and asynchronous tests cannot.
    """
    program = _need_browser()
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[E2eHub]:
    """One hub with agents and workflows for all of these tests: starting one takes longest."""
    _need_browser()
    root = tmp_path_factory.mktemp("e2e")
    hub = E2eHub(root / "data", root / "projects")
    hub.projects.mkdir()
    try:
        hub.start()
        _furnish(hub)
        yield hub
    finally:
        hub.end()


def api(hub: Hub) -> httpx.Client:
    """The API as the CLI's token sees it; quicker than a process for each call."""
    token = (hub.data / "cli-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    return web.client(url=f"{hub.url}/api/v1", headers=headers)


def _furnish(hub: Hub) -> None:
    with api(hub) as client:
        for name, manifest in AGENTS.items():
            folder = hub.projects / "agents" / name
            folder.mkdir(parents=True)
            (folder / "agent.yaml").write_text(textwrap.dedent(manifest))
            (folder / "main.py").write_text("print('never run by the fake runtime')\n")
            client.post("/agents", json={"folder": str(folder)}).raise_for_status()
        for source in WORKFLOWS.values():
            client.post(
                "/workflows",
                content=textwrap.dedent(source),
                headers={"Content-Type": "application/yaml"},
            ).raise_for_status()


def barriers(page: Page) -> list[str]:
    """What axe finds, in the light and in the dark."""
    if not _AXE.is_file():
        pytest.skip("axe-core is not installed: make ui")
    page.evaluate(_AXE.read_text())
    found: list[str] = []
    for scheme in _SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.evaluate(_SETTLED)  # colours half-way from one scheme to the other are nobody's
        found += [f"{scheme}: {each}" for each in page.evaluate(_RUN_AXE, _RULES)]
    return found


class Visits:
    """Browsers of one person: signed in once, by the link that the first start prints."""

    def __init__(self, browser: Browser, hub: Hub, session: list[str]) -> None:
        """`session` is where its cookie is kept for other tests, whichever is first."""
        self._browser = browser
        self._hub = hub
        self._contexts: list[BrowserContext] = []
        self._session = session
        self._heard: list[str] = []

    def seen(self) -> str:
        """What the pages show and have said, to be read where a test failed."""
        pages = [page for context in self._contexts for page in context.pages]
        shown = [f"{page.url}\n{page.locator('body').inner_text()[:_SHOWN]}" for page in pages]
        return "\n\n".join([*shown, "\n".join(self._heard[-_SHOWN_LINES:])])

    def first_link(self) -> str:
        def printed() -> "re.Match[str] | None":
            return re.search(r"http\S+/login\?token=\S+", self._hub.log.read_text())

        found: re.Match[str] = wait_for("the link", printed)
        return found.group()

    def page(self, *, phone: bool = False, scheme: Literal["light", "dark"] = "light") -> Page:
        """Return an empty page in a fresh window that shares the session."""
        context = self._browser.new_context(
            base_url=self._hub.url,
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]  # a typed dict
            has_touch=phone,
            color_scheme=scheme,
        )
        context.set_default_timeout(_PATIENCE_MS)
        self._contexts.append(context)
        context.on("console", lambda said: self._heard.append(f"{said.type}: {said.text}"))
        context.on("requestfailed", lambda lost: self._heard.append(f"{lost.failure}: {lost.url}"))
        page = context.new_page()
        if not self._session:
            page.goto(self.first_link())
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("heading", name="Overview").wait_for()
            self._session.append(context.cookies()[0]["value"])
        else:
            name = "commandcenter_session"
            cookie = {"name": name, "value": self._session[0], "url": self._hub.url}
            context.add_cookies([cookie])  # type: ignore[list-item]  # a typed dict
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        self._contexts.clear()


@pytest.fixture(scope="session")
def session(hub: E2eHub) -> list[str]:
    """The cookie of the one person who looks, once there is one."""
    return []


@pytest.fixture
def visits(browser: Browser, hub: E2eHub, session: list[str]) -> Iterator[Visits]:
    visits = Visits(browser, hub, session)
    yield visits
    visits.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    visits = getattr(item, "funcargs", {}).get("visits")
    if report.when == "call" and report.failed and isinstance(visits, Visits):
        try:
            report.sections.append(("What the pages showed", visits.seen()))
        except PlaywrightError as error:
            report.sections.append(("What the pages showed", f"not to be had: {error}"))
    return report
