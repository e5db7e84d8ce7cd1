"""What the program tells of checks made before people are asked."""

from tests.integration.cli.conftest import Hub


def test_what_was_found_out_is_shown_with_the_approval(hub: Hub) -> None:
    run = hub.run("run", "checked", "--until-approval", "--json", code=3).json
    out = hub.run("approvals", "show", "latest").out
    for words in (
        "Checked",
        "it can be done",
        "it fits \\x1b[2J",
        "2 files would change: a.txt, b.txt",
    ):
        assert words in out
    assert "\x1b" not in out
    assert "Take care" not in out

    shown = hub.run("runs", "show", run["id"]).out
    assert "check 1 possible" in shown
    assert "looked at it" in hub.run("runs", "logs", run["id"], "change", "--check").out
    hub.run("approve", "latest", "--watch")
    assert "fake attempt" in hub.run("runs", "logs", run["id"], "change").out
    assert "(attempt" not in hub.run("runs", "show", run["id"]).out


def test_what_cannot_be_done_fails_with_its_reasons(hub: Hub) -> None:
    done = hub.run("run", "in-vain", code=1)
    everything = done.out + done.err
    assert "change failed: checked beforehand, and it cannot be done: it does not fit" in everything
    assert "a.txt: edited" in everything
    assert hub.json("approvals") == []
    assert "check 1 impossible" in hub.run("runs", "show", "latest").out
    assert "error: it is in the way" in hub.run("runs", "logs", "latest", "change").out


def test_an_agent_says_that_it_is_checked_first(hub: Hub) -> None:
    assert "Checked first" in hub.run("agents", "show", "careful").out
    assert "Checked first" not in hub.run("agents", "show", "risky").out
