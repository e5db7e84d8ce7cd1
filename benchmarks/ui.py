"""The dashboard in a real Chromium: first paint, event to pixel, a large graph, a long log."""

import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.hub import Hub, add_fibonacci, running_hub
from benchmarks.stats import Figure, table

PAINTS = 10
EVENTS = 30
NODES = 1000
LINES = 1_000_000
_WIDTH = 25  # of the graph's layers
_PATIENCE_MS = 60_000
_TALKER = """\
name: talker
version: 1.0.0
description: Writes many lines.
type: UTILITY
risk: {risk}
command: [python, main.py]
inputs: {{type: object}}
outputs: {{type: object}}
timeout: 300s
limits: {{memory: 256MiB, pids: 16, log: 512MiB}}
"""
_PROGRAM = f"""\
import sys

for number in range({LINES}):
    sys.stdout.write(f"line {{number}}: the quick brown fox jumps over the lazy dog\\n")
open("/out/output.json", "w").write("{{}}")
"""
_QUICK = "name: quick\nnodes:\n  only: {agent: fibonacci, with: {n: 1}}\n"
_TALK = "name: talk\nnodes:\n  only: {agent: talker}\n"
# When an event was stored, and when the first frame after its row was in the page began.
_WATCH = """() => {
  window.shown = new Map();
  const look = () => {
    for (const link of document.querySelectorAll('a[href^="/runs/run_"]')) {
      const id = link.getAttribute("href").slice(6);
      if (!window.shown.has(id)) {
        window.shown.set(id, null);
        const now = () => performance.timeOrigin + performance.now();
        requestAnimationFrame(() => window.shown.set(id, now()));
      }
    }
  };
  look();
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""
# The times of frames, in ms, while something moves.
_FRAMES = """() => {
  window.frames_ = [];
  const next = (at) => { window.frames_.push(at); window.loop_ = requestAnimationFrame(next); };
  window.loop_ = requestAnimationFrame(next);
}"""
_STOP_FRAMES = "() => { cancelAnimationFrame(window.loop_); return window.frames_; }"


@contextmanager
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise FileNotFoundError("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        made.close()


class Visitor:
    """Windows of one person who is signed in, each with nothing in its cache."""

    def __init__(self, made: Browser, hub: Hub) -> None:
        self._browser, self._hub = made, hub
        page = self._window()
        page.goto(hub.post("/me/login-links", {})["url"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Overview").wait_for()
        self._cookies = page.context.cookies()
        page.context.close()

    def _window(self) -> Page:
        context = self._browser.new_context(
            base_url=self._hub.url, viewport={"width": 1280, "height": 800}
        )
        context.set_default_timeout(_PATIENCE_MS)
        return context.new_page()

    @contextmanager
    def page(self) -> Iterator[Page]:
        page = self._window()
        page.context.add_cookies(self._cookies)  # type: ignore[arg-type]  # as they were given
        yield page
        page.context.close()


def first_paint(visitor: Visitor) -> tuple[list[float], list[float]]:
    """Milliseconds from the address to the first paint, and to the page with what it tells."""
    painted, told = [], []
    for _ in range(PAINTS):
        with visitor.page() as page:
            page.goto("/")
            page.get_by_role("heading", name="Projects").wait_for()
            told.append(page.evaluate("performance.now()"))
            painted.append(
                page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            )
    return painted, told


def event_to_pixel(hub: Hub, visitor: Visitor) -> list[float]:
    """Milliseconds from the stored event of a run's creation to the frame that has its row."""
    found = []
    with visitor.page() as page, hub.events() as events:
        page.goto("/runs")
        page.get_by_text("Live").first.wait_for()
        page.evaluate(_WATCH)
        for _ in range(EVENTS):
            run_id = hub.start("quick")
            event = events.next()
            while event["type"] != "run.created":
                event = events.next()
            page.wait_for_function("(id) => window.shown.get(id)", arg=run_id)
            shown = page.evaluate("(id) => window.shown.get(id)", run_id)
            found.append(shown - _milliseconds(event["at"]))
            hub.wait(run_id)
    return found


def _milliseconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp() * 1000


def _frames(page: Page) -> list[float]:
    times: list[float] = page.evaluate(_STOP_FRAMES)
    return [after - before for before, after in pairwise(times)]


