"""Without a hub, with a wrong one, and with one that dies while a run is followed."""

import http.server
import json
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from commandcenter.cli import silence
from commandcenter.cli.client import HubClient
from commandcenter.cli.event_stream import EventStream, Reconnecting
from commandcenter.cli.problems import HubBrokeOffError, HubSilentError
from tests import preloaded
from tests.integration.cli.conftest import MODULE, Hub, environment, furnish, wait_for


def _run(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return preloaded.run(
        MODULE, *words, environment=environment(**more), directory=Path.cwd(), seconds=60
    )


def test_without_a_hub_the_command_that_starts_one_is_named(tmp_path: Path) -> None:
    done = _run("runs", "list", "--data-directory", str(tmp_path))
    assert done.returncode == 5
    assert f"No hub runs on {tmp_path}" in done.stderr
    assert f"up --data-directory {tmp_path}" in done.stderr
    assert done.stdout == ""


def test_an_address_where_nobody_listens(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("cc_x_y")
    done = _run(
        "runs", "--json", "--url", "http://127.0.0.1:9", "--token-file", str(tmp_path / "token")
    )
    assert done.returncode == 5
    assert json.loads(done.stderr)["code"] == "hub_unreachable"


def test_a_token_that_is_not_there(tmp_path: Path) -> None:
    done = _run("runs", "--url", "http://127.0.0.1:9", "--token-file", str(tmp_path / "none"))
    assert done.returncode == 6
    assert "There is no token in" in done.stderr


@pytest.fixture
def stranger() -> Iterator[str]:
    """A web server that is no hub."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_something_that_is_no_hub(tmp_path: Path, stranger: str) -> None:
    (tmp_path / "token").write_text("cc_x_y")
    done = _run("runs", "--url", stranger, "--token-file", str(tmp_path / "token"))
    assert done.returncode == 5
    assert "no hub of this kind" in done.stderr


def test_a_wrong_command_line_is_code_2() -> None:
    done = _run("rusn")
    assert done.returncode == 2
    assert "Did you mean" in done.stderr
    assert _run("run").returncode == 2


def test_a_second_hub_on_the_same_data_is_refused(hub: Hub) -> None:
    done = hub.run("up", "--port", "0", "--no-demo", code=5)
    assert "is in use by another hub" in done.err
    assert "--data-directory" in done.err


def test_a_hub_that_cannot_start_says_why(hub: Hub, tmp_path: Path) -> None:
    taken = tmp_path / "new"
    port = hub.url.rsplit(":", 1)[1]
    done = _run("up", "--port", port, "--data-directory", str(taken))
    assert done.returncode == 5
    assert "--port 3334" in done.stderr
    assert not taken.exists()
    (tmp_path / "file").write_text("")
    done = _run("up", "--port", "0", "--data-directory", str(tmp_path / "file" / "data"))
    assert done.returncode == 5
    assert "A file is in the way" in done.stderr


def test_what_is_told_is_not_mixed_with_the_log(hub: Hub) -> None:
    said = hub.log.read_text()
    assert "CommandCenter is ready" in said
    assert "[info" not in said


def test_hints_of_the_hub_reach_the_same_hub(hub: Hub) -> None:
    done = hub.run("runs", "show", "run_00000000000000", code=7)
    assert f"--data-directory {hub.data} runs list" in done.err


@pytest.mark.parametrize("linger", [b"", struct.pack("ii", 1, 0)], ids=["closed", "reset"])
def test_a_connection_that_breaks_while_it_is_opened_is_tried_again(linger: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            for _ in range(2):
                peer, _ = server.accept()
                if linger:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                peer.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with closing(_client(server)) as client:
            items = EventStream(client, after=0).items()
            assert [next(items), next(items)] == [Reconnecting(1), Reconnecting(2)]
        thread.join(10)


def _client(server: socket.socket, tell: Callable[[str], None] = print) -> HubClient:
    port = server.getsockname()[1]
    return HubClient(f"http://127.0.0.1:{port}", "token", start_hint="", tell=tell)


def test_a_hub_that_stands_still_is_told_of_once_and_given_up_with_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(silence, "_TELL_SECONDS", 0.05)
    told: list[str] = []
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        closing(_client(server, told.append)) as client,
    ):
        for _ in range(2):
            with pytest.raises(HubSilentError, match=r"has not answered for 0.5 s") as caught:
                client.get("/projects", silent_seconds=0.5)
        assert caught.value.hint is not None
        assert "commandcenter doctor" in caught.value.hint
        assert [words.split(" has ")[1] for words in told] == [
            "not answered for 0.05 s; still waiting. Ctrl-C ends only this command."
        ]


def test_a_hub_that_breaks_off_is_not_taken_for_one_that_was_never_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, closing(_client(server)) as client:

        def hang_up() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(HubBrokeOffError):
            client.post("/projects/shop/stop", {})
        thread.join(10)


def test_following_survives_the_death_of_the_hub(tmp_path: Path, patch: str) -> None:
    hub = Hub(tmp_path / "data", tmp_path / "projects")
    hub.projects.mkdir()
    hub.start()
    try:
        furnish(hub)
        run_id = hub.run("run", "gated", "-i", "patch=@-", "--detach", "--json", stdin=patch).json[
            "id"
        ]
        with hub.begin("runs", "watch", run_id) as follower:
            follower.says("Approval needed for change")
            hub.kill()
            follower.says("reconnecting")
            hub.start()
            follower.says("the hub is back")
            wait_for("what was resumed", lambda: "Found 1 unfinished run:" in hub.log.read_text())
            hub.run("approve", "latest")
            assert follower.process.wait(60) == 0
        assert "gated succeeded" in follower.out
        # Nothing is told twice.
        assert follower.out.count("look succeeded") == 1
        assert follower.out.count("Approval needed") == 1
    finally:
        hub.stop()
