"""A hub that breaks off, played by sockets that do so."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commandcenter.cli.client import segment
from commandcenter.cli.patient_hub import AWAY, BACK, PatientHub
from commandcenter.cli.problems import HubUnreachableError
from commandcenter.cli.session import Cli, GlobalOptions

Answer = Callable[[socket.socket], None]
_OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"ok": 1}'


def well(peer: socket.socket) -> None:
    peer.sendall(_OK)


def hang_up(_peer: socket.socket) -> None:
    pass


@contextmanager
def hub(place: Path, *answers: Answer) -> Iterator[Cli]:
    """Each connection is read once, answered by the next of `answers`, and closed."""
    (place / "token").write_text("cc_x_y")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            for answer in answers:
                peer, _ = server.accept()
                with peer:
                    peer.settimeout(10)
                    peer.recv(65536)
                    answer(peer)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        yield Cli(GlobalOptions(url=url, token_file=place / "token"))
        thread.join(10)


def test_what_may_be_asked_twice_is_asked_again_when_the_hub_broke_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub(tmp_path, hang_up, hang_up, well) as cli:
        assert PatientHub(cli).post("/projects/shop/fork", {}) == {"ok": 1}
        cli.client.close()
    assert capsys.readouterr().err.splitlines() == [AWAY, BACK]


def test_a_hub_that_was_never_there_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub(tmp_path) as cli:
        pass
    with pytest.raises(HubUnreachableError, match="No hub answers"):
        PatientHub(cli).post("/projects/shop/fork", {})
    cli.client.close()
    assert capsys.readouterr().err == ""


def test_names_are_one_segment_whatever_they_are() -> None:
    assert segment("a b?#%") == "a%20b%3F%23%25"
    assert segment("agent@1.0.0") == "agent@1.0.0"
    assert segment("../me") == "..%252Fme"
    assert segment("..") == "%2E%2E"