def large_graph(hub: Hub, visitor: Visitor) -> list[float]:
    """Milliseconds of each frame while a graph of 1,000 nodes is dragged and zoomed."""
    hub.add_workflow(_wide(NODES))
    run_id = hub.start("wide")
    with visitor.page() as page:
        page.goto(f"/runs/{run_id}")
        page.locator(".step-box, .step-shape").first.wait_for()
        pane = page.locator(".react-flow__pane")
        box = pane.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + 12
        for _ in range(3):
            page.get_by_role("button", name="Zoom In").click()
        page.evaluate(_FRAMES)
        for way in (-1, 1, -1, 1):
            page.mouse.move(x, y)
            page.mouse.down()
            for step in range(60):
                page.mouse.move(x + way * step * 8, y + way * step * 2)
            page.mouse.up()
        return _frames(page)


def _wide(nodes: int) -> str:
    """Layers of nodes that each need two of the layer before; all wait for one approval."""
    lines = ["name: wide", "nodes:", "  n0: {agent: asker}"]
    for number in range(1, nodes):
        layer, place = divmod(number - 1, _WIDTH)
        before = 0 if layer == 0 else (layer - 1) * _WIDTH + 1 + place
        other = 0 if layer == 0 else (layer - 1) * _WIDTH + 1 + (place + 1) % _WIDTH
        needs = ", ".join(f"n{each}" for each in sorted({before, other}))
        lines.append(f"  n{number}: {{agent: fibonacci, needs: [{needs}], with: {{n: 1}}}}")
    return "\n".join(lines) + "\n"


def long_log(hub: Hub, visitor: Visitor) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of each frame while scrolling through a log of a million lines.

    Then those to open it at its end, and those to have found a line of it.
    """
    run = hub.wait(hub.start("talk"))
    assert run["state"] == "succeeded", run["message"]
    with visitor.page() as page:
        page.goto(f"/runs/{run['id']}?step=only&tab=log")
        last = page.locator(f'a[href="#L{LINES}"]')
        last.wait_for()
        opened = [page.evaluate("performance.now()")]
        for _ in range(8):
            page.get_by_role("button", name="Earlier lines").click()
            page.locator(".loading").wait_for(state="detached")
        page.get_by_role("log").hover()
        page.evaluate(_FRAMES)
        for _ in range(240):
            page.mouse.wheel(0, -900)
        frames = _frames(page)
        began = page.evaluate("performance.now()")
        page.get_by_label("Search the whole log").fill("line 4321:")
        page.get_by_text("1 line", exact=True).wait_for()
        found = [page.evaluate("performance.now()") - began]
    return frames, opened, found


def _add_agents(hub: Hub) -> None:
    add_fibonacci(hub)
    for name, risk in (("talker", "AUTO"), ("asker", "APPROVAL_REQUIRED")):
        with tempfile.TemporaryDirectory(prefix="commandcenter-bench-agent-") as folder:
            manifest = _TALKER.format(risk=risk).replace("name: talker", f"name: {name}")
            (Path(folder) / "agent.yaml").write_text(manifest)
            (Path(folder) / "main.py").write_text(_PROGRAM)
            hub.post("/agents", {"folder": folder})
    for source in (_QUICK, _TALK):
        hub.add_workflow(source)


def _rate(frames: list[float]) -> str:
    return f"{1000 * len(frames) / sum(frames):.0f} frames/s in the mean, {len(frames)} frames"


def main() -> tuple[list[Figure], list[str]]:
    with running_hub() as hub, browser() as made:
        _add_agents(hub)
        visitor = Visitor(made, hub)
        painted, told = first_paint(visitor)
        events = event_to_pixel(hub, visitor)
        graph = large_graph(hub, visitor)
        log, opened, found = long_log(hub, visitor)
    return [
        Figure("dashboard: first paint, empty cache", painted, "<= 1000"),
        Figure("dashboard: overview with its data, empty cache", told),
        Figure("dashboard: event stored to its frame", events, "<= 100"),
        Figure(f"dashboard: frame while dragging {NODES} nodes", graph, "<= 33"),
        Figure(f"dashboard: frame while scrolling {LINES} lines", log, "<= 33"),
        Figure("dashboard: that log opened at its end", opened),
        Figure("dashboard: one line of it found", found),
    ], [f"graph: {_rate(graph)}; log: {_rate(log)}; median {statistics.median(log):.1f} ms"]


if __name__ == "__main__":
    figures, notes = main()
    print(table(figures))
    print(*notes, sep="\n")
