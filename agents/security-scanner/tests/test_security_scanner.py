"""The security scanner as the hub runs it: a program with an input, an output and an artifact."""

import json
from pathlib import Path

from agents.analysis.tests.planted import aws_key, github_token, places, plant, private_key, run
from agents.analysis.tests.sarif_shape import check_sarif

AGENT = "security-scanner"


def planted(root: Path) -> Path:
    return plant(
        root,
        {
            "app/db.py": "def f(c, x):\n    c.execute(\"SELECT a FROM t WHERE b = '%s'\" % x)\n",
            "app/net.py": "import requests\n\nrequests.get(u, verify=False, timeout=3)\n",
            "app/aws.py": f'import boto\n\nKEY = "{aws_key()}"\n',
            "web/a file.js": "const out = eval(input);\n",
            "server/main.go": "package main\n\nvar c = tls.Config{InsecureSkipVerify: true}\n",
            "deploy/tls.key": private_key(),
            "tests/test_login.py": f'TOKEN = "{github_token()}"\n',
            "package-lock.json": "{}",
            "clean.py": "def add(a, b):\n    return a + b\n",
        },
    )


EXPECTED = [
    ("aws-access-key-id", "app/aws.py", 3),
    ("S608", "app/db.py", 2),
    ("S501", "app/net.py", 3),
    ("private-key", "deploy/tls.key", 1),
    ("go-tls-not-verified", "server/main.go", 3),
    ("github-token", "tests/test_login.py", 1),
    ("js-eval", "web/a file.js", 1),
]


def test_finds_exactly_what_is_planted(tmp_path: Path) -> None:
    output = run(AGENT, planted(tmp_path)).value
    assert places(output["findings"]) == EXPECTED
    assert output["passed"] is False
    assert output["summary"]["critical"] == 5
    assert output["summary"]["warning"] == 1
    assert output["summary"]["info"] == 1
    assert (output["filesScanned"], output["incomplete"]) == (9, False)
    assert output["findings"][0]["severity"] == "critical"


def test_says_that_dependencies_were_not_checked(tmp_path: Path) -> None:
    dependencies = run(AGENT, planted(tmp_path)).value["dependencies"]
    assert dependencies["status"] == "not_checked"
    assert dependencies["lockFiles"] == ["package-lock.json"]


def test_no_secret_leaves_the_program(tmp_path: Path) -> None:
    result = run(AGENT, planted(tmp_path))
    told = json.dumps(result.output) + result.stdout + result.stderr
    told += "".join(content.decode() for content in result.artifacts.values())
    for secret in (aws_key(), github_token(), *private_key().splitlines()[1:-1]):
        assert secret[6:] not in told


def test_the_sarif_report(tmp_path: Path) -> None:
    result = run(AGENT, planted(tmp_path))
    results = check_sarif(json.loads(result.artifacts["findings.sarif"]))
    found = [
        (
            entry["ruleId"],
            entry["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].replace(
                "%20", " "
            ),
            entry["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for entry in results
    ]
    assert sorted(found) == sorted(EXPECTED)
    fingerprints = [finding["fingerprint"] for finding in result.value["findings"]]
    assert [entry["partialFingerprints"]["commandcenter/v1"] for entry in results] == fingerprints


def test_two_runs_agree_but_for_the_salt(tmp_path: Path) -> None:
    first, second = (run(AGENT, planted(tmp_path / "repo")).value for _ in range(2))
    for output in (first, second):
        for finding in output["findings"]:
            finding.pop("secretHash", None)
    assert first == second


def test_checks_can_be_chosen(tmp_path: Path) -> None:
    root = planted(tmp_path)
    secrets = run(AGENT, root, checks=["secrets"]).value["findings"]
    assert {finding["category"] for finding in secrets} == {"secret"}
    code = run(AGENT, root, checks=["code"]).value["findings"]
    assert {finding["category"] for finding in code} & {"secret"} == set()
    assert len(secrets) + len(code) == len(EXPECTED)


def test_a_clean_repository_passes(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        {
            "a.py": "import os\n\nPASSWORD = os.environ['PASSWORD']\n",
            "a.js": "const total = [1, 2].map((x) => x + 1);\n",
            "a.go": "package a\n\nfunc Add(a, b int) int { return a + b }\n",
            "README.md": "# A project\n\nSet `API_KEY=your-api-key` first.\n",
        },
    )
    output = run(AGENT, root).value
    assert (output["findings"], output["passed"]) == ([], True)


def test_an_empty_folder_passes(tmp_path: Path) -> None:
    output = run(AGENT, tmp_path).value
    assert (output["passed"], output["filesScanned"]) == (True, 0)
