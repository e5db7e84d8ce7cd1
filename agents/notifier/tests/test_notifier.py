"""The notifier's program: what goes in as facts comes out as safe words."""

from pathlib import Path
from typing import Any

import pytest
from commandcenter_agent.testing import Result, run_agent
from jsonschema import Draft202012Validator

from commandcenter.agents.manifest import load_manifest

AGENT = Path(__file__).resolve().parent.parent

# Put together here, so that no scanner takes this file for a leak.
TOKENS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a" * 30,
    "glpat-" + "x" * 20,
    "xoxb-" + "1234567890-abcdef",
    "sk-ant-" + "api03-" + "k" * 30,
    "sk_live_" + "4" * 24,
    "AIza" + "b" * 35,
    "npm_" + "c" * 36,
    "123456789:" + "A" * 35,
    "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0In0" + ".sig",
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\n-----END RSA " + "PRIVATE KEY-----",
]


def notify(**inputs: Any) -> Result:
    manifest = load_manifest(AGENT)
    Draft202012Validator(manifest.inputs).validate(inputs)
    result = run_agent(AGENT, inputs)
    if result.exit_code == 0:
        Draft202012Validator(manifest.outputs).validate(result.output)
    return result


def only(**inputs: Any) -> dict[str, Any]:
    result = notify(**inputs)
    assert result.exit_code == 0, result.stderr
    (one,) = result.value["notifications"]
    assert isinstance(one, dict)
    return one


def test_renders_for_the_inbox_and_says_it_is_not_delivered() -> None:
    result = notify(title="Scan done", message="All *fine*.", severity="warning")
    assert result.output == {
        "delivered": False,
        "masked": 0,
        "notifications": [
            {
                "channel": "inbox",
                "to": None,
                "title": "Scan done",
                "body": "All *fine*.",
                "markdown": r"All \*fine\*\.",
                "severity": "warning",
                "truncated": False,
            }
        ],
    }


def test_details_of_another_step() -> None:
    one = only(
        title="Review",
        details={
            "score": 71,
            "passed": False,
            "issues": [{"severity": "critical", "file": "a.py", "line": 3, "message": "eval"}] * 12,
        },
    )
    assert one["body"].splitlines()[:4] == [
        "score: 71",
        "passed: no",
        "issues: 12",
        "  - [critical] a.py:3 eval",
    ]
    assert one["body"].endswith("  - and 2 more")
    assert r"- **score**: 71" in one["markdown"]


def test_several_channels_each_within_its_limits() -> None:
    result = notify(channel=["telegram", "email"], title="t" * 500, message="word " * 2000)
    short, long = result.value["notifications"]
    assert (short["channel"], short["truncated"]) == ("telegram", True)
    assert len(short["title"]) == 200
    assert 3000 < len(short["body"]) <= 3500
    assert short["body"].endswith("word…")
    assert len(long["body"]) > 9000


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:6])
def test_provider_tokens_are_masked(token: str) -> None:
    words = f"found {token} there"
    details = {
        "value": words,
        "issues": [{"file": "x", "line": 1, "message": "w " * 140 + words}],
        "nested": {"a": {"b": [words]}},
    }
    result = notify(title=words, message=words, details=details)
    text = str(result.output) + result.stdout + result.stderr
    assert token[:14] not in text
    assert "masked" in text


def test_values_are_masked_by_name() -> None:
    one = only(
        title="t",
        message="password=hunter2hunter2 and postgres://user:s3cret@db/x",
        details={"apiKey": "short", "nested": {"client_secret": "plain"}, "token_count": 5},
    )
    for secret in ("hunter2", "s3cret", "short", "plain"):
        assert secret not in str(one)
    assert "token_count: 5" in one["body"]
    assert "postgres://user:[masked]@db/x" in one["body"]


@pytest.mark.parametrize("style", ["plain", "markdown"])
def test_markdown_can_do_no_harm(style: str) -> None:
    text = (
        "<script>alert(1)</script> [x](javascript:alert(1)) [y]( data:text/html,x)\n"
        "[z]: vbscript:x\n[ok](https://example.org) \x1b[2J \u202e"
    )
    markdown = only(title="t", message=text, format=style)["markdown"]
    assert "<" not in markdown
    markdown = markdown.replace(r"\]", "")  # escaped, it opens nothing
    for bad in ("](javascript:", "]( data:", "]: vbscript:", "\x1b", "\u202e"):
        assert bad not in markdown
    if style == "markdown":
        assert "[ok](https://example.org)" in markdown


def test_titles_are_one_line() -> None:
    result = notify(title="a\r\nBcc: x\n::progress {}")
    assert result.value["notifications"][0]["title"] == "a Bcc: x ::progress {}"
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize("to", ["http://169.254.169.254/", "file:///etc/passwd", "a b", "../x"])
def test_an_address_is_not_a_destination(to: str) -> None:
    schema = Draft202012Validator(load_manifest(AGENT).inputs)
    assert not schema.is_valid({"title": "t", "to": to})
    assert schema.is_valid({"title": "t", "to": "ops-room"})


def test_unknown_channel() -> None:
    result = run_agent(AGENT, {"title": "t", "channel": "pigeon"})
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no channel pigeon; there are inbox, ")


@pytest.mark.parametrize("text", ["a" * 400_000, "sk-" * 150_000, "token=" * 80_000, "[" * 400_000])
def test_large_and_repetitive_text_ends(text: str) -> None:
    assert len(only(title="t", message=text, details={"x": text})["body"]) <= 10_000
