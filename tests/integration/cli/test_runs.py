"""`run` and `runs` against a hub that really serves."""

import json

from tests.integration.cli.conftest import Hub


def test_a_run_is_told_line_by_line_and_summed_up(hub: Hub) -> None:
    done = hub.run("run", "quick", "--input", "word=hi")
    assert "say succeeded in" in done.out
    assert "then succeeded in" in done.out
    assert "quick succeeded after" in done.out
    assert "1 finding (1 warning) score 71 of 100" in done.out
    assert "Next: " in done.out
    assert done.err == ""
    assert "\x1b" not in done.out


def test_json_is_one_document_on_stdout_and_progress_goes_to_stderr(hub: Hub) -> None:
    done = hub.run("run", "quick", "--json")
    assert done.json["state"] == "succeeded"
    assert [step["node"] for step in done.json["steps"]] == ["say", "then"]
    assert "say succeeded" in done.err


def test_a_failed_run_exits_with_1_and_names_what_to_look_at(hub: Hub) -> None:
    done = hub.run("run", "broken", code=1)
    assert "bad failed: The program exited with 3." in done.out
    assert "    it went wrong\n" in done.out
    run_id = hub.json("runs", "list", "--limit", "1")[0]["id"]
    assert f"runs logs {run_id} bad" in done.out
    assert "it went wrong" in hub.run("runs", "logs", run_id, "bad").out


def test_detach_returns_at_once_and_the_run_can_be_watched_and_cancelled(hub: Hub) -> None:
    started = hub.json("run", "slow", "--detach")
    assert started["state"] in {"queued", "running"}
    assert hub.run("runs", "watch", started["id"], "--timeout", "0.5", code=9).code == 9
    done = hub.run("runs", "cancel", started["id"], "--wait")
    assert "slow cancelled" in done.out
    assert hub.run("runs", "show", started["id"], "--exit-code", code=4).code == 4
    problem = json.loads(hub.run("runs", "cancel", started["id"], "--json", code=8).err)
    assert problem["code"] == "run_finished"
    assert problem["exit_code"] == 8
    assert "was cancelled; there is nothing to cancel" in problem["detail"]


def test_the_same_idempotency_key_returns_the_first_run(hub: Hub) -> None:
    words = ("run", "quick", "--detach", "--idempotency-key", "once")
    assert hub.json(*words)["id"] == hub.json(*words)["id"]
    other = hub.run(*words, "--input", "word=other", code=8)
    assert "Error:" in other.err
    assert "Next: Take a new key" in other.err


def test_ids_may_be_shortened_and_latest_is_the_newest(hub: Hub) -> None:
    run_id = hub.json("run", "quick")["id"]
    assert hub.json("runs", "show", "latest")["id"] == run_id
    assert hub.json("runs", "show", run_id[:-2])["id"] == run_id
    assert hub.json("runs", "show", run_id.removeprefix("run_")[:-2])["id"] == run_id
    ambiguous = hub.run("runs", "show", "run_", code=2)
    assert "Type more of the id" in ambiguous.err
    assert "no run whose id begins with" in hub.run("runs", "show", "zz", code=7).err
    assert hub.run("runs", "show", "run_00000000000000", code=7).code == 7


def test_show_tells_all_about_a_run(hub: Hub) -> None:
    run_id = hub.json("run", "quick", "-i", "word=there")["id"]
    out = hub.run("runs", "show", run_id).out
    for words in (
        "By ",
        "admin",
        "Timeline",
        "say succeeded",
        "word",
        "there",
        "report.sarif",
        "score",
        "71",
    ):
        assert words in out


def test_show_tells_who_decided(hub: Hub, patch: str) -> None:
    hub.run("run", "gated", "-i", f"patch={patch}", "--until-approval", code=3)
    approval = hub.json("approvals", "list")[0]
    hub.run("approve", approval["id"], "--comment", "ok", "--watch")
    shown = hub.run("runs", "show", approval["run_id"]).out
    [asked] = hub.json("runs", "show", approval["run_id"])["approvals"]
    row = next(line for line in shown.splitlines() if approval["id"] in line)
    assert row.split()[-1] == "admin"
    decided = [(one["principal_name"], one["comment"]) for one in asked["decisions"]]
    assert decided == [("admin", "ok")]


