"""The compliance checker as the hub runs it."""

import json
from pathlib import Path

import pytest

from agents.analysis.tests.planted import BASE62, aws_key, places, plant, random_text, run
from agents.analysis.tests.sarif_shape import check_sarif

AGENT = "compliance-checker"


def planted(root: Path) -> Path:
    return plant(
        root,
        {
            "pyproject.toml": '[project]\nname = "a"\nlicense = "MIT"\ndependencies = [\n'
            ' "httpx",\n "pymupdf",\n]\n',
            "app/main.py": "from flask import Flask\n\napp = Flask(__name__)\n",
            "app/keys.py": f'KEY = "{aws_key()}"\n',
            ".env": f"DB_PASSWORD={random_text('env', 20, BASE62)}\nDEBUG=\n",
            ".env.example": "DB_PASSWORD=changeme\n",
        },
    )


def test_finds_exactly_what_is_planted(tmp_path: Path) -> None:
    result = run(AGENT, planted(tmp_path))
    output = result.value
    headers = [one for one in output["violations"] if one["rule"] == "security"]
    assert {(one["file"], one["line"]) for one in headers} == {("app/main.py", 3)}
    assert len(headers) == 6
    others = [one for one in output["violations"] if one["rule"] != "security"]
    assert places(others) == [
        ("environment-file", ".env", 1),
        ("generic-secret", ".env", 1),
        ("aws-access-key-id", "app/keys.py", 1),
        ("dependency-licence-not-checked", "pyproject.toml", 1),
        ("dependency-licence-conflict", "pyproject.toml", 6),
    ]
    assert output["passed"] is False
    assert output["projectLicense"] == "MIT"
    check_sarif(json.loads(result.artifacts["violations.sarif"]))
    assert aws_key()[6:] not in json.dumps(output) + result.stdout


@pytest.mark.parametrize("rule", ["licenses", "security", "secrets"])
def test_rules_can_be_chosen(tmp_path: Path, rule: str) -> None:
    output = run(AGENT, planted(tmp_path), rules=[rule]).value
    assert {violation["rule"] for violation in output["violations"]} == {rule}
    assert output["rules"] == [rule]


def test_a_repository_in_order_passes(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        {
            "Cargo.toml": '[package]\nname = "a"\nlicense = "MIT OR Apache-2.0"\n',
            "src/main.rs": "// SPDX-License-Identifier: MIT\nfn main() {}\n",
            ".env.example": "TOKEN=your-token\n",
        },
    )
    output = run(AGENT, root).value
    assert (output["violations"], output["passed"]) == ([], True)
