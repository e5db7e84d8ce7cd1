"""A hub that is slow, stands still or breaks off, played by sockets that do so."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from commandcenter.cli import client, silence
from commandcenter.cli.client import HubClient, segment
from commandcenter.cli.patient_hub import AWAY, BACK, PatientHub
from commandcenter.cli.problems import (
    HubBrokeOffError,
    HubUnreachableError,
    NothingFoundError,
)

Answer = Callable[[socket.socket], None]
_OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"ok": 1}'


def well(peer: socket.socket) -> None:
    peer.sendall(_OK)


def hang_up(_peer: socket.socket) -> None:
    pass


@contextmanager
def hub(*answers: Answer, notes: list[str]) -> Iterator[HubClient]:
    """Each connection is read once, answered by the next of `answers`, and closed."""
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
        made = HubClient(url, "token", start_hint="Start one.", note=notes.append)
        yield made
        made.close()
        thread.join(10)


def patient(made: HubClient, notes: list[str]) -> PatientHub:
    cli: Any = SimpleNamespace(client=made, note=notes.append)
    return PatientHub(cli)


def test_a_hub_that_stands_still_is_told_of_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "NOTICE_SECONDS", 0.05)
    monkeypatch.setattr(client, "_READ_SECONDS", 0.5)
    notes: list[str] = []
    given_up = threading.Event()

    def stand_still(_peer: socket.socket) -> None:
        given_up.wait(10)

    with hub(stand_still, notes=notes) as made:
        with pytest.raises(HubBrokeOffError) as error:
            made.get("/me")
        given_up.set()

    assert notes == [
        f"The hub at {made.url} has not answered for 0.05 s; still waiting. "
        "Ctrl-C ends only this command."
    ]
    assert "has not answered for 0.5 s" in error.value.detail
    assert "commandcenter doctor" in (error.value.hint or "")


def test_a_hub_that_answers_soon_is_not_told_of() -> None:
    notes: list[str] = []
    with hub(well, notes=notes) as made:
        assert made.get("/me") == {"ok": 1}
    assert notes == []


def test_what_may_be_asked_twice_is_asked_again_when_the_hub_broke_off() -> None:
    notes: list[str] = []
    with hub(hang_up, hang_up, well, notes=notes) as made:
        assert patient(made, notes).post("/projects/shop/fork", {}) == {"ok": 1}
    assert notes == [AWAY, BACK]


def test_a_hub_that_was_never_there_is_told_at_once() -> None:
    notes: list[str] = []
    with hub(notes=notes) as gone:
        made = HubClient(gone.url, "token", start_hint="Start one.")
    with pytest.raises(HubUnreachableError, match="No hub answers"):
        patient(made, notes).post("/projects/shop/fork", {})
    assert notes == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../me"])
def test_what_is_no_name_leads_nowhere(name: str) -> None:
    with pytest.raises(NothingFoundError):
        segment(name)


def test_names_are_quoted() -> None:
    assert segment("a b?#%") == "a%20b%3F%23%25"
    assert segment("agent@1.0.0") == "agent@1.0.0"
