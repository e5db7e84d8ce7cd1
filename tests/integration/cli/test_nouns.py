"""The nouns beside runs: projects, workflows, agents, secrets, people, events, audit, doctor."""

import json
import re
import stat

from tests.integration.cli.conftest import Hub


def test_a_project_is_added_shown_and_removed(hub: Hub) -> None:
    folder = hub.projects / "shop"
    folder.mkdir()
    added = hub.run("project", "add", str(folder), "--name", "my-shop")
    assert f"Project my-shop: {folder}" in added.out
    assert "run review-and-patch --project my-shop" in added.out
    assert "is no git repository" in " ".join(added.out.split())
    assert hub.json("project", "add", str(folder))["name"] == "my-shop"
    assert str(folder) in hub.run("project").out
    assert str(folder) in hub.run("project", "show", "my-shop").out
    assert "Removed" in hub.run("project", "remove", "my-shop").out
    assert hub.run("project", "show", "my-shop", code=7).code == 7
    for name in ("my-shop/status", "..", "my-shop/../../runs", "%2E%2E"):
        assert "There is no project" in hub.run("project", "show", name, code=7).err
    assert folder.is_dir()


def test_a_folder_outside_the_roots_is_refused_until_the_operator_allows_it(hub: Hub) -> None:
    folder = hub.data.parent / "elsewhere" / "repository"
    folder.mkdir(parents=True)
    refused = hub.run("project", "add", str(folder), code=6)
    assert "allowed roots" in refused.err
    assert "project allow" in refused.err
    hub.run("project", "allow", str(folder.parent))
    assert hub.json("project", "add", str(folder))["path"] == str(folder)


def test_a_workflow_is_validated_stored_shown_and_retired(hub: Hub) -> None:
    file = hub.projects / "new.yaml"
    file.write_text("name: new\nnodes:\n  a: {agent: nobody, needs: [b]}\n")
    wrong = hub.run("workflows", "validate", str(file), code=2)
    assert f"{file}:3:" in wrong.out
    assert 'there is no node "b"' in wrong.out
    refused = hub.run("workflows", "add", str(file), code=2)
    assert "line 3" in refused.err
    file.write_text("name: new\nnodes:\n  a: {agent: pretend}\n")
    assert "is valid: 1 node." in hub.run("workflows", "validate", str(file)).out
    assert "is at version 1" in hub.run("workflows", "add", "-", stdin=file.read_text()).out
    assert "pretend 1.0.0" in hub.run("workflows", "show", "new", "--plan").out
    assert hub.run("workflows", "show", "new@1", "--source").out == file.read_text()
    assert hub.json("workflows", "versions", "new")[0]["version"] == 1
    assert "Retired new, version 1" in hub.run("workflows", "retire", "new").out
    assert hub.run("run", "new", code=None).code in {7, 8}


def test_agents_are_listed_and_shown(hub: Hub) -> None:
    assert "Would change something." in hub.run("agents").out
    shown = hub.run("agents", "show", "risky").out
    assert "APPROVAL_REQUIRED" in shown
    assert "patchContent" in shown
    assert re.search(r"Limits .*memory \d+\.\d [KMG]iB", shown)
    assert hub.run("agents", "show", "nobody", code=7).code == 7
    assert hub.run("agents", "register", str(hub.projects), code=2).code == 2


def test_a_secret_goes_in_and_never_comes_out(hub: Hub) -> None:
    value = "s3cret-value-of-the-test"
    done = hub.run("secrets", "set", "TOKEN", stdin=f"{value}\n")
    hub.run("secrets", "grant", "TOKEN", "pretend")
    listed = hub.run("secrets")
    assert "TOKEN" in listed.out
    assert "pretend" in listed.out
    file = hub.data.parent / "secret.txt"
    file.write_text(value)
    again = hub.run("secrets", "set", "TOKEN", "--from", f"@{file}")
    hub.run("secrets", "revoke", "TOKEN", "pretend")
    assert hub.json("secrets", "list")[0]["granted_to"] == []
    hub.run("secrets", "delete", "TOKEN")
    everything = "".join(part.out + part.err for part in (done, listed, again))
    assert value not in everything
    assert (
        "not taken from the command line"
        in hub.run("secrets", "set", "TOKEN", "--from", value, code=2).err
    )


def test_a_token_signs_in_with_its_role_and_no_further(hub: Hub) -> None:
    hub.run("principals", "create", "watcher", "--role", "viewer", "--group", "readers")
    assert "readers" in hub.run("principals").out
    file = hub.data.parent / "watcher.token"
    hub.run("tokens", "create", "watcher", "--name", "ci", "--days", "1", "--to", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = ("--url", hub.url, "--token-file", str(file))
    assert hub.run("project", "list", *other).code == 0
    refused = hub.run("run", "quick", *other, code=6)
    assert "lacks runs:start" in refused.err
    assert "watcher is viewer" in refused.err
    assert hub.run("tokens", "list", "watcher").out.count("ci") == 1
    hub.run("tokens", "revoke", "watcher", "ci")
    assert hub.run("project", "list", *other, code=6).code == 6
    hub.run("principals", "change", "watcher", "--role", "operator")
    hub.run("principals", "revoke", "watcher")
    assert "disabled" in hub.run("principals", "list").out


def test_a_login_link_is_printed_alone(hub: Hub) -> None:
    done = hub.run("login-link")
    assert done.out.startswith(f"{hub.url}/login?token=cc_")
    assert len(done.out.splitlines()) == 1
    assert "works once" in done.err
    assert hub.json("login-link")["url"].startswith(hub.url)


def test_events_and_audit_tell_what_happened(hub: Hub) -> None:
    run_id = hub.json("run", "quick")["id"]
    lines = hub.run("events", "--run", "latest", "--json").out.splitlines()
    events = [json.loads(line) for line in lines]
    assert events[0]["type"] == "run.created"
    assert events[-1]["type"] == "run.finished"
    assert {event["run_id"] for event in events} == {run_id}
    after = str(events[-2]["id"])
    assert "run.finished" in hub.run("events", "--after", after, "--run", run_id).out
    assert run_id in hub.run("audit").out
    assert "the chain holds" in hub.run("audit", "--verify").out


def test_doctor_finds_the_hub_and_its_database(hub: Hub) -> None:
    checks = {check["name"]: check for check in hub.run("doctor", "--json", code=None).json}
    assert checks["hub"]["ok"]
    assert hub.url in checks["hub"]["detail"]
    assert checks["database"]["ok"]
    assert checks["git"]["ok"]
    assert "sandbox" in checks


def test_version_names_both(hub: Hub) -> None:
    found = hub.json("version")
    assert found["version"] == found["hub"]


def test_an_empty_name_is_one_error_of_usage(hub: Hub) -> None:
    for words in (
        ("project", "show"),
        ("project", "add"),
        ("run",),
        ("runs", "show"),
        ("workflows", "show"),
        ("agents", "show"),
    ):
        refused = hub.run(*words, "", code=2)
        assert "is empty" in refused.err
    assert "." not in [item["name"] for item in hub.json("project", "list")]


def test_a_file_is_no_project(hub: Hub) -> None:
    file = hub.projects / "notes.txt"
    file.write_text("x\n")
    refused = hub.run("project", "add", str(file), code=2)
    assert "is a file; a project is a folder" in refused.err