def test_logs_can_be_cut_searched_and_followed(hub: Hub) -> None:
    run_id = hub.json("run", "quick")["id"]
    assert "line one" in hub.run("runs", "logs", run_id).out
    last = hub.run("runs", "logs", run_id, "say", "--tail", "1").out
    assert "line two" in last
    assert "line one" not in last
    assert "line one" in hub.run("runs", "logs", run_id, "say", "--grep", "one").out
    followed = hub.run("runs", "logs", run_id, "say", "--follow", "--json").out
    assert [json.loads(line)["text"] for line in followed.splitlines()] == ["line one", "line two"]
    assert "Name one of: say, then" in hub.run("runs", "logs", run_id, "-f", code=2).err
    assert hub.run("runs", "logs", run_id, "nowhere", code=7).code == 7


def test_artifacts_are_listed_and_downloaded(hub: Hub) -> None:
    run_id = hub.json("run", "quick")["id"]
    assert "report.sarif" in hub.run("runs", "artifacts", run_id).out
    target = hub.data.parent / "reports"
    items = hub.json("runs", "artifacts", run_id, "--download", str(target))
    assert [item["name"] for item in items] == ["report.sarif"]
    assert '"2.1.0"' in (target / "say" / "report.sarif").read_text()


def test_findings_can_fail_a_pipeline_and_are_written_as_sarif(hub: Hub) -> None:
    file = hub.data.parent / "all.sarif"
    words = ("run", "quick", "--sarif", str(file))
    assert hub.run(*words, "--fail-on", "critical").code == 0
    failed = hub.run(*words, "--fail-on", "warning", code=1)
    assert "1 finding at warning or above" in failed.err
    document = json.loads(file.read_text())
    assert document["version"] == "2.1.0"
    assert document["runs"][0]["automationDetails"]["id"] == "quick/say/report.sarif/"


def test_an_ended_run_can_be_run_again_with_other_inputs(hub: Hub) -> None:
    first = hub.json("run", "quick")
    again = hub.json("runs", "rerun", first["id"], "--from", "then")
    assert again["rerun_of"] == first["id"]
    assert {step["node"]: bool(step["reused_from"]) for step in again["steps"]} == {
        "say": True,
        "then": False,
    }
    changed = hub.json("runs", "rerun", first["id"], "--input", "word=new")
    assert changed["inputs"]["word"] == "new"
    overridden = hub.json("runs", "rerun", first["id"], "--step-input", "then.extra=1")
    steps = {step["node"]: step for step in overridden["steps"]}
    assert steps["then"]["inputs"]["extra"] == "1"
    assert (
        "Write it like" in hub.run("runs", "rerun", first["id"], "--step-input", "x=1", code=2).err
    )


def test_inputs_come_from_files_standard_input_and_json(hub: Hub) -> None:
    file = hub.data.parent / "word.txt"
    file.write_text("from a file")
    assert hub.json("run", "quick", "-i", f"word=@{file}")["inputs"]["word"] == "from a file"
    piped = hub.run("run", "quick", "-i", "word=@-", "--json", stdin="piped")
    assert piped.json["inputs"]["word"] == "piped"
    assert hub.json("run", "quick", "-i", 'word:="@text"')["inputs"]["word"] == "@text"
    missing = hub.run("run", "quick", "-i", "word=@nowhere.txt", code=2)
    assert "nowhere.txt, cannot be read" in missing.err
    unknown = hub.run("run", "quick", "-i", "wrod=x", code=2)
    assert "the workflow has no input" in unknown.err


def test_runs_are_listed_by_state(hub: Hub) -> None:
    hub.run("run", "broken", code=1)
    failed = hub.json("runs", "list", "--state", "failed")
    assert failed
    assert {item["state"] for item in failed} == {"failed"}
    assert "broken@1" in hub.run("runs", "--json").out or "broken@1" in hub.run("runs").out
    assert hub.run("runs", "list", "--state", "odd", code=2).code == 2
