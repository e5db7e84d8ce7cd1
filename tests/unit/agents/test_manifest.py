import os
from pathlib import Path
from typing import Any

import pytest

from commandcenter.agents.manifest import (
    AgentManifest,
    AgentType,
    OnLost,
    Risk,
    SecretDelivery,
    digest,
    load_manifest,
)
from commandcenter.agents.manifest_file import ManifestError
from commandcenter.runtimes.spec import Limits, WorkspaceAccess

LEAST = """\
name: counter
version: 1.2.3
description: Counts lines.
type: ANALYSIS
risk: AUTO
command: [python, main.py]
"""

FULL = (
    LEAST
    + """\
capabilities: [count, read.files]
inputs:
  type: object
  required: [repositoryPath]
  properties:
    repositoryPath: {type: string, format: project}
outputs: {type: object, properties: {lines: {type: integer}}}
warm: true
limits: {cpu: 0.5, memory: 256MiB, pids: 32, disk: 1GiB, log: 64KiB}
timeout: 1.5m
grace: 500ms
network: {allow: ["api.example.org:443", "127.0.0.1:80"]}
secrets:
  - {name: TOKEN}
  - {name: KEY, as: environment}
workspace: read
requirements: requirements.txt
on_lost: retry
environment: {MODE: fast}
"""
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text("pass\n")
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


def load(folder: Path, text: str) -> AgentManifest:
    (folder / "agent.yaml").write_text(text)
    return load_manifest(folder)


def refused(folder: Path, text: str) -> dict[str, Any]:
    """The first problem of a manifest that must not load."""
    with pytest.raises(ManifestError) as caught:
        load(folder, text)
    assert str(folder / "agent.yaml") in caught.value.detail
    problem: dict[str, Any] = caught.value.fields["problems"][0]
    return problem


def test_least_manifest_has_safe_defaults(folder: Path) -> None:
    manifest = load(folder, LEAST)
    assert (manifest.type, manifest.risk) == (AgentType.ANALYSIS, Risk.AUTO)
    assert manifest.workspace is WorkspaceAccess.NONE
    assert manifest.on_lost is OnLost.FAIL
    assert manifest.network_policy().allow == ()
    assert manifest.runtime_limits() == Limits()
    assert (manifest.timeout_seconds, manifest.grace_seconds, manifest.warm) == (60.0, 5.0, False)


def test_full_manifest(folder: Path) -> None:
    manifest = load(folder, FULL)
    assert manifest.runtime_limits() == Limits(
        cpu=0.5, memory_bytes=256 * 1024**2, pids=32, disk_bytes=1024**3, log_bytes=64 * 1024
    )
    assert (manifest.timeout_seconds, manifest.grace_seconds) == (90.0, 0.5)
    assert [secret.delivery for secret in manifest.secrets] == [
        SecretDelivery.FILE,
        SecretDelivery.ENVIRONMENT,
    ]
    assert manifest.command == ("python", "main.py")
    assert manifest.environment == {"MODE": "fast"}


@pytest.mark.parametrize("text", [LEAST, FULL])
def test_json_round_trip(folder: Path, text: str) -> None:
    manifest = load(folder, text)
    assert AgentManifest.from_json(manifest.to_json()) == manifest


def test_a_manifest_cannot_be_changed(folder: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(folder, LEAST).name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        ("colour: red", "colour", "Extra inputs"),
        ("limits: {memory: 12 parsecs}", "limits.memory", "not a size"),
        ("limits: {memory: 1MiB}", "limits.memory", "greater"),
        ("limits: {cpu: 0}", "limits.cpu", "greater"),
        ("limits: {cpu: .inf}", "limits.cpu", "less"),
        ("limits: {pids: '5'}", "limits.pids", "valid integer"),
        ("timeout: soon", "timeout", "not a duration"),
        ("timeout: 0s", "timeout", "greater"),
        ("timeout: 30d", "timeout", "less"),
        ("workspace: all", "workspace", "'none', 'read' or 'write'"),
        ("network: {allow: ['*.example.org:443']}", "network.allow.0", "host:port"),
        ("network: {allow: ['example.org']}", "network.allow.0", "host:port"),
        ("network: {allow: ['example.org:70000']}", "network.allow.0", "host:port"),
        ("network: {allow: ['http://example.org:80']}", "network.allow.0", "host:port"),
        ("secrets: [{name: ../x}]", "secrets.0.name", "pattern"),
        ("secrets: [{name: A}, {name: A}]", "", "listed twice"),
        ("environment: {COMMANDCENTER_OUT: /x}", "", "kept for"),
        ("inputs: {type: object, properties: {a: {type: text}}}", "inputs", "properties/a/type"),
        ("inputs: {type: string}", "inputs", "must describe an object"),
        ("inputs: {type: object, $ref: 'http://x/y'}", "inputs", "leaves the document"),
        ("requirements: missing.txt", "requirements", "no file 'missing.txt'"),
        ("requirements: ../x.txt", "requirements", "pattern"),
        ("capabilities: [2020-01-01]", "", "in quotes"),
        ("on_lost: maybe", "on_lost", "'retry' or 'fail'"),
    ],
)
def test_a_wrong_line_is_named(folder: Path, line: str, field: str, words: str) -> None:
    problem = refused(folder, LEAST + line + "\n")
    assert problem["field"] == field
    assert words in problem["message"]
    if field:
        assert problem["line"] == 7


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name: counter", "name: Counter", "pattern"),
        ("name: counter", "name: 'counter\n\n'", "pattern"),
        ("version: 1.2.3", "version: 1.2", "valid string"),
        ("version: 1.2.3", "version: v1.2.3", "pattern"),
        ("type: ANALYSIS", "type: MAGIC", "'ANALYSIS', 'MODIFICATION'"),
        ("risk: AUTO\n", "", "Field required"),
        ("command: [python, main.py]", "warm: false", "give `command`"),
        ("command: [python, main.py]", "command: [python, gone.py]", "no file 'gone.py'"),
        ("command: [python, main.py]", "command: [python, ../main.py]", "no file '../main.py'"),
        ("command: [python, main.py]", "command: [./run.sh]", "no file './run.sh'"),
        ("command: [python, main.py]", "command: python main.py", "valid array"),
        ("command: [python, main.py]", "command: [sh, main.py]\nwarm: true", "[python, FILE]"),
        ("name: counter", "name: counter\nname: again", "duplicate key"),
        ("name: counter", "name: [counter", "expected"),
        ("name: counter", "name: !!python/name:os.system x", "in quotes"),
    ],
)
def test_a_wrong_value_is_refused(folder: Path, old: str, new: str, words: str) -> None:
    assert words in refused(folder, LEAST.replace(old, new))["message"]


