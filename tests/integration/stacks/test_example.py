"""The example project, as its README has people start it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import web
from tests.integration.stacks.stack_hub import StackHub, wait_for

_EXAMPLE = Path(__file__).parents[3] / "examples" / "bookshelf"
_BOOK = {"title": "Middlemarch", "author": "George Eliot"}
_INSTALL_SECONDS = 40.0


def _copied(hub: StackHub, name: str, *left_out: str) -> Path:
    folder = hub.projects / name
    shutil.copytree(
        _EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__", *left_out)
    )
    return folder


def _books(hub: StackHub, name: str) -> dict[str, Any]:
    """What the backend says, once it does."""
    url = f"http://127.0.0.1:{hub.host_port(name, 'backend')}/books"

    def look() -> dict[str, Any] | None:
        try:
            answer = web.get(url)
        except httpx.HTTPError:
            return None
        return answer.json() if answer.is_success else None

    found: dict[str, Any] = wait_for("the books", look)
    return found


def test_books_are_kept_over_a_stop_and_a_killed_database(stacks: StackHub) -> None:
    stacks.run("project", "add", str(_copied(stacks, "bookshelf", "frontend")))
    stacks.run("project", "start", "bookshelf")
    url = f"http://127.0.0.1:{stacks.host_port('bookshelf', 'backend')}"
    made = web.post(f"{url}/books", json=_BOOK)
    assert (made.status_code, made.json()) == (201, {**_BOOK, "id": 1})
    assert _books(stacks, "bookshelf") == {"books": [{**_BOOK, "id": 1}], "visits": 1}
    stacks.run("project", "stop", "bookshelf")
    stacks.run("project", "start", "bookshelf")
    assert _books(stacks, "bookshelf") == {"books": [{**_BOOK, "id": 1}], "visits": 2}
    stacks.kill_processes("postgres -D")
    stacks.until(
        "bookshelf",
        "the restart",
        lambda found: found["overall_healthy"] and found["services"][0]["restarts"] == 1,
    )
    assert _books(stacks, "bookshelf")["books"] == [{**_BOOK, "id": 1}]
    assert [each["attempt"] for each in stacks.status("bookshelf")["services"]] == [3, 2, 2]


def test_the_page_is_served_and_may_ask_the_backend(stacks: StackHub) -> None:
    folder = _copied(stacks, "pages")
    _install(folder / "frontend")
    stacks.run("project", "add", str(folder))
    stacks.run("project", "start", "pages")
    page = f"http://127.0.0.1:{stacks.host_port('pages', 'frontend')}"
    backend = f"http://localhost:{stacks.host_port('pages', 'backend')}"
    assert "/src/main.ts" in web.get(page).text
    assert backend in web.get(f"{page}/src/main.ts").text
    for origin, told in ((page, page), ("http://example.org", None)):
        asked = web.get(f"{backend}/books", headers={"Origin": origin})
        assert asked.headers.get("access-control-allow-origin") == told


def test_its_lock_file_names_no_registry() -> None:
    text = (_EXAMPLE / "frontend" / "package-lock.json").read_text()
    assert '"integrity"' in text
    assert '"resolved"' not in text


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    words = ("ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund")
    try:
        done = subprocess.run(
            [npm, *words, "--fetch-retries=0"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm ci took longer than {_INSTALL_SECONDS} s")
    if done.returncode:
        pytest.skip(f"npm ci could not install the frontend: {done.stderr[-300:]}")