def test_every_problem_is_told_at_once(folder: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        load(folder, LEAST.replace("AUTO", "NONE") + "timeout: x\n")
    assert [found["line"] for found in caught.value.fields["problems"]] == [5, 7]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{after}: &{after} [{','.join(['*' + before] * 9)}]\n"
            for before, after in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "[" * 5000,
        "[" * 3000 + "]" * 3000,
        "a: " * 300_000,
        "- a\n",
        "",
        "\x00",
    ],
)
def test_hostile_and_empty_files(folder: Path, text: str) -> None:
    assert refused(folder, text)["message"]


def test_no_manifest_at_all(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        load_manifest(tmp_path)


def test_digest_follows_content_names_and_modes(folder: Path) -> None:
    seen = {digest(folder)}
    (folder / "main.py").write_text("pass  # changed\n")
    seen.add(digest(folder))
    (folder / "main.py").rename(folder / "other.py")
    seen.add(digest(folder))
    (folder / "other.py").chmod(0o755)
    seen.add(digest(folder))
    (folder / "rules").mkdir()
    (folder / "rules" / "tests").mkdir()
    (folder / "rules" / "tests" / "x").write_text("")
    seen.add(digest(folder))
    assert len(seen) == 5


def test_digest_ignores_caches_and_tests(folder: Path) -> None:
    before = digest(folder)
    for name in ("tests", "__pycache__"):
        (folder / name).mkdir()
        (folder / name / "x.py").write_text("x")
    assert digest(folder) == before


def test_digest_refuses_links_and_pipes(folder: Path) -> None:
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(ManifestError, match="link is a symbolic link"):
        digest(folder)
    (folder / "link").unlink()
    (folder / "loop").symlink_to(".")
    with pytest.raises(ManifestError, match="loop is a symbolic link"):
        digest(folder)
    (folder / "loop").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(ManifestError, match="pipe is not a regular file"):
        digest(folder)


def test_a_check_has_no_network_no_secrets_and_does_not_write(folder: Path) -> None:
    text = FULL.replace("workspace: read", "workspace: write").replace("warm: true\n", "")
    (folder / "agent.yaml").write_text(
        text + "check: {inputs: {repositoryPath: /elsewhere}, timeout: 5s}\n"
    )
    manifest = load_manifest(folder)
    checking = manifest.for_check()
    assert (checking.workspace, checking.timeout_seconds) == (WorkspaceAccess.READ, 5.0)
    assert (checking.network_policy().allow, checking.secrets) == ((), ())
    assert checking.runtime_limits() == manifest.runtime_limits()
    assert manifest.workspace is WorkspaceAccess.WRITE
    assert AgentManifest.from_json(manifest.to_json()) == manifest


def test_an_agent_without_a_workspace_gets_none_for_its_check(folder: Path) -> None:
    inputs = "inputs: {type: object, properties: {dry: {type: boolean}}}\n"
    (folder / "agent.yaml").write_text(LEAST + inputs + "check: {inputs: {dry: true}}\n")
    checking = load_manifest(folder).for_check()
    assert (checking.workspace, checking.timeout_seconds) == (WorkspaceAccess.NONE, 30.0)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("{inputs: {}}", "check.inputs"),
        ("{}", "check.inputs"),
        ("{inputs: {dry: true}}", "no property for: dry"),
        ("{inputs: {repositoryPath: x}, timeout: 1h}", "check.timeout"),
        ("{inputs: {repositoryPath: x}, network: true}", "check.network"),
    ],
)
def test_a_check_that_cannot_be_made_is_refused(folder: Path, check: str, words: str) -> None:
    (folder / "agent.yaml").write_text(f"{FULL}check: {check}\n")
    with pytest.raises(ManifestError, match=words):
        load_manifest(folder)
